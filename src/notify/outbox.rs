//! Delivers what waits: one task, many attempts at once, each message until its receiver has answered.
//!
//! A message leaves the store in the transaction that records its answer, so a crash repeats it rather than
//! losing it. What the store cannot take is delivered from memory. A message whose notifier is no longer in
//! the configuration waits for it to come back, like any failure.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use arc_swap::ArcSwap;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Notify as Wake;

use crate::model::task::{BoxFuture, Task};
use crate::model::{Clock, Stopwatch, Timestamp};
use crate::runbooks::Runbooks;
use crate::store::{HistoryEntry, OutboxRow, Store, StoreError};

use super::history::{self, Ended};
use super::evidence::Witness;
use super::message::Notification;
use super::metrics::Metrics;
use super::notifiers::{Attempt, Failure, FailureReason, Notifier};
use super::queue::{Address, Queue, Settled};
use super::turn::LastTurn;
use super::testimony::Testimony;

/// Longest sleep, so that the age of what waits stays true in the metric and the store is asked again.
const LONGEST_SLEEP: StdDuration = StdDuration::from_secs(5);
/// Shortest time between two looks at what waits, which takes longer the more there is.
const SHOWN_EVERY: StdDuration = StdDuration::from_secs(1);
/// Longest attempt, whatever the notifier says about itself.
const LONGEST_ATTEMPT: StdDuration = StdDuration::from_secs(330);
/// Most answers that wait for the store.
const MOST_UNRECORDED: usize = 10_000;
/// Most attempts under way at all notifiers together.
const MOST_UNDER_WAY: usize = 64;

/// Notifiers by receiver and label, and what they share. Swapped whole by a reload.
#[derive(Default)]
pub(super) struct Notifiers {
    pub all: std::collections::BTreeMap<Address, Arc<dyn Notifier>>,
    pub runbooks: Arc<Runbooks>,
}

/// The handle on what waits. Clones share it.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    queue: Mutex<Queue>,
    notifiers: ArcSwap<Notifiers>,
    testimony: Testimony,
    /// Answers that the store could not take.
    unrecorded: Mutex<VecDeque<Answered>>,
    loaded: AtomicBool,
    closing: AtomicBool,
    wake: Wake,
    settled: Wake,
    turn: LastTurn,
    store: Store,
    clock: Clock,
    metrics: Metrics,
}

/// What the store is to record.
#[derive(Debug, Clone)]
enum Answered {
    Finished { id: String, result: String, history: HistoryEntry },
    Postponed { id: String, attempts: u32, next: Timestamp, error: String, history: HistoryEntry },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding the lock leaves whole messages behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outbox {
    pub(super) fn new(store: Store, clock: Clock, metrics: Metrics) -> (Self, Task) {
        let outbox = Self(Arc::new(Inner {
            queue: Mutex::default(),
            notifiers: ArcSwap::default(),
            testimony: Testimony::default(),
            unrecorded: Mutex::default(),
            loaded: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            wake: Wake::new(),
            settled: Wake::new(),
            turn: LastTurn::default(),
            store,
            clock,
            metrics,
        }));
        let inner = Arc::clone(&outbox.0);
        let task = Task::new("outbox", move || {
            let inner = Arc::clone(&inner);
            async move { inner.run().await }
        });
        (outbox, task)
    }

    pub(super) fn reconfigure(&self, notifiers: Notifiers) {
        for (receiver, notifier) in notifiers.all.keys() {
            self.0.metrics.start(receiver, notifier);
        }
        self.0.notifiers.store(Arc::new(notifiers));
        self.0.wake.notify_one();
    }

    /// Whom to ask for evidence about each message, from now on.
    pub fn call(&self, witness: Witness) {
        self.0.testimony.call(witness);
    }

    /// Adds messages that the store holds, or that it could not take, and wakes the worker.
    pub fn add(&self, rows: Vec<OutboxRow>) {
        if rows.is_empty() {
            return;
        }
        for row in rows {
            self.0.push(row);
        }
        self.0.wake.notify_one();
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.0.queue).standing().0
    }

    /// When the worker last came round.
    #[must_use]
    pub fn last_turn(&self) -> Option<Timestamp> {
        self.0.turn.get()
    }

