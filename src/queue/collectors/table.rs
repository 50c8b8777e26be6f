//! How large the table is, from the catalogue: the same small cost at every size.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Collector, Found, View};
use crate::queue::metrics::{ESTIMATED_ROWS, TABLE_BYTES};
use crate::queue::names::literal;

pub(super) struct TableSize;

impl Collector for TableSize {
    fn ask(&self, view: &View<'_>) -> Vec<String> {
        vec![format!(
            "select reltuples::float8 as estimate, pg_total_relation_size(oid)::float8 as bytes
             from pg_class where oid = to_regclass({})",
            literal(view.queue)
        )]
    }

    fn take(&mut self, answers: &[&[PgRow]], found: &mut Found) -> sqlx::Result<()> {
        let Some(row) = answers.first().and_then(|rows| rows.first()) else { return Ok(()) };
        let estimate: f64 = row.try_get("estimate")?;
        // -1 says that the table was never analysed.
        if estimate >= 0.0 {
            found.gauge(&ESTIMATED_ROWS, estimate);
        }
        found.gauge(&TABLE_BYTES, row.try_get("bytes")?);
        Ok(())
    }
}
