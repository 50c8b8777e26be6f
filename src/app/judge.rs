//! The daemon's beat: take samples, have the rules that are due evaluated, hand their alerts on.
//!
//! One lasting task beats; each group that is due is evaluated in short work of its own, so that a slow group delays
//! no other, nor the samples. What comes home is handed on together, but nothing waits long for a slow group. The
//! judge keeps what it could not write and writes it with the next round, and tells when it last came round.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use tokio::sync::Notify as Wake;
use tokio_util::sync::CancellationToken;

use crate::model::task::Spawner;
use crate::model::{Alert, Clock, Duration, PendingChange, Stopwatch, Timestamp};
use crate::notify::{Notify, history};
use crate::promql::Limits;
use crate::rules::{DataChange, Evaluation, Group, RuleSet};
use crate::scrape::Scraper;
use crate::store::{Document, Store, Table};
use crate::tsdb::Tsdb;

use super::process::Process;

/// What one rule may use.
pub const RULE_LIMITS: Limits =
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(10), lookback: Duration::from_secs(300) };

/// How long a round waits for its groups before it hands on what is there.
const PATIENCE: StdDuration = StdDuration::from_millis(200);

/// The same for the first round: who is told what depends on all that fires.
const FIRST_PATIENCE: StdDuration = StdDuration::from_secs(15);

/// How long a reload waits for groups that are being evaluated: each may still finish one rule with its templates.
const RELOAD_PATIENCE: StdDuration = StdDuration::from_secs(30);

/// Most groups evaluated at once; further ones wait for their turn.
const MOST_AT_ONCE: usize = 8;

/// Judges the rules over fresh samples, for ever.
pub struct Judge {
    clock: Clock,
    tsdb: Tsdb,
    store: Store,
    notify: Notify,
    process: Process,
    spawner: Spawner,
    scraper: Mutex<Scraper>,
    state: Mutex<State>,
    turns: Arc<tokio::sync::Semaphore>,
    /// A group came home.
    home: Wake,
    /// A reload or the end waits: groups under way end after the rule they are at, and none sets out.
    halt: AtomicBool,
}

struct State {
    rules: RuleSet,
    interval: StdDuration,
    /// Came home and is not handed on yet; `None` if nothing did.
    ready: Option<Vec<Alert>>,
    /// For the history, not written yet.
    pending: Vec<PendingChange>,
    /// Alert state that is not on disk yet: the document, or `None` for one that is to go.
    unsaved: BTreeMap<String, Option<String>>,
    last_round: Option<Stopwatch>,
}

