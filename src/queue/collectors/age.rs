//! How long rows wait: the oldest of each status, and how many have waited too long.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Collector, Found, View, each_status};
use crate::queue::metrics::{OLDEST_AGE, STUCK};

pub(super) struct Age;

impl Collector for Age {
    fn ask(&self, view: &View<'_>) -> Vec<String> {
        let queue = view.queue;
        let oldest = each_status(view.counted(), |status| {
            format!(
                "select {status}::text as status, coalesce(
                   (select greatest(extract(epoch from now() - min(created_at)), 0) from {queue} where status = {status}),
                   0)::float8 as age"
            )
        });
        let millis = view.stuck_after.std().as_millis();
        let stuck = each_status(view.open.iter().map(String::as_str), |status| {
            format!(
                "select count(*) as entries from (select 1 from {queue} where status = {status}
                 and created_at < now() - interval '{millis} milliseconds' limit {}) few",
                view.max_depth
            )
        });
        vec![oldest, stuck]
    }

    fn take(&mut self, answers: &[&[PgRow]], found: &mut Found) -> sqlx::Result<()> {
        let [oldest, stuck] = answers else { return Ok(()) };
        for row in *oldest {
            found.gauge_of(&OLDEST_AGE, &row.try_get::<String, _>("status")?, row.try_get("age")?);
        }
        let entries = super::sum(stuck)?;
        found.gauge(&STUCK, entries);
        Ok(())
    }
}
