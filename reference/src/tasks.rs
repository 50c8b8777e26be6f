//! The only place that spawns: every long-lived task has a name, and none ends unnoticed.
//!
//! Each task gets to know of the shutdown by the [`CancellationToken`]; one that ends before it ends the process,
//! because an API without its worker (or the reverse) would look like a fault that nobody asked for.
#![expect(clippy::disallowed_methods, reason = "this file is where the reference spawns")]

use std::future::Future;
use std::io::Read;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The running tasks of this process.
pub struct Tasks {
    running: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Tasks {
    /// No task yet; all that are added end when `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        Self { running: JoinSet::new(), stop }
    }

    /// Runs `work` until it ends.
    pub fn spawn(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(async move {
            work.await;
            name
        });
    }

    /// Waits until the shutdown is asked for (`Ok`), or a task ends before (`Err` with what happened).
    pub async fn supervise(&mut self) -> Result<(), String> {
        let ended = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            ended = self.running.join_next() => ended,
        };
        match ended {
            _ if self.stop.is_cancelled() => Ok(()),
            Some(Ok(name)) => Err(format!("the {name} ended by itself")),
            Some(Err(error)) => Err(format!("a task failed: {error}")),
            None => Err("no task is running".to_owned()),
        }
    }

    /// Tells all tasks to end and waits for them, at most `patience`; what is left then is dropped.
    pub async fn finish(mut self, patience: Duration) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(left = self.running.len(), "tasks did not end in time, dropped");
        }
    }
}

/// Cancels `stop` when standard input ends, which it does when the parent dies in whatever way.
///
/// A thread, because a blocking read cannot be called off; the process does not wait for it when it exits.
pub fn stop_at_end_of_input(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut bin = [0_u8; 256];
        while matches!(input.read(&mut bin), Ok(n) if n > 0) {}
        tracing::info!("standard input ended, shutting down");
        stop.cancel();
    });
}

/// Work of the same kind, of which only so much runs at once. What still runs ends when this is dropped.
pub struct Group {
    running: JoinSet<()>,
    limit: usize,
}

impl Group {
    /// Empty, with room for `limit` pieces of work.
    pub fn new(limit: usize) -> Self {
        Self { running: JoinSet::new(), limit }
    }

    /// Waits until there is room for one more.
    pub async fn room(&mut self) {
        while self.running.try_join_next().is_some() {}
        while self.running.len() >= self.limit && self.running.join_next().await.is_some() {}
    }

    /// Runs `work` beside the caller.
    pub fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(work);
    }
}