impl Judge {
    /// A judge that has not begun; `restored` rules carry the state of an earlier run.
    pub fn new(
        (clock, tsdb, store, notify): (Clock, Tsdb, Store, Notify),
        (process, spawner): (Process, Spawner),
        scraper: Scraper,
        restored: RuleSet,
        interval: Duration,
    ) -> Self {
        let (ready, pending, unsaved) = (None, Vec::new(), BTreeMap::new());
        let state = State { rules: restored, interval: interval.std(), ready, pending, unsaved, last_round: None };
        let (scraper, state) = (Mutex::new(scraper), Mutex::new(state));
        let turns = Arc::new(tokio::sync::Semaphore::new(MOST_AT_ONCE));
        let (home, halt) = (Wake::new(), AtomicBool::new(false));
        Self { clock, tsdb, store, notify, process, spawner, scraper, state, turns, home, halt }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with other rules; alerts of rules that stay the same keep their state.
    pub async fn reload(&self, mut rules: RuleSet, interval: Duration) {
        self.halt.store(true, Ordering::SeqCst);
        let everyone_home = async {
            loop {
                let mut home = std::pin::pin!(self.home.notified());
                home.as_mut().enable();
                if self.state().rules.away() == 0 {
                    return;
                }
                home.await;
            }
        };
        if tokio::time::timeout(RELOAD_PATIENCE, everyone_home).await.is_err() {
            tracing::error!("a rule group did not come back in time, its alerts begin anew");
        }
        let now = self.clock.now();
        let mut state = self.state();
        std::mem::swap(&mut state.rules, &mut rules);
        state.rules.carry_over(rules, now);
        state.interval = interval.std();
        self.tsdb.reach_back(state.rules.reach(RULE_LIMITS.lookback));
        drop(state);
        self.halt.store(false, Ordering::SeqCst);
        self.home.notify_waiters();
    }

    /// Reads the rules.
    pub fn read<T>(&self, read: impl FnOnce(&RuleSet) -> T) -> T {
        read(&self.state().rules)
    }

    /// How long ago the last round ended; `None` before the first.
    #[must_use]
    pub fn idle(&self) -> Option<StdDuration> {
        self.state().last_round.map(|watch| watch.elapsed())
    }

    /// Longest time between rounds while all is well.
    #[must_use]
    pub fn patience(&self) -> StdDuration {
        self.state().interval * 3 + StdDuration::from_secs(10)
    }

    /// Rounds until `cancel`.
    pub async fn run(self: &Arc<Self>, cancel: CancellationToken) {
        let mut patience = FIRST_PATIENCE;
        loop {
            let watch = Stopwatch::start();
            self.set_out(self.clock.now());
            let (next, hurry) = (watch.started() + self.state().interval, watch.started() + patience);
            // Without this a group that comes home between the look and the wait would be slept over.
            let mut home = std::pin::pin!(self.home.notified());
            loop {
                home.as_mut().enable();
                if self.is_complete() || (watch.elapsed() >= patience && self.has_ready()) {
                    self.hand_on(self.clock.now()).await;
                    patience = PATIENCE;
                }
                let waiting = self.has_ready();
                tokio::select! {
                    () = cancel.cancelled() => return self.halt.store(true, Ordering::SeqCst),
                    () = home.as_mut() => home.set(self.home.notified()),
                    () = tokio::time::sleep_until(hurry), if waiting => {}
                    () = tokio::time::sleep_until(next) => break,
                }
            }
        }
    }

    /// Begins a round at `now`: scrapes, and sends the groups that are due on their way.
    fn set_out(self: &Arc<Self>, now: Timestamp) {
        self.process.publish();
        self.scraper.lock().unwrap_or_else(PoisonError::into_inner).scrape(now);
        if self.halt.load(Ordering::SeqCst) {
            return;
        }
        let due = {
            let mut state = self.state();
            let retired = state.rules.evaluate_retired(now);
            state.take_in(retired);
            state.rules.lend_due(now)
        };
        for group in due {
            let mut errand = Errand { judge: Arc::clone(self), group: Some(group), evaluation: None };
            let turns = Arc::clone(&self.turns);
            (self.spawner)(
                "evaluation",
                Box::pin(async move {
                    let _turn = turns.acquire_owned().await;
                    let work = tokio::task::spawn_blocking(move || errand.run(now));
                    if let Err(error) = work.await
                        && let Ok(panic) = error.try_into_panic()
                    {
                        std::panic::resume_unwind(panic);
                    }
                }),
            );
        }
    }

    fn has_ready(&self) -> bool {
        self.state().ready.is_some()
    }

    /// Whether something is ready and nobody is to be waited for.
    fn is_complete(&self) -> bool {
        let state = self.state();
        state.ready.is_some() && state.rules.away() == 0
    }

    /// Ends a round at `now`: writes the state, hands on the alerts.
    async fn hand_on(&self, now: Timestamp) {
        let alerts = {
            let mut state = self.state();
            let mut alerts = state.ready.take().unwrap_or_default();
            state.rules.leave_out_overruled(&mut alerts);
            alerts
        };
        self.tsdb.flush();
        self.save().await;
        if self.read(RuleSet::is_evaluated) {
            self.notify.observe(&alerts, now);
        } else {
            self.notify.observe_partly(&alerts, now);
        }
        self.record().await;
        self.state().last_round = Some(Stopwatch::start());
    }

    /// Lets history hear of alerts that wait. It may lose them with the disk: nothing rests on them.
    async fn record(&self) {
        let pending = std::mem::take(&mut self.state().pending);
        let _ = self.store.record_history(pending.iter().map(history::pending).collect()).await;
    }

    async fn save(&self) {
        let unsaved = std::mem::take(&mut self.state().unsaved);
        if unsaved.is_empty() {
            return;
        }
        let remove = unsaved.iter().filter(|(_, body)| body.is_none()).map(|(key, _)| key.clone()).collect();
        let set = unsaved.iter().filter_map(|(key, body)| Some((key.clone(), body.clone()?)));
        let set = set.map(|(key, body)| Document { key, body }).collect();
        if self.store.put(Table::RuleAlerts, set, remove).await.is_err() {
            // The store has said so. What has not changed since comes again with the next round.
            let mut state = self.state();
            for (key, body) in unsaved {
                state.unsaved.entry(key).or_insert(body);
            }
        }
    }
}

impl State {
    /// Takes in what an evaluation brought about; the newest word about a document counts.
    fn take_in(&mut self, evaluation: Evaluation) {
        self.unsaved.extend(evaluation.state.remove.into_iter().map(|key| (key, None)));
        self.unsaved.extend(evaluation.state.set.into_iter().map(|set| (set.key, Some(set.body))));
        self.pending.extend(evaluation.pending);
        self.ready.get_or_insert_default().extend(evaluation.alerts);
    }
}

/// A group on its way; it comes home whatever happens, with its state.
struct Errand {
    judge: Arc<Judge>,
    group: Option<Group>,
    evaluation: Option<Evaluation>,
}

impl Errand {
    fn run(&mut self, at: Timestamp) {
        let judge = &self.judge;
        let go_on = || !judge.halt.load(Ordering::SeqCst);
        let evaluation = self.group.as_mut().map(|group| group.evaluate_while(&go_on, at, &judge.tsdb, &RULE_LIMITS));
        evaluation.iter().for_each(log);
        self.evaluation = evaluation;
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        let mut state = self.judge.state();
        if let Some(group) = self.group.take() {
            state.rules.take_back(group);
        }
        if let Some(evaluation) = self.evaluation.take() {
            state.take_in(evaluation);
        }
        drop(state);
        self.judge.home.notify_waiters();
    }
}

fn log(evaluation: &Evaluation) {
    for failure in &evaluation.failures {
        tracing::error!(group = failure.group, rule = failure.rule, error = failure.error, "rule evaluation failed");
    }
    for DataChange { group, rule, labels, missing } in &evaluation.data_changes {
        match missing {
            true => tracing::warn!(group, rule, %labels, "alert is held, its data are missing"),
            false => tracing::info!(group, rule, %labels, "alert goes on, its data are back or it is over"),
        }
    }
    for failure in &evaluation.template_failures {
        tracing::warn!(group = failure.group, rule = failure.rule, error = failure.error, "template failed");
    }
}

#[cfg(test)]
mod tests;
