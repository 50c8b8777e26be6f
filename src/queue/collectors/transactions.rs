//! The oldest open transaction: rows that completed since it began cannot be cleaned out of the index, and every
//! read of the queue steps over them.
//!
//! Without the right to see other sessions the answer would be wrong rather than missing, so there is none.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Collector, Found, View};
use crate::queue::metrics::OLDEST_TRANSACTION;

pub(super) struct Transactions;

impl Collector for Transactions {
    fn ask(&self, _view: &View<'_>) -> Vec<String> {
        vec![
            "select case when pg_has_role(current_user, 'pg_read_all_stats', 'usage') then coalesce((
               select greatest(extract(epoch from now() - min(xact_start)), 0) from pg_stat_activity
               where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
             ), 0) end::float8 as age"
                .to_owned(),
        ]
    }

    fn take(&mut self, answers: &[&[PgRow]], found: &mut Found) -> sqlx::Result<()> {
        let Some(row) = answers.first().and_then(|rows| rows.first()) else { return Ok(()) };
        if let Some(age) = row.try_get("age")? {
            found.gauge(&OLDEST_TRANSACTION, age);
        }
        Ok(())
    }
}
