//! One row of the queue, as probes follow it from the API's `queue_id` to its end.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::model::Timestamp;
use crate::model::secret::redact;

use super::database::{Database, Use};
use super::error::{DatabaseError, secrets_of};
use super::layout::Layout;

/// Longest error message that is taken over, in characters.
const MAX_MESSAGE: usize = 500;

/// One row of the queue as probes follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueRow {
    /// `status` as stored.
    pub status: String,
    /// When it was queued, by the database's clock.
    pub created_at: Timestamp,
    /// Set by some deployments only.
    pub processed_at: Option<Timestamp>,
    /// Failed attempts; 0 where the deployment does not count them.
    pub retry_count: i32,
    /// The worker's last error, cut at 500 characters.
    pub error_message: Option<String>,
}

/// How a queue row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// Processed. An error message or a retry count may be left over from earlier attempts.
    Complete,
    /// The worker has given it up.
    GivenUp,
    /// Not yet.
    Waiting,
}

impl RowState {
    /// What a row's status says.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "complete" | "completed" | "done" | "processed" => Self::Complete,
            "failed" | "error" | "parked" | "dead" | "dead_letter" | "cancelled" => Self::GivenUp,
            _ => Self::Waiting,
        }
    }
}

impl QueueRow {
    /// Reads the status alone: `processed_at` may never be set, and success clears neither error nor retries.
    #[must_use]
    pub fn state(&self) -> RowState {
        RowState::of(&self.status)
    }

    /// What a statement has to select for [`Database::decode`].
    pub(super) fn columns(layout: &Layout) -> String {
        let or_null = |column: &str, sql: &str| {
            if layout.queue.has(column) { sql.to_owned() } else { "null".to_owned() }
        };
        format!(
            "status::text, {} as created, {}::bigint as processed, {}::int as retries, {}::text as error",
            millis("created_at"),
            or_null("processed_at", &millis("processed_at")),
            or_null("retry_count", "retry_count"),
            or_null("error_message", &format!("left(error_message, {MAX_MESSAGE})")),
        )
    }
}

impl Database {
    /// The queue row that the API's `queue_id` names; `None` also if it cannot be an id of this queue.
    pub async fn queue_row(&self, queue_id: &str) -> Result<Option<QueueRow>, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        let Some(id) = layout.queue.key("id", queue_id) else { return Ok(None) };
        let mut batch = self.reading();
        let (columns, queue) = (QueueRow::columns(&layout), &self.shared().names.queue);
        let part = batch.select(&format!("select {columns} from {queue} where id = {id}"));
        let answers = self.run(Use::Probe, batch).await?;
        let row = answers.rows(part).first().map(|row| self.decode(row)).transpose();
        row.map_err(|error| self.unexpected(&error))
    }

    /// A row that was selected with [`QueueRow::columns`].
    pub(super) fn decode(&self, row: &PgRow) -> sqlx::Result<QueueRow> {
        let secrets = secrets_of(&self.shared().settings.url);
        Ok(QueueRow {
            status: row.try_get::<Option<String>, _>("status")?.unwrap_or_default(),
            created_at: Timestamp::from_millis(row.try_get("created")?),
            processed_at: row.try_get::<Option<i64>, _>("processed")?.map(Timestamp::from_millis),
            retry_count: row.try_get::<Option<i32>, _>("retries")?.unwrap_or(0),
            error_message: row.try_get::<Option<String>, _>("error")?.map(|text| redact(&text, &secrets)),
        })
    }
}

fn millis(column: &str) -> String {
    format!("(extract(epoch from {column}) * 1000)::bigint")
}
