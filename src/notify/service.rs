//! The edge of the dispatcher: reports in, decisions into the store and the outbox.
//!
//! One task waits for reports and for the next group that is due. What it decides goes to disk together with
//! its deliveries before anybody is told; if the disk fails, it goes on in memory. The lock on the dispatcher
//! is never held across an await.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use tokio::sync::Notify as Wake;

use crate::metrics::Registry;
use crate::model::task::Task;
use crate::model::{Alert, Clock, Problem, Timestamp};
use crate::runbooks::Runbooks;
use crate::store::{Store, StoreError, Table};

use super::alerts::Received;
use super::dispatcher::{Counts, Dispatcher, Restored};
use super::drill::{self, Drills};
use super::keep_alive;
use super::metrics::Metrics;
use super::notifiers::KINDS;
use super::outbox::{Notifiers, Outbox, Wired};
use super::queue::Address;
use super::route::Plan;
use super::settings::Settings;
use super::turn::LastTurn;

mod people;
mod silences;

pub use silences::SilenceError;

/// Longest sleep, so that a clock that was set is noticed.
const LONGEST_SLEEP: StdDuration = StdDuration::from_secs(5);
/// How often forgotten entries leave the notification log.
const TIDY_EVERY: StdDuration = StdDuration::from_secs(3600);
/// Most rounds of reports that wait while what was stored is still being read.
const MOST_EARLY: usize = 256;
/// Most decisions in one transaction.
const MOST_AT_ONCE: usize = 500;

/// Reports and when they came, in order.
type Rounds = VecDeque<(Reports, Timestamp)>;

/// Who reports.
enum Reports {
    Rules(Vec<Alert>),
    /// Not yet of all rules.
    SomeRules(Vec<Alert>),
    Others(Vec<Received>),
}

/// Settings that were checked and whose files were read; nothing can fail any more when it is applied.
pub struct Prepared {
    plan: Plan,
    pub(super) notifiers: Notifiers,
}