    /// Since when a message is due that nobody tries to deliver, though its receiver may be tried at `at`.
    #[must_use]
    pub fn due_since(&self, at: Timestamp) -> Option<Timestamp> {
        lock(&self.0.queue).next_due().filter(|due| *due < at)
    }

    /// Begins no further attempt and waits for those under way, at most `within`. What waits stays in the store.
    pub async fn close(&self, within: StdDuration) {
        self.0.closing.store(true, Ordering::SeqCst);
        self.0.wake.notify_one();
        let _ = tokio::time::timeout(within, self.0.settled.notified()).await;
    }
}

impl Inner {
    fn push(&self, row: OutboxRow) {
        let given_up = lock(&self.queue).push(row);
        for row in given_up {
            self.metrics.dropped.with_label_values(&[&row.receiver, &row.notifier]).inc();
            tracing::error!(
                receiver = row.receiver,
                notifier = row.notifier,
                group = row.group_key,
                "outbox full, notification given up"
            );
            let history = history::attempt(self.clock.now(), &row, 0, &Ended::GivenUp { error: "outbox full" });
            self.remember(Answered::Finished { id: row.id, result: "given up: outbox full".to_owned(), history });
        }
    }

    fn remember(&self, answered: Answered) {
        let mut unrecorded = lock(&self.unrecorded);
        if unrecorded.len() < MOST_UNRECORDED {
            unrecorded.push_back(answered);
        }
    }

    async fn run(self: Arc<Self>) {
        lock(&self.queue).nothing_under_way();
        let mut under_way: FuturesUnordered<BoxFuture<()>> = FuturesUnordered::new();
        let mut with_store: FuturesUnordered<BoxFuture<()>> = FuturesUnordered::new();
        let mut shown = None;
        self.load().await;
        loop {
            let now = self.clock.now();
            let room = if self.closing.load(Ordering::SeqCst) { 0 } else { MOST_UNDER_WAY - under_way.len() };
            for row in lock(&self.queue).take_due(now, room) {
                under_way.push(Box::pin(Arc::clone(&self).tell(row)));
            }
            if room == 0 && under_way.is_empty() {
                self.settled.notify_one();
            }
            if shown.is_none_or(|last: Timestamp| now.since(last) >= SHOWN_EVERY || self.waits_nothing()) {
                self.show(now);
                shown = Some(now);
            }
            self.turn.note(now);
            let next = lock(&self.queue).next_due().filter(|_| room > 0);
            let sleep = next.map_or(LONGEST_SLEEP, |next| next.since(now).min(LONGEST_SLEEP));
            tokio::select! {
                Some(()) = under_way.next() => {}
                Some(()) = with_store.next() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(sleep.max(StdDuration::from_millis(1))) => {
                    if with_store.is_empty() {
                        with_store.push(Box::pin(Arc::clone(&self).catch_up()));
                    }
                }
            }
        }
    }

    /// What could not be read or written before.
    async fn catch_up(self: Arc<Self>) {
        self.load().await;
        self.record().await;
    }

    /// What waited when the last process ended.
    async fn load(&self) {
        if self.loaded.load(Ordering::SeqCst) {
            return;
        }
        match self.store.outbox().await {
            Ok(rows) => {
                if !rows.is_empty() {
                    tracing::info!(waiting = rows.len(), "notifications of an earlier run wait for delivery");
                }
                rows.into_iter().for_each(|row| self.push(row));
                self.loaded.store(true, Ordering::SeqCst);
            }
            Err(error) => tracing::warn!(%error, "waiting notifications cannot be read, will try again"),
        }
    }

    /// One attempt and what follows from it.
    async fn tell(self: Arc<Self>, row: OutboxRow) {
        // A message that makes a notifier panic must not take the others with it.
        let attempt = std::panic::AssertUnwindSafe(self.attempt(&row)).catch_unwind().await;
        let result = attempt.unwrap_or_else(|_| Err(Failure::never(FailureReason::Other, "the notifier panicked")));
        let answered = self.settle(row, result);
        if let Answered::Finished { id, .. } = &answered {
            self.testimony.forget(id);
        }
        if self.hand_over(&answered).await.is_err() {
            // The store has said so itself, once; the answer is handed over again later.
            self.remember(answered);
        }
    }

