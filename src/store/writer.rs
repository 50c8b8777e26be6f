//! The single writer: takes jobs off the queue, applies them in transactions, and copes with a disk that fails.
//!
//! Jobs that wait together share a transaction and thus one wait for the disk. When the file fails, its contents
//! move to memory and the work goes on there; attempts to open the file again run beside it. Whatever memory
//! then holds replaces the file's contents, or is laid over them if they could not be read when the file failed.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration as StdDuration;

use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::model::task::BoxFuture;
use crate::model::{Clock, Stopwatch};

use super::file::{self, File};
use super::metrics::Metrics;
use super::trouble::Trouble;
use super::{Inner, Job, StoreError, memory, mirror};

/// Longest wait for one transaction, for opening at start, and for moving the contents.
const DISK_WAIT: StdDuration = StdDuration::from_secs(3);
/// Most jobs in one transaction.
const BATCH: usize = 256;
/// Pause between looks at the file while all is well, and before the first attempt to open it again.
const PAUSE: StdDuration = StdDuration::from_secs(2);
/// Longest pause between attempts.
const MAX_PAUSE: StdDuration = StdDuration::from_secs(60);

pub(super) enum Message {
    Write(Pending),
    /// A reader met what looks like a failing disk.
    Suspect(Trouble),
    Close(oneshot::Sender<()>),
}

pub(super) struct Pending {
    pub(super) job: Box<dyn Job>,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Where the data is.
enum Home {
    Disk(File),
    /// In memory, by configuration or because the file fails.
    Memory {
        pool: SqlitePool,
        /// Whether memory took over all of the file's contents, so that it may replace them.
        complete: bool,
    },
    Closed,
}

pub(super) struct Writer {
    path: Option<PathBuf>,
    receiver: mpsc::Receiver<Message>,
    home: Home,
    /// The attempt to open the file that is under way; never more than one, because a hung disk keeps a thread.
    attempt: Option<BoxFuture<Result<File, Trouble>>>,
    pause: StdDuration,
    /// Since the last look at the file, or the last attempt to open it.
    looked: Stopwatch,
    metrics: Metrics,
}

/// The writer while a task runs it; goes back into its place also when that task panics.
pub(super) struct Turn<'a> {
    inner: &'a Inner,
    writer: Option<Writer>,
}

impl<'a> Turn<'a> {
    /// Takes the writer, unless somebody else runs it.
    pub(super) fn take(inner: &'a Inner) -> Option<Self> {
        let writer = inner.turn.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Self { inner, writer: Some(writer) })
    }

    /// Works until the store is closed.
    pub(super) async fn run(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.run(self.inner).await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.inner.turn.lock().unwrap_or_else(PoisonError::into_inner) = self.writer.take();
    }
}

impl Writer {
    /// Opens the file within a bounded time, or memory in its place. Answers with where reads go.
    pub(super) async fn open(
        path: Option<PathBuf>,
        receiver: mpsc::Receiver<Message>,
        metrics: &Metrics,
    ) -> (Self, SqlitePool) {
        let (home, looked) = (Home::Closed, Stopwatch::start());
        let mut writer = Self { path, receiver, home, attempt: None, pause: PAUSE, looked, metrics: metrics.clone() };
        metrics.up(true);
        let Some(path) = writer.path.clone() else {
            let pool = writer.go_in_memory(false).await;
            return (writer, pool);
        };
        let mut attempt = open_or_set_aside(path.clone());
        match timeout(DISK_WAIT, &mut attempt).await {
            Ok(Ok(file)) => {
                let reads = file.reads.clone();
                writer.home = Home::Disk(file);
                return (writer, reads);
            }
            Ok(Err(trouble)) => writer.say_down(&trouble),
            Err(_) => {
                writer.attempt = Some(attempt);
                writer.say_down(&Trouble::Disk(format!("did not open within {}s", DISK_WAIT.as_secs())));
            }
        }
        let pool = writer.go_in_memory(false).await;
        (writer, pool)
    }

    async fn run(&mut self, inner: &Inner) {
        while !matches!(self.home, Home::Closed) {
            let message = tokio::select! {
                message = self.receiver.recv() => message,
                opened = attempted(&mut self.attempt) => {
                    self.attempt = None;
                    self.opened(opened, inner).await;
                    self.looked = Stopwatch::start();
                    continue;
                }
                // Counted from the last look: jobs may come more often than this.
                () = tokio::time::sleep_until(self.looked.started() + self.pause) => {
                    self.look(inner).await;
                    self.looked = Stopwatch::start();
                    continue;
                }
            };
            match message {
                Some(Message::Write(first)) => self.batch(first, inner).await,
                Some(Message::Suspect(trouble)) => self.suspect(trouble, inner).await,
                Some(Message::Close(done)) => {
                    self.close().await;
                    let _ = done.send(());
                }
                None => return,
            }
        }
    }

