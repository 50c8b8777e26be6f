//! How many open rows have failed before.
//!
//! Retries are not in the index, so rows are fetched, and only the oldest of each status: a row that was tried
//! keeps its place at the head of the queue.

use sqlx::postgres::PgRow;

use super::{Collector, Found, View, each_status};
use crate::queue::metrics::RETRYING;

/// Rows of each status that are looked at.
const HEAD: usize = 5_000;

pub(super) struct Retries;

impl Collector for Retries {
    fn ask(&self, view: &View<'_>) -> Vec<String> {
        if !view.layout.queue.has("retry_count") {
            return Vec::new();
        }
        vec![each_status(view.open.iter().map(String::as_str), |status| {
            format!(
                "select count(*) as entries from (select retry_count from {} where status = {status}
                 order by created_at limit {HEAD}) head where retry_count > 0",
                view.queue
            )
        })]
    }

    fn take(&mut self, answers: &[&[PgRow]], found: &mut Found) -> sqlx::Result<()> {
        if let [rows] = answers {
            let entries = super::sum(rows)?;
            found.gauge(&RETRYING, entries);
        }
        Ok(())
    }
}