impl Prepared {
    /// Checks settings and sets up their notifiers. `external_url` may be empty.
    ///
    /// # Errors
    /// Everything that is wrong, with paths from the root of the configuration.
    pub fn new(settings: &Settings, external_url: &str, runbooks: Arc<Runbooks>) -> Result<Self, Vec<Problem>> {
        let mut problems = settings.problems();
        let mut all = BTreeMap::new();
        if problems.is_empty() {
            for (index, receiver) in settings.receivers.iter().enumerate() {
                for kind in KINDS {
                    let wishes = kind.send_resolved(receiver).into_iter();
                    match kind.build(receiver) {
                        Ok(built) => {
                            all.extend(built.into_iter().zip(wishes).map(|((label, notifier), send_resolved)| {
                                ((receiver.name.clone(), label), Wired { notifier, send_resolved })
                            }))
                        }
                        Err(wrong) => {
                            problems.extend(wrong.into_iter().map(|p| p.below(&format!("receivers[{index}]"))));
                        }
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let plan = Plan::new(settings, external_url, Arc::clone(&runbooks));
        Ok(Self { plan, notifiers: Notifiers { all, runbooks } })
    }
}

impl Prepared {
    /// A drill of one of its receivers, without a daemon.
    ///
    /// # Errors
    /// There is no such receiver.
    pub fn drill(self, request: &drill::Request, at: Timestamp) -> Result<drill::Prepared, String> {
        drill::prepare(&Dispatcher::new(self.plan), &self.notifiers, request, at)
    }
}

/// Tells people about alerts. Clones share one dispatcher and one outbox; it outlives reloads.
#[derive(Clone)]
pub struct Notify(Arc<Inner>);

struct Inner {
    dispatcher: Arc<Mutex<Dispatcher>>,
    outbox: Outbox,
    drills: Drills,
    store: Store,
    clock: Clock,
    metrics: Metrics,
    wake: Wake,
    /// Rounds that came before what was stored was read; `None` afterwards.
    early: Mutex<Option<Rounds>>,
    closing: AtomicBool,
    closed: Wake,
    turn: LastTurn,
    /// One change of a silence or an acknowledgement at a time: it is planned, stored, and applied.
    changing: tokio::sync::Mutex<()>,
}

impl Notify {
    /// Sets up the dispatcher and the outbox. Returns the tasks to run; what was stored is read by them.
    #[must_use]
    pub fn new(prepared: Prepared, store: Store, clock: Clock, registry: &Registry) -> (Self, Vec<Task>) {
        let metrics = Metrics::new(registry);
        let plan = prepared.plan.clone();
        let dispatcher = Arc::new(Mutex::new(Dispatcher::new(prepared.plan)));
        let known = Arc::clone(&dispatcher);
        let ended = Box::new(move |alert, at| lock(&known).ended(alert, at));
        let (outbox, deliver) = Outbox::new(store.clone(), clock.clone(), metrics.clone(), ended);
        outbox.reconfigure(prepared.notifiers);
        let early = Mutex::new(Some(VecDeque::new()));
        let (wake, closing, closed) = (Wake::new(), AtomicBool::new(false), Wake::new());
        let turn = LastTurn::default();
        let changing = tokio::sync::Mutex::default();
        let (drills, perform) = Drills::new(store.clone(), clock.clone());
        let inner =
            Inner { dispatcher, outbox, drills, store, clock, metrics, wake, early, closing, closed, turn, changing };
        let notify = Self(Arc::new(inner));
        notify.0.start_escalations(&plan);
        let inner = Arc::clone(&notify.0);
        let dispatch = Task::new("dispatcher", move || {
            let inner = Arc::clone(&inner);
            async move { inner.run().await }
        });
        let inner = Arc::clone(&notify.0);
        let firing = move |(receiver, notifier): &Address, at| inner.dispatcher().told_firing(receiver, notifier, at);
        let refresh = keep_alive::task(&notify.0.outbox, Box::new(firing), &notify.0.clock, &notify.0.metrics);
        let inner = Arc::clone(&notify.0);
        let prune = Task::new("history", move || {
            let inner = Arc::clone(&inner);
            async move { inner.keep_history_short().await }
        });
        (notify, vec![dispatch, deliver, refresh, perform, prune])
    }

    /// Takes in one round of reports, also an empty one: it says that the rules are alive.
    pub fn observe(&self, alerts: &[Alert], at: Timestamp) {
        self.take_in(Reports::Rules(alerts.to_vec()), at);
    }

    /// Takes in a round of reports while some rules have not been evaluated since the start. Nothing is told before all
    /// were: one of them may inhibit.
    pub fn observe_partly(&self, alerts: &[Alert], at: Timestamp) {
        self.take_in(Reports::SomeRules(alerts.to_vec()), at);
    }

    /// Takes in alerts that others than our rules report.
    pub fn receive(&self, reports: Vec<Received>) {
        self.take_in(Reports::Others(reports), self.0.clock.now());
    }

    fn take_in(&self, reports: Reports, at: Timestamp) {
        let mut early = self.0.early();
        match early.as_mut() {
            // What was stored must come first, or it would replace what is newer.
            Some(rounds) => {
                rounds.push_back((reports, at));
                if rounds.len() > MOST_EARLY {
                    rounds.pop_front();
                }
            }
            None => self.0.take_in(&reports, at),
        }
        drop(early);
        self.0.wake.notify_one();
    }

    /// Whom to ask for evidence about each message, from now on; the first to be named stays.
    pub fn call(&self, witness: super::evidence::Witness) {
        self.0.outbox.call(witness);
    }

    /// Goes over to new settings; groups, times and what was told stay.
    pub fn reload(&self, prepared: Prepared) {
        let now = self.0.clock.now();
        self.0.outbox.reconfigure(prepared.notifiers);
        self.0.start_escalations(&prepared.plan);
        self.0.dispatcher().reconfigure(prepared.plan, now);
        self.0.wake.notify_one();
    }

    /// How many alerts there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.dispatcher().counts(self.0.clock.now())
    }

    /// Every known alert and since when it is over, if it is.
    #[must_use]
    pub fn alerts(&self) -> Vec<(Alert, Option<Timestamp>)> {
        let dispatcher = self.0.dispatcher();
        dispatcher.alerts(self.0.clock.now()).map(|(alert, ended)| (alert.clone(), ended)).collect()
    }

    /// When the dispatcher last came round.
    #[must_use]
    pub fn last_turn(&self) -> Option<Timestamp> {
        self.0.turn.get()
    }

    /// What waits for delivery.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// Decides what is due, begins no further attempt and waits for those under way, at most `within`. What
    /// waits stays in the store.
    pub async fn close(&self, within: StdDuration) {
        self.0.closing.store(true, Ordering::SeqCst);
        self.0.wake.notify_one();
        let settled = async {
            self.0.closed.notified().await;
            self.0.outbox.close(within).await;
        };
        if tokio::time::timeout(within, settled).await.is_err() {
            tracing::warn!("deliveries were under way at the end, they will be repeated");
        }
    }
}

fn lock(dispatcher: &Mutex<Dispatcher>) -> MutexGuard<'_, Dispatcher> {
    // A panic while holding the lock leaves the alerts behind; telling twice is better than not at all.
    dispatcher.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn dispatcher(&self) -> MutexGuard<'_, Dispatcher> {
        lock(&self.dispatcher)
    }

    fn early(&self) -> MutexGuard<'_, Option<Rounds>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self) {
        let mut tidied = None;
        loop {
            self.restore().await;
            self.save().await;
            self.flush().await;
            if self.closing.load(Ordering::SeqCst) {
                self.closed.notify_one();
            }
            let now = self.clock.now();
            if tidied.is_none_or(|last: Timestamp| now.since(last) >= TIDY_EVERY) {
                // Not at the start: what was told before it must first be taken up by its repeats.
                self.tidy_silences(now).await;
                if tidied.is_some() && self.tidy(now).await.is_err() {
                    tracing::debug!("the notification log could not be tidied");
                }
                tidied = Some(now);
            }
            self.turn_silences(now);
            self.show(now);
            self.turn.note(now);
            let next = self.dispatcher().next_due().map_or(LONGEST_SLEEP, |due| due.since(now).min(LONGEST_SLEEP));
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(next.max(StdDuration::from_millis(1))) => {}
            }
        }
    }

    /// What an earlier process left, then what came while it was read; once.
    async fn restore(&self) {
        if self.early().is_none() {
            return;
        }
        if let Err(error) = self.read().await {
            tracing::error!(%error, "stored alerts cannot be read, starting without them");
        }
        let mut early = self.early();
        for (reports, at) in early.take().into_iter().flatten() {
            self.take_in(&reports, at);
        }
    }

    fn take_in(&self, reports: &Reports, at: Timestamp) {
        match reports {
            Reports::Rules(alerts) => self.dispatcher().observe(alerts, at),
            Reports::SomeRules(alerts) => self.dispatcher().observe_partly(alerts, at),
            Reports::Others(alerts) => self.dispatcher().receive(alerts, at),
        }
    }

    async fn read(&self) -> Result<(), StoreError> {
        let documents = self.store.documents(Table::NotifyAlerts).await?;
        let log = self.store.notification_log().await?;
        self.restore_silences().await?;
        let Restored { alerts, groups, unreadable, .. } = self.dispatcher().restore(&documents, log, self.clock.now());
        tracing::info!(alerts, groups, unreadable, "alerts of an earlier run restored");
        Ok(())
    }

    async fn tidy(&self, now: Timestamp) -> Result<(), StoreError> {
        let in_use = self.dispatcher().log_in_use(TIDY_EVERY, now);
        self.store.commit_notification(in_use, Vec::new()).await?;
        self.store.expire_notification_log(now).await
    }

    /// Stores what changed.
    async fn save(&self) {
        let changes = self.dispatcher().changes();
        let (set, remove, history) = (changes.set.clone(), changes.remove.clone(), changes.history.clone());
        if self.store.put_and_record(Table::NotifyAlerts, set, remove, history).await.is_err() {
            // The store has said so; it comes again with the next change or sleep.
            self.dispatcher().not_saved(&changes);
        } else {
            self.tell_of_escalations(&changes.history);
        }
    }

    /// Decides, commits, hands over.
    async fn flush(&self) {
        let decisions = self.dispatcher().decide(self.clock.now());
        for chunk in decisions.chunks(MOST_AT_ONCE) {
            let log: Vec<_> = chunk.iter().flat_map(|decision| decision.log.clone()).collect();
            let deliveries: Vec<_> = chunk.iter().flat_map(|decision| decision.deliveries.clone()).collect();
            if let Err(error) = self.store.commit_notification(log, deliveries.clone()).await {
                tracing::error!(%error, "notifications are told from memory, a crash would lose them");
            }
            for (row, reason) in chunk.iter().flat_map(|decision| decision.deliveries.iter().zip(&decision.reasons)) {
                let (receiver, notifier, group) = (&row.receiver, &row.notifier, &row.group_key);
                let (key, reason) = (&row.id, reason.as_str());
                tracing::info!(receiver, notifier, group, key, reason, "notification decided");
            }
            let ids: Vec<u64> = chunk.iter().map(|decision| decision.id).collect();
            self.outbox.add(deliveries);
            self.dispatcher().committed(&ids);
        }
        if !decisions.is_empty() {
            self.save().await;
        }
    }

    fn show(&self, now: Timestamp) {
        let counts = self.dispatcher().counts(now);
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        for (state, count) in [("firing", counts.firing), ("resolved", counts.resolved)] {
            self.metrics.alerts.with_label_values(&[state]).set(count as f64);
        }
        self.show_silences(now);
        self.show_acknowledgements(now);
    }
}

#[cfg(test)]
mod tests;