    /// Applies a job together with those that wait behind it.
    async fn batch(&mut self, first: Pending, inner: &Inner) {
        let mut batch = vec![first];
        let mut after = None;
        while batch.len() < BATCH {
            match self.receiver.try_recv() {
                Ok(Message::Write(next)) => batch.push(next),
                Ok(other) => {
                    after = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        if self.apply(&batch, inner).await.is_ok() {
            for pending in batch {
                let _ = pending.reply.send(Ok(()));
            }
        } else {
            // One bad job must not take the others with it.
            for pending in batch {
                let result = self.apply(std::slice::from_ref(&pending), inner).await;
                let _ = pending.reply.send(result.map_err(|trouble| StoreError(trouble.to_string())));
            }
        }
        match after {
            Some(Message::Suspect(trouble)) => self.suspect(trouble, inner).await,
            Some(Message::Close(done)) => {
                self.close().await;
                let _ = done.send(());
            }
            _ => {}
        }
    }

    /// Applies jobs in one transaction; if the file fails, in memory.
    async fn apply(&mut self, batch: &[Pending], inner: &Inner) -> Result<(), Trouble> {
        loop {
            let watch = Stopwatch::start();
            let on_disk = matches!(self.home, Home::Disk(_));
            let trouble = match timeout(DISK_WAIT, self.transact(batch)).await {
                Ok(Ok(())) => {
                    self.metrics.written(watch);
                    return Ok(());
                }
                Ok(Err(error)) => Trouble::from(&error),
                Err(_) => Trouble::Disk(format!("no answer within {}s", DISK_WAIT.as_secs())),
            };
            self.metrics.failed();
            if !on_disk || !trouble.is_storage() {
                return Err(trouble);
            }
            self.leave_file(trouble, inner).await;
        }
    }

    async fn transact(&mut self, batch: &[Pending]) -> sqlx::Result<()> {
        let mut pooled;
        let mut is_for_the_file = batch.iter().map(|pending| pending.job.is_for_the_file());
        let conn: &mut SqliteConnection = match &mut self.home {
            Home::Disk(file) => {
                let waits = batch.iter().any(|pending| pending.job.waits_for_the_disk());
                file.waiting_for_the_disk(waits).await?
            }
            Home::Memory { .. } if is_for_the_file.any(|is| is) => {
                return Err(sqlx::Error::Configuration("the file cannot be used now".into()));
            }
            Home::Memory { pool, .. } => {
                pooled = pool.acquire().await?;
                &mut pooled
            }
            Home::Closed => return Err(sqlx::Error::PoolClosed),
        };
        let mut transaction = conn.begin_with("begin immediate").await?;
        for pending in batch {
            pending.job.apply(&mut transaction).await?;
        }
        transaction.commit().await
    }

    async fn suspect(&mut self, trouble: Trouble, inner: &Inner) {
        if matches!(self.home, Home::Disk(_)) {
            self.metrics.failed();
            self.leave_file(trouble, inner).await;
        }
    }

    /// Looks after the file between jobs: notices that it is gone, or tries to open it again.
    async fn look(&mut self, inner: &Inner) {
        let Some(path) = self.path.clone() else { return };
        match &self.home {
            Home::Disk(file) => {
                if matches!(timeout(DISK_WAIT, file.is_at(&path)).await, Ok(false)) {
                    self.leave_file(Trouble::Gone, inner).await;
                }
            }
            Home::Memory { .. } if self.attempt.is_none() => self.attempt = Some(open_or_set_aside(path)),
            _ => {}
        }
    }

    /// Moves the contents to memory and lets go of the file.
    async fn leave_file(&mut self, trouble: Trouble, inner: &Inner) {
        self.say_down(&trouble);
        let Home::Disk(mut file) = std::mem::replace(&mut self.home, Home::Closed) else { return };
        let contents = match timeout(DISK_WAIT, read_contents(&mut file)).await {
            Ok(Ok(contents)) => Some(contents),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "what the store's file held cannot be read now");
                None
            }
            Err(_) => None,
        };
        let pool = self.go_in_memory(contents.is_some()).await;
        if let Some(contents) = contents
            && let Err(error) = fill(&pool, &contents).await
        {
            tracing::warn!(%error, "what the store's file held does not fit into memory");
            self.home = Home::Memory { pool: pool.clone(), complete: false };
        }
        *inner.source.write().unwrap_or_else(PoisonError::into_inner) = pool;
        let _ = timeout(DISK_WAIT, file.close()).await;
        self.pause = PAUSE;
        let Some(path) = self.path.clone() else { return };
        self.attempt = match trouble {
            // The damage may lie where opening does not look.
            Trouble::Corrupt(_) => Some(Box::pin(async move {
                put_aside(&path, &trouble).await?;
                file::open(&path).await
            })),
            Trouble::Gone => Some(open_or_set_aside(path)),
            _ => None,
        };
    }

    /// An attempt to open the file has ended: carries the contents there, or waits longer for the next.
    async fn opened(&mut self, opened: Result<File, Trouble>, inner: &Inner) {
        let outcome = match opened {
            Ok(file) => self.carry_back(file).await,
            Err(trouble) => Err(trouble),
        };
        match outcome {
            Ok(file) => {
                *inner.source.write().unwrap_or_else(PoisonError::into_inner) = file.reads.clone();
                if let Home::Memory { pool, .. } = std::mem::replace(&mut self.home, Home::Disk(file)) {
                    // Not awaited: a reader may still hold its one connection.
                    drop(pool);
                }
                self.pause = PAUSE;
                self.metrics.up(true);
                tracing::info!("the store writes to its file again");
            }
            Err(trouble) => {
                self.metrics.failed();
                self.pause = (self.pause * 2).min(MAX_PAUSE);
                tracing::debug!(error = %trouble, "the store's file still cannot be used");
            }
        }
    }

    async fn carry_back(&mut self, mut file: File) -> Result<File, Trouble> {
        let Home::Memory { pool, complete } = &self.home else { return Ok(file) };
        let carry = async {
            let contents = mirror::read(&mut *pool.acquire().await?).await?;
            mirror::write(&mut file.conn, &contents, !*complete).await
        };
        match timeout(DISK_WAIT, carry).await {
            Ok(Ok(())) => Ok(file),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Trouble::Disk(format!("did not take the contents within {}s", DISK_WAIT.as_secs()))),
        }
    }

