//! The one SQLite file: what must outlive the process, behind typed functions.
//!
//! One writer task applies jobs in transactions; a write returns when it is on disk. Reads go through two
//! connections of their own. If the disk fails, the store goes on in memory (bounded), says so in
//! `memsentry_store_up`, and brings what it holds back to the file once that works again. A new table is one
//! file here, one entry in `migrations::ALL`, and a row in `mirror::TABLES` if it must survive that detour.

mod alert_history;
mod deliveries;
mod documents;
mod file;
mod memory;
mod metrics;
mod migrations;
mod mirror;
mod notification_log;
mod outbox;
mod sample_history;
mod settings;
mod trouble;
mod writer;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration as StdDuration;

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Registry;
use crate::model::task::Task;

pub use alert_history::{HistoryEntry, HistoryFilter, HistoryRow, MOST_READ};
pub use deliveries::DeliveryRow;
pub use documents::{Document, Table};
pub use metrics::DEFINITIONS;
pub use notification_log::NotificationLogRow;
pub use outbox::{OutboxRow, Replacement};
pub use sample_history::{HistoryWrite, StoredBlock, StoredChunk, StoredSeries};
pub use settings::Settings;

use metrics::Metrics;
use trouble::Trouble;
use writer::{Message, Turn, Writer};

/// Longest that a caller waits for a write or a read. A write that was not answered in time may still happen.
const CALLER_WAIT: StdDuration = StdDuration::from_secs(8);
/// Writes that may wait for the writer; more make their callers wait.
const QUEUE: usize = 1024;

/// Why something could not be stored or read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreError(pub String);

/// The handle on the file. Clones share one writer. A write returns when it is on disk, or in memory while the
/// disk fails; it waits a bounded time.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    jobs: mpsc::Sender<Message>,
    /// Where reads go: the file, or memory while the file cannot be used.
    source: RwLock<SqlitePool>,
    /// The writer while nobody runs it, so that it can be started again after a panic.
    turn: Mutex<Option<Writer>>,
    metrics: Metrics,
}

type Applied<'c> = Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'c>>;

/// One write. It may be applied more than once to different databases, never twice to one.
trait Job: Send + Sync {
    /// Does it, within a transaction that somebody else commits.
    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c>;

    /// Whether it concerns the file only and is refused while the store is in memory.
    fn is_for_the_file(&self) -> bool {
        false
    }

    /// Whether it counts only once the disk has it. Otherwise it may be lost with the power, though not with the process.
    fn waits_for_the_disk(&self) -> bool {
        !self.is_for_the_file()
    }
}

impl Store {
    /// Opens or creates the file; `None` keeps everything in memory. A corrupt file is set aside (renamed) and a
    /// new one begun. A file that cannot be used, or that a newer memsentry or another program made, is left
    /// alone: the store goes on in memory, says so in `memsentry_store_up`, and tries again.
    /// Returns the writer as a task to run; without it, writes fail after a while.
    pub async fn open(path: Option<&Path>, registry: &Registry) -> (Self, Task) {
        let metrics = Metrics::new(registry);
        let (jobs, receiver) = mpsc::channel(QUEUE);
        let (writer, source) = Writer::open(path.map(Path::to_owned), receiver, &metrics).await;
        let inner = Arc::new(Inner { jobs, source: RwLock::new(source), turn: Mutex::new(Some(writer)), metrics });
        let store = Self(Arc::clone(&inner));
        let task = Task::new("store writer", move || {
            let inner = Arc::clone(&inner);
            async move {
                if let Some(mut turn) = Turn::take(&inner) {
                    turn.run().await;
                }
            }
        });
        (store, task)
    }

    /// Whether what is written reaches the disk, or memory where no file is configured.
    #[must_use]
    pub fn is_on_disk(&self) -> bool {
        self.0.metrics.is_up()
    }

    /// Ends the writer after everything queued so far and closes the file, so that one tidy file is left.
    /// Later writes fail.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (done, closed) = oneshot::channel();
        self.ask(Message::Close(done), closed).await
    }

    async fn write(&self, job: impl Job + 'static) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Message::Write(writer::Pending { job: Box::new(job), reply }), answer).await?
    }

    async fn ask<T>(&self, message: Message, answer: oneshot::Receiver<T>) -> Result<T, StoreError> {
        let exchange = async {
            self.0.jobs.send(message).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(CALLER_WAIT, exchange).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(StoreError("the writer has ended".to_owned())),
            Err(_) => {
                self.0.metrics.failed();
                Err(StoreError(format!("no answer from the writer within {}s", CALLER_WAIT.as_secs())))
            }
        }
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        let pool = self.0.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.bounded(pool.acquire()).await
    }

    /// Waits for a read; what looks like a failing disk is told to the writer.
    async fn bounded<T>(&self, read: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
        let trouble = match tokio::time::timeout(CALLER_WAIT, read).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => Trouble::from(&error),
            Err(_) => Trouble::Disk(format!("no answer within {}s", CALLER_WAIT.as_secs())),
        };
        let error = StoreError(trouble.to_string());
        if trouble.is_storage() {
            // A full queue means that the writer will soon see for itself.
            let _ = self.0.jobs.try_send(Message::Suspect(trouble));
        }
        Err(error)
    }
}
