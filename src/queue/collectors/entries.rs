//! How many rows wait: by status, and in sum as depth.
//!
//! Counts through the index and stops at `max_depth`. Which statuses there are is found by jumping through the
//! index from one to the next, a handful of page reads however long the table; a status never heard of counts
//! as open from the next read on.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{COMPLETE, Collector, FAILED, Found, OPEN, View, each_status};
use crate::queue::metrics::{CAPPED, DEPTH, ENTRIES};

/// Statuses in the table that are looked at; what lies beyond is not seen.
const MAX_STATUSES: usize = 16;

pub(super) struct Entries;

impl Collector for Entries {
    fn ask(&self, view: &View<'_>) -> Vec<String> {
        let (queue, limit) = (view.queue, u64::from(view.max_depth) + 1);
        let counts = each_status(view.counted(), |status| {
            format!(
                "select {status}::text as status, {limit}::bigint as lim,
                 (select count(*) from (select 1 from {queue} where status = {status} limit {limit}) few) as entries"
            )
        });
        let statuses = format!(
            "with recursive found(status) as (
               (select status::text from {queue} where status is not null order by status limit 1)
               union all
               select (select q.status::text from {queue} q where q.status > found.status order by q.status limit 1)
               from found where found.status is not null
             )
             select status from found where status is not null limit {MAX_STATUSES}"
        );
        vec![counts, statuses]
    }

    fn take(&mut self, answers: &[&[PgRow]], found: &mut Found) -> sqlx::Result<()> {
        let [counts, statuses] = answers else { return Ok(()) };
        let (mut depth, mut capped) = (0.0, false);
        for row in *counts {
            let status: String = row.try_get("status")?;
            let (entries, limit): (i64, i64) = (row.try_get("entries")?, row.try_get("lim")?);
            let shown = entries.min(limit - 1);
            #[allow(clippy::cast_precision_loss)] // at most a million
            let shown = shown as f64;
            found.gauge_of(&ENTRIES, &status, shown);
            capped |= entries >= limit;
            if status != FAILED {
                depth += shown;
            }
        }
        found.gauge(&DEPTH, depth);
        found.gauge(&CAPPED, f64::from(u8::from(capped)));
        for row in *statuses {
            let status: String = row.try_get("status")?;
            if status != COMPLETE && status != FAILED && !OPEN.contains(&status.as_str()) {
                found.unknown.push(status);
            }
        }
        Ok(())
    }
}
