//! Delivers what waits: one task, one attempt at a time for each notifier, each message until its receiver has
//! answered.
//!
//! A message leaves the store in the transaction that records its answer, and the next attempt at a notifier begins
//! only then, so a crash repeats at most one of its messages and loses none; attempts at different notifiers are kept
//! apart for a moment (`floor`). What the store cannot take is delivered from memory. What waits for a dead receiver
//! is put together (`collapse`) before it is tried again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use arc_swap::ArcSwap;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Notify as Wake;

use crate::model::task::{BoxFuture, Task};
use crate::model::{Clock, Fingerprint, Stopwatch, Timestamp};
use crate::runbooks::Runbooks;
use crate::store::{OutboxRow, Store};

use super::answers::{Answered, Answers};
use super::evidence::Witness;
use super::history::Outcome;
use super::message::Notification;
use super::metrics::Metrics;
use super::notifiers::{Attempt, Failure, FailureReason, Notifier};
use super::queue::{Address, Queue, Settled};
use super::testimony::Testimony;
use super::turn::LastTurn;

mod backlog;
mod floor;

use floor::{Floor, Turn};

/// Longest sleep, so that the age of what waits stays true in the metric and the store is asked again.
const LONGEST_SLEEP: StdDuration = StdDuration::from_secs(5);
/// Shortest time between two looks at what waits, which takes longer the more there is.
const SHOWN_EVERY: StdDuration = StdDuration::from_secs(1);
/// Longest attempt, whatever the notifier says about itself.
const LONGEST_ATTEMPT: StdDuration = StdDuration::from_secs(330);

/// Notifiers by receiver and label, and what they share. Swapped whole by a reload.
#[derive(Default)]
pub(super) struct Notifiers {
    pub all: BTreeMap<Address, Wired>,
    pub runbooks: Arc<Runbooks>,
}

/// A notifier that was set up.
pub(super) struct Wired {
    pub notifier: Arc<dyn Notifier>,
    /// Whether it is told when alerts are over.
    pub send_resolved: bool,
}

/// Since when an alert is over, if it is, seen from a time.
pub(super) type Ended = Box<dyn Fn(Fingerprint, Timestamp) -> Option<Timestamp> + Send + Sync>;

/// The handle on what waits. Clones share it.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    queue: Mutex<Queue>,
    notifiers: ArcSwap<Notifiers>,
    testimony: Testimony,
    answers: Answers,
    loaded: AtomicBool,
    closing: AtomicBool,
    wake: Wake,
    settled: Wake,
    turn: LastTurn,
    ended: Ended,
    floor: Floor,
    store: Store,
    clock: Clock,
    metrics: Metrics,
}