    async fn attempt(&self, row: &OutboxRow) -> Result<(), Failure> {
        let notifiers = self.notifiers.load_full();
        let (receiver, label) = (row.receiver.as_str(), row.notifier.as_str());
        self.metrics.attempts.with_label_values(&[receiver, label]).inc();
        let Some(notifier) = notifiers.all.get(&(row.receiver.clone(), row.notifier.clone())) else {
            return Err(Failure::later(FailureReason::Other, "the configuration has no such notifier any more"));
        };
        let notification: Notification = serde_json::from_str(&row.body).map_err(|error| {
            Failure::never(FailureReason::Other, format!("the stored message is unreadable: {error}"))
        })?;
        let notification = Arc::new(notification);
        let evidence = self.testimony.about(&row.id, &notification, self.clock.now()).await;
        let watch = Stopwatch::start();
        let attempt = Attempt {
            key: &row.id,
            notification: &notification,
            evidence: &evidence,
            runbooks: &notifiers.runbooks,
            at: self.clock.now(),
        };
        let result = tokio::time::timeout(LONGEST_ATTEMPT, notifier.deliver(&attempt)).await;
        let result = result.unwrap_or_else(|_| Err(Failure::later(FailureReason::Timeout, "the attempt never ended")));
        let kind = label.split('[').next().unwrap_or(label);
        self.metrics.duration.with_label_values(&[kind]).observe(watch.elapsed().as_secs_f64());
        result
    }

    fn settle(&self, row: OutboxRow, result: Result<(), Failure>) -> Answered {
        let now = self.clock.now();
        let (receiver, notifier) = (row.receiver.as_str(), row.notifier.as_str());
        if let Err(failure) = &result {
            self.metrics.failures.with_label_values(&[receiver, notifier, failure.reason.as_str()]).inc();
        }
        let retry = result.as_ref().map(|&()| ()).map_err(|failure| failure.retry);
        let settled = lock(&self.queue).settle(&row, retry, now, rand::random());
        let error = result.err().map(|failure| failure.message).unwrap_or_default();
        let attempt = row.attempts + 1;
        let ended = match settled {
            Settled::Delivered => Ended::Delivered,
            Settled::Postponed { next, .. } => Ended::Failed { error: &error, next },
            Settled::Dropped => Ended::GivenUp { error: &error },
        };
        let history = history::attempt(now, &row, attempt, &ended);
        match settled {
            Settled::Delivered => {
                tracing::info!(receiver, notifier, group = row.group_key, attempt, "notification delivered");
                Answered::Finished { id: row.id, result: "delivered".to_owned(), history }
            }
            Settled::Postponed { attempts, next } => {
                let retry_in = crate::model::Duration::from(next.since(now));
                tracing::warn!(receiver, notifier, attempt, %retry_in, error, "delivery failed, will retry");
                Answered::Postponed { id: row.id, attempts, next, error, history }
            }
            Settled::Dropped => {
                self.metrics.dropped.with_label_values(&[receiver, notifier]).inc();
                tracing::error!(receiver, notifier, group = row.group_key, attempt, error, "notification given up");
                Answered::Finished { id: row.id, result: format!("given up: {error}"), history }
            }
        }
    }

    async fn hand_over(&self, answered: &Answered) -> Result<(), StoreError> {
        match answered {
            Answered::Finished { id, result, history } => {
                self.store.finish(id, self.clock.now(), result, vec![history.clone()]).await
            }
            Answered::Postponed { id, attempts, next, error, history } => {
                self.store.postpone(id, *attempts, *next, error, vec![history.clone()]).await
            }
        }
    }

    /// Hands over what the store could not take before. A restart before that repeats the message, with the
    /// same key.
    async fn record(&self) {
        loop {
            let Some(answered) = lock(&self.unrecorded).pop_front() else { return };
            if self.hand_over(&answered).await.is_err() {
                lock(&self.unrecorded).push_front(answered);
                return;
            }
        }
    }

    fn waits_nothing(&self) -> bool {
        lock(&self.queue).is_empty()
    }

    fn show(&self, now: Timestamp) {
        let (waiting, oldest) = lock(&self.queue).standing();
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        self.metrics.entries.with_label_values::<&str>(&[]).set(waiting as f64);
        let age = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        self.metrics.oldest.with_label_values::<&str>(&[]).set(age);
    }
}
