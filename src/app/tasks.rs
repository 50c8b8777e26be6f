//! The only file that spawns: every task is supervised.
//!
//! A lasting task that panics, or ends though nobody asked it to, is logged, counted and started again with a
//! growing pause. Short work, such as one connection, is logged and counted when it panics. A [`Scope`] is a
//! set of tasks that end together: one lives as long as the process, one as long as a configuration.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{Counter, Definition, Registry};
use crate::model::task::{BoxFuture, Spawner, Task};

/// Panics caught by supervision.
pub static TASK_PANICS: Definition = Definition::counter(
    "memsentry_task_panics_total",
    "Tasks inside memsentry that panicked and were caught.",
    &["task"],
);

/// Pause before a failed task starts again; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: StdDuration = StdDuration::from_millis(100);
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(30);

/// A set of tasks that end together.
#[derive(Clone)]
pub struct Scope {
    tracker: TaskTracker,
    cancel: CancellationToken,
    panics: Counter,
}

impl Scope {
    /// An empty scope.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self { tracker: TaskTracker::new(), cancel: CancellationToken::new(), panics: registry.counter(&TASK_PANICS) }
    }

    /// The token that ends this scope's tasks.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Runs a lasting task until the scope ends.
    pub fn run(&self, task: Task) {
        self.panics.with_label_values(&[task.name]).inc_by(0.0);
        let (cancel, panics) = (self.cancel.clone(), self.panics.clone());
        self.tracker.spawn(supervise(task, cancel, panics));
    }

    /// Starts short work in this scope on behalf of a module that must not spawn.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        let (tracker, panics) = (self.tracker.clone(), self.panics.clone());
        Arc::new(move |name: &'static str, work: BoxFuture<()>| {
            let panics = panics.clone();
            tracker.spawn(async move {
                caught(name, work, &panics).await;
            });
        })
    }

    /// Asks every task to end and waits at most `within`. Answers whether all did.
    pub async fn end(&self, within: StdDuration) -> bool {
        self.cancel.cancel();
        self.tracker.close();
        tokio::time::timeout(within, self.tracker.wait()).await.is_ok()
    }
}

/// Runs `work` in a task of its own, so that a panic ends only itself. Answers whether it ended well.
#[allow(clippy::disallowed_methods)]
async fn caught(name: &'static str, work: BoxFuture<()>, panics: &Counter) -> bool {
    match tokio::spawn(work).await {
        Ok(()) => true,
        Err(error) => {
            if error.is_panic() {
                panics.with_label_values(&[name]).inc();
                tracing::error!(task = name, "task panicked");
            }
            false
        }
    }
}

async fn supervise(task: Task, cancel: CancellationToken, panics: Counter) {
    let mut pause = FIRST_PAUSE;
    loop {
        let well = caught(task.name, (task.start)(), &panics).await;
        if cancel.is_cancelled() {
            return;
        }
        tracing::error!(task = task.name, panicked = !well, pause = ?pause, "task ended by itself, starting it again");
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_counted_and_started_again() {
        let registry = Registry::new();
        let scope = Scope::new(&registry);
        let starts = Arc::new(AtomicU32::new(0));
        let (count, cancel) = (Arc::clone(&starts), scope.token());
        scope.run(Task::new("flaky", move || {
            let (count, cancel) = (Arc::clone(&count), cancel.clone());
            async move {
                assert!(count.fetch_add(1, Ordering::SeqCst) >= 2, "the first two starts fail");
                cancel.cancelled().await;
            }
        }));
        tokio::time::sleep(StdDuration::from_secs(5)).await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
        let panics = registry.counter(&TASK_PANICS).with_label_values(&["flaky"]).get();
        assert!((panics - 2.0).abs() < f64::EPSILON);
        assert!(scope.end(StdDuration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_not_waited_for_for_ever() {
        let scope = Scope::new(&Registry::new());
        scope.run(Task::new("stubborn", std::future::pending));
        assert!(!scope.end(StdDuration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn short_work_that_panics_is_counted() {
        let registry = Registry::new();
        let scope = Scope::new(&registry);
        (scope.spawner())("connection", Box::pin(async { panic!("as the test wants") }));
        assert!(scope.end(StdDuration::from_secs(5)).await);
        let panics = registry.counter(&TASK_PANICS).with_label_values(&["connection"]).get();
        assert!((panics - 1.0).abs() < f64::EPSILON);
    }
}
