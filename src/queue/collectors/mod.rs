//! What is asked about the queue, one file per family of metrics; [`METRICS`] lists them.
//!
//! All questions of one read go to the database together and see one snapshot. Each must cost the same however
//! many rows are complete: it names the statuses, so that the index on status and created_at serves it, and
//! stops at a limit.

mod age;
mod entries;
mod ledger;
mod retries;
mod table;
mod throughput;
mod transactions;

use sqlx::postgres::PgRow;

use crate::metrics::{Definition, Registry};
use crate::model::Duration;

use super::layout::Layout;

/// The status of rows that are done. Never counted.
pub(super) const COMPLETE: &str = "complete";
/// The status of rows that were given up.
pub(super) const FAILED: &str = "failed";
/// Statuses on the way, known from the service's contract. Others that turn up in the table count as open too.
pub(super) const OPEN: [&str; 2] = ["pending_summarization", "ready_to_write"];

/// What a question may depend on.
pub(super) struct View<'a> {
    /// The queue table as statements name it.
    pub(super) queue: &'a str,
    pub(super) layout: &'a Layout,
    /// Open statuses: the known ones and others that were seen.
    pub(super) open: &'a [String],
    pub(super) max_depth: u32,
    pub(super) stuck_after: Duration,
}

/// What a read found.
#[derive(Default)]
pub(super) struct Found {
    /// The database's time in microseconds since the epoch.
    pub(super) now: i64,
    pub(super) target: String,
    pub(super) gauges: Vec<(&'static Definition, Vec<String>, f64)>,
    /// Statuses in the table that are neither known nor complete nor failed.
    pub(super) unknown: Vec<String>,
}

impl Found {
    fn gauge(&mut self, definition: &'static Definition, value: f64) {
        self.gauges.push((definition, vec![self.target.clone()], value));
    }

    fn gauge_of(&mut self, definition: &'static Definition, status: &str, value: f64) {
        self.gauges.push((definition, vec![self.target.clone(), status.to_owned()], value));
    }
}

/// One family of metrics: what it asks, and what it makes of the answers.
pub(super) trait Collector: Send {
    /// SELECTs to send, any number.
    fn ask(&self, view: &View<'_>) -> Vec<String>;

    /// The rows of each SELECT, in the same order.
    fn take(&mut self, answers: &[&[PgRow]], found: &mut Found) -> sqlx::Result<()>;

    /// A question that arises from the answers, sent afterwards.
    fn ask_again(&self, _view: &View<'_>) -> Option<String> {
        None
    }

    /// The rows of that question.
    fn take_again(&mut self, _rows: &[PgRow]) -> sqlx::Result<()> {
        Ok(())
    }
}

type New = fn(&Registry, target: &str) -> Box<dyn Collector>;

/// Every family. A new one is a file, its `mod` line and a row here.
pub(super) const METRICS: &[New] = &[
    |_, _| Box::new(entries::Entries),
    |_, _| Box::new(age::Age),
    |_, _| Box::new(retries::Retries),
    |registry, target| Box::new(throughput::Throughput::new(registry, target)),
    |_, _| Box::new(table::TableSize),
    |_, _| Box::new(transactions::Transactions),
];

/// The same SELECT for each status, in one statement.
fn each_status<'a>(statuses: impl IntoIterator<Item = &'a str>, select: impl Fn(&str) -> String) -> String {
    let parts: Vec<String> = statuses.into_iter().map(|status| select(&super::names::literal(status))).collect();
    parts.join("\nunion all ")
}

impl View<'_> {
    /// Open statuses and failed.
    fn counted(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(String::as_str).chain([FAILED])
    }
}

/// The sum of the column `entries`.
fn sum(rows: &[PgRow]) -> sqlx::Result<f64> {
    let mut sum = 0_i64;
    for row in rows {
        sum = sum.saturating_add(sqlx::Row::try_get(row, "entries")?);
    }
    #[allow(clippy::cast_precision_loss)] // a few million at most
    let sum = sum as f64;
    Ok(sum)
}
