//! Reads the service's Postgres queue, at a cost that does not depend on completed rows.

use serde::Deserialize;

use crate::model::{Duration, Secret, Timestamp};

/// How to reach one service's database and what its tables are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Postgres URL with user and password.
    pub url: Secret,
}

/// One row of the queue as probes follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueRow {
    /// `status` as stored.
    pub status: String,
    /// When it was queued, by the database's clock.
    pub created_at: Timestamp,
    /// Set by some deployments only.
    pub processed_at: Option<Timestamp>,
    /// Failed attempts.
    pub retry_count: i32,
    /// The worker's last error.
    pub error_message: Option<String>,
}

/// What happened to synthetic conversations left behind by earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Removed now.
    pub removed: u64,
    /// Still there.
    pub left: u64,
}

/// Why the database gave no answer; the text is redacted and safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached or refuses us.
    #[error("database unreachable: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("database timed out after {0}")]
    Timeout(Duration),
    /// It refused the statement.
    #[error("database refused: {0}")]
    Refused(String),
}

/// Connections to one service's database: at most two, time-outs on each. Clones share them.
#[derive(Clone)]
pub struct Database(());

impl Database {
    /// Prepares connections without dialling. `instance` names this memsentry in the marker of synthetic data.
    #[must_use]
    pub fn new(_settings: &Settings, _instance: &str) -> Self {
        Self(())
    }
    /// The queue row that the API's `queue_id` names.
    pub async fn queue_row(&self, _queue_id: &str) -> Result<Option<QueueRow>, DatabaseError> {
        Ok(None)
    }
    /// Whether conversations may be removed by SQL (`cleanup: true` and the grant is there).
    #[must_use]
    pub fn may_clean_up(&self) -> bool {
        false
    }
    /// Removes these conversations where they carry our marker; answers how many went.
    pub async fn remove_synthetic(&self, _chat_ids: &[String]) -> Result<u64, DatabaseError> {
        Ok(0)
    }
    /// Removes marked conversations of this instance older than `age`, in bounded steps.
    pub async fn sweep_synthetic(&self, _age: Duration) -> Result<Sweep, DatabaseError> {
        Ok(Sweep::default())
    }
}