#[allow(clippy::cast_precision_loss)] // far below 2^53
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding the lock leaves whole messages behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outbox {
    pub(super) fn new(store: Store, clock: Clock, metrics: Metrics, ended: Ended) -> (Self, Task) {
        let outbox = Self(Arc::new(Inner {
            queue: Mutex::default(),
            notifiers: ArcSwap::default(),
            testimony: Testimony::default(),
            answers: Answers::new(store.clone(), clock.clone()),
            loaded: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            wake: Wake::new(),
            settled: Wake::new(),
            turn: LastTurn::default(),
            ended,
            floor: Floor::default(),
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
        for address @ (receiver, notifier) in notifiers.all.keys() {
            self.0.metrics.start(receiver, notifier);
            let dead = lock(&self.0.queue).is_dead(address);
            self.0.metrics.circuit.with_label_values(&[receiver, notifier]).set(f64::from(u8::from(dead)));
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

    /// The notifiers that want to hear again what fires, and how often.
    pub(super) fn refreshed(&self) -> Vec<(Address, Arc<dyn Notifier>, StdDuration)> {
        let notifiers = self.0.notifiers.load();
        let wanting = notifiers.all.iter().filter_map(|(address, wired)| {
            Some((address.clone(), Arc::clone(&wired.notifier), wired.notifier.refresh_every()?))
        });
        wanting.collect()
    }

    /// Whether there is such a notifier.
    pub(super) fn knows(&self, address: &Address) -> bool {
        self.0.notifiers.load().all.contains_key(address)
    }

    /// The notifiers of the configuration in force.
    pub(super) fn notifiers(&self) -> Arc<Notifiers> {
        self.0.notifiers.load_full()
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
            let outcome = Outcome::GivenUp { error: "outbox full" };
            self.answers.later(Answered::new(&row, 0, &outcome, self.clock.now()));
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
            let closing = self.closing.load(Ordering::SeqCst);
            let due = if closing { Vec::new() } else { lock(&self.queue).take_due(now) };
            for row in due {
                under_way.push(Box::pin(Arc::clone(&self).tell(row)));
            }
            if closing && under_way.is_empty() {
                self.settled.notify_one();
            }
            if shown.is_none_or(|last: Timestamp| now.since(last) >= SHOWN_EVERY || self.waits_nothing()) {
                self.show(now);
                shown = Some(now);
            }
            self.turn.note(now);
            let next = lock(&self.queue).next_due().filter(|_| !closing);
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
        self.answers.catch_up().await;
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
        let address = (row.receiver.clone(), row.notifier.clone());
        let row = if lock(&self.queue).is_dead(&address) { self.collapsed(&address, row).await } else { row };
        let mut turn = None;
        // A message that makes a notifier panic must not take the others with it.
        let attempt = std::panic::AssertUnwindSafe(self.attempt(&row, &mut turn)).catch_unwind().await;
        let result = attempt.unwrap_or_else(|_| Err(Failure::never(FailureReason::Other, "the notifier panicked")));
        let answered = self.settle(&row, result);
        if answered.is_final() {
            self.testimony.forget(&answered.id);
        }
        self.answers.record(answered).await;
        drop(turn);
        lock(&self.queue).free(&address);
    }

    /// Makes the attempt; `turn` is its moment on the floor, to be kept until the answer is recorded.
    async fn attempt<'a>(&'a self, row: &OutboxRow, turn: &mut Option<Turn<'a>>) -> Result<(), Failure> {
        let notifiers = self.notifiers.load_full();
        let (receiver, label) = (row.receiver.as_str(), row.notifier.as_str());
        self.metrics.attempts.with_label_values(&[receiver, label]).inc();
        let Some(Wired { notifier, .. }) = notifiers.all.get(&(row.receiver.clone(), row.notifier.clone())) else {
            return Err(Failure::later(FailureReason::Other, "the configuration has no such notifier any more"));
        };
        let notification: Notification = serde_json::from_str(&row.body).map_err(|error| {
            Failure::never(FailureReason::Other, format!("the stored message is unreadable: {error}"))
        })?;
        let notification = Arc::new(notification);
        let evidence = self.testimony.about(&row.id, &notification, self.clock.now()).await;
        *turn = Some(self.floor.take().await);
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

    fn settle(&self, row: &OutboxRow, result: Result<(), Failure>) -> Answered {
        let now = self.clock.now();
        let (receiver, notifier) = (row.receiver.as_str(), row.notifier.as_str());
        if let Err(failure) = &result {
            self.metrics.failures.with_label_values(&[receiver, notifier, failure.reason.as_str()]).inc();
        }
        let retry = result.as_ref().map(|&()| ()).map_err(|failure| failure.retry);
        let address = (row.receiver.clone(), row.notifier.clone());
        let (was_dead, settled, is_dead) = {
            let mut queue = lock(&self.queue);
            (queue.is_dead(&address), queue.settle(row, retry, now, rand::random()), queue.is_dead(&address))
        };
        self.metrics.circuit.with_label_values(&[receiver, notifier]).set(f64::from(u8::from(is_dead)));
        if is_dead && !was_dead {
            tracing::error!(receiver, notifier, "receiver counts as dead, its messages wait and will be told as one");
        } else if was_dead && !is_dead {
            tracing::info!(receiver, notifier, "receiver is back");
        }
        let error = result.err().map(|failure| failure.message).unwrap_or_default();
        let attempt = row.attempts + 1;
        let outcome = match settled {
            Settled::Delivered => {
                tracing::info!(receiver, notifier, group = row.group_key, attempt, "notification delivered");
                Outcome::Delivered
            }
            Settled::Postponed { next, .. } => {
                let retry_in = crate::model::Duration::from(next.since(now));
                tracing::warn!(receiver, notifier, attempt, %retry_in, error, "delivery failed, will retry");
                Outcome::Failed { error: &error, next }
            }
            Settled::Dropped => {
                self.metrics.dropped.with_label_values(&[receiver, notifier]).inc();
                tracing::error!(receiver, notifier, group = row.group_key, attempt, error, "notification given up");
                Outcome::GivenUp { error: &error }
            }
        };
        Answered::new(row, attempt, &outcome, now)
    }

    fn waits_nothing(&self) -> bool {
        lock(&self.queue).is_empty()
    }

    fn show(&self, now: Timestamp) {
        let (waiting, oldest) = lock(&self.queue).standing();
        self.metrics.entries.with_label_values::<&str>(&[]).set(as_f64(waiting));
        let age = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        self.metrics.oldest.with_label_values::<&str>(&[]).set(age);
    }
}
