//! The one SQLite file: what must outlive the process, behind typed functions.

use std::path::Path;

use crate::metrics::Registry;
use crate::model::{Timestamp, task::Task};

/// One delivery that waits for its receiver's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Unique and stable: the idempotency key that receivers see.
    pub id: String,
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// Which of its notifiers, such as `webhook[0]`.
    pub notifier: String,
    /// The alert group's key.
    pub group_key: String,
    /// The notification as JSON; the store does not look inside.
    pub body: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// Not before this time.
    pub next_attempt_at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// Why the last attempt failed; redacted.
    pub last_error: Option<String>,
}

/// What a receiver's notifier was last told about one alert group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationLogRow {
    /// Group key, receiver and notifier.
    pub key: String,
    /// Hashes of the label sets told as firing.
    pub firing: Vec<u64>,
    /// Hashes of the label sets told as resolved.
    pub resolved: Vec<u64>,
    /// When.
    pub sent_at: Timestamp,
    /// When the entry may be forgotten.
    pub expires_at: Timestamp,
}

/// One row of a keyed table of JSON documents: rule alert states and the dispatcher's alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Unique in its table.
    pub key: String,
    /// JSON; the store does not look inside.
    pub body: String,
}

/// Tables of JSON documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Alert state of the rules: pending since, firing since, keep-firing since.
    RuleAlerts,
    /// Alerts that the dispatcher knows.
    NotifyAlerts,
}

/// Why something could not be stored or read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreError(pub String);

/// The handle on the file. Clones share one writer. A write returns when it is on disk.
#[derive(Clone)]
pub struct Store(());

impl Store {
    /// Opens or creates the file; `None` keeps everything in memory. A file that cannot be used is set aside
    /// or left, the store goes on in memory, says so in `memsentry_store_up`, and tries again.
    /// Returns the writer as a task to run.
    pub async fn open(_path: Option<&Path>, _registry: &Registry) -> (Self, Task) {
        (Self(()), Task::new("store writer", || async {}))
    }

    /// Records in one transaction what is being told and queues its deliveries.
    pub async fn commit_notification(
        &self,
        _log: Vec<NotificationLogRow>,
        _deliveries: Vec<OutboxRow>,
    ) -> Result<(), StoreError> {
        Ok(())
    }
    /// Everything that waits, oldest first.
    pub async fn outbox(&self) -> Result<Vec<OutboxRow>, StoreError> {
        Ok(Vec::new())
    }
    /// Records a failed attempt and when the next is due.
    pub async fn postpone(&self, _id: &str, _attempts: u32, _next: Timestamp, _error: &str) -> Result<(), StoreError> {
        Ok(())
    }
    /// Removes a delivery in the transaction that records its result (`delivered`, or why it was given up).
    pub async fn finish(&self, _id: &str, _at: Timestamp, _result: &str) -> Result<(), StoreError> {
        Ok(())
    }
    /// The notification log.
    pub async fn notification_log(&self) -> Result<Vec<NotificationLogRow>, StoreError> {
        Ok(Vec::new())
    }
    /// Forgets log entries that expired before `at`.
    pub async fn expire_notification_log(&self, _at: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
    /// Sets and removes documents of a table in one transaction.
    pub async fn put(&self, _table: Table, _set: Vec<Document>, _remove: Vec<String>) -> Result<(), StoreError> {
        Ok(())
    }
    /// All documents of a table.
    pub async fn documents(&self, _table: Table) -> Result<Vec<Document>, StoreError> {
        Ok(Vec::new())
    }
}