    async fn go_in_memory(&mut self, complete: bool) -> SqlitePool {
        match memory::open().await {
            Ok(pool) => {
                self.home = Home::Memory { pool: pool.clone(), complete };
                pool
            }
            Err(error) => {
                // SQLite without a file fails only when the machine is out of memory or threads.
                tracing::error!(%error, "the store cannot even work in memory");
                let pool = memory::lazy();
                self.home = Home::Memory { pool: pool.clone(), complete: false };
                pool
            }
        }
    }

    fn say_down(&self, trouble: &Trouble) {
        self.metrics.up(false);
        self.metrics.failed();
        let path = self.path.as_deref().unwrap_or(Path::new("")).display();
        tracing::error!(%path, error = %trouble, "the store's file cannot be used, going on in memory");
    }

    async fn close(&mut self) {
        self.receiver.close();
        if let Home::Disk(file) = std::mem::replace(&mut self.home, Home::Closed) {
            let _ = timeout(DISK_WAIT, file.close()).await;
        }
    }
}

/// Waits for the attempt that is under way; for ever if there is none.
async fn attempted(attempt: &mut Option<BoxFuture<Result<File, Trouble>>>) -> Result<File, Trouble> {
    match attempt {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}

fn open_or_set_aside(path: PathBuf) -> BoxFuture<Result<File, Trouble>> {
    Box::pin(async move {
        match file::open(&path).await {
            Err(trouble @ Trouble::Corrupt(_)) => {
                put_aside(&path, &trouble).await?;
                file::open(&path).await
            }
            other => other,
        }
    })
}

async fn put_aside(path: &Path, trouble: &Trouble) -> Result<(), Trouble> {
    let aside = file::set_aside(path, Clock::system().now()).await?;
    tracing::error!(error = %trouble, aside = %aside.display(), "the store's file is damaged, beginning a new one");
    Ok(())
}

/// Reads by a reader's connection first, because the writer's may hang in the transaction that failed; then by
/// the writer's, because a reader's that was never used cannot begin on a file whose name is gone.
async fn read_contents(file: &mut File) -> sqlx::Result<mirror::Contents> {
    if let Ok(mut conn) = file.reads.acquire().await
        && let Ok(contents) = mirror::read(&mut conn).await
    {
        return Ok(contents);
    }
    mirror::read(&mut file.conn).await
}

async fn fill(pool: &SqlitePool, contents: &mirror::Contents) -> sqlx::Result<()> {
    mirror::write(&mut *pool.acquire().await?, contents, false).await
}
