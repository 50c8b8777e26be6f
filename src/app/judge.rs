//! The daemon's beat: take samples, evaluate the rules that are due, hand their alerts on.
//!
//! One lasting task. It keeps what it could not write and writes it with the next round, and it tells when it
//! last came round, for the watchdog.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use tokio_util::sync::CancellationToken;

use crate::model::{Clock, Duration, Stopwatch, Timestamp};
use crate::notify::Notify;
use crate::promql::Limits;
use crate::rules::{Evaluation, RuleSet};
use crate::scrape::Scraper;
use crate::store::{Document, Store, Table};
use crate::tsdb::Tsdb;

use super::process::Process;

/// What one rule may use.
pub const RULE_LIMITS: Limits =
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(10), lookback: Duration::from_secs(300) };

/// Judges the rules over fresh samples, for ever.
pub struct Judge {
    clock: Clock,
    tsdb: Tsdb,
    store: Store,
    notify: Notify,
    process: Process,
    scraper: Mutex<Scraper>,
    state: Mutex<State>,
}

struct State {
    rules: RuleSet,
    interval: StdDuration,
    /// Alert state that is not on disk yet: the document, or `None` for one that is to go.
    unsaved: BTreeMap<String, Option<String>>,
    last_round: Option<Stopwatch>,
}

impl Judge {
    /// A judge that has not begun; `restored` rules carry the state of an earlier run.
    pub fn new(
        (clock, tsdb, store, notify): (Clock, Tsdb, Store, Notify),
        process: Process,
        scraper: Scraper,
        restored: RuleSet,
        interval: Duration,
    ) -> Self {
        let state = State { rules: restored, interval: interval.std(), unsaved: BTreeMap::new(), last_round: None };
        Self { clock, tsdb, store, notify, process, scraper: Mutex::new(scraper), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with other rules; alerts of rules that stay the same keep their state.
    pub fn reload(&self, mut rules: RuleSet, interval: Duration) {
        let now = self.clock.now();
        let mut state = self.state();
        std::mem::swap(&mut state.rules, &mut rules);
        state.rules.carry_over(rules, now);
        state.interval = interval.std();
        self.tsdb.reach_back(state.rules.reach(RULE_LIMITS.lookback));
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
    pub async fn run(&self, cancel: CancellationToken) {
        loop {
            let watch = Stopwatch::start();
            self.round(self.clock.now()).await;
            let interval = self.state().interval;
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep_until(watch.started() + interval) => {}
            }
        }
    }

    /// One round at `now`: scrape, evaluate, write the state, hand on the alerts.
    async fn round(&self, now: Timestamp) {
        self.process.publish();
        self.scraper.lock().unwrap_or_else(PoisonError::into_inner).scrape(now);
        let mut evaluation = self.state().rules.evaluate_due(now, &self.tsdb, &RULE_LIMITS);
        self.tsdb.flush();
        log(&evaluation);
        let alerts = std::mem::take(&mut evaluation.alerts);
        self.save(evaluation).await;
        if self.read(RuleSet::is_evaluated) {
            self.notify.observe(&alerts, now);
        } else {
            self.notify.observe_partly(&alerts, now);
        }
        self.state().last_round = Some(Stopwatch::start());
    }

    async fn save(&self, evaluation: Evaluation) {
        let unsaved = {
            let mut state = self.state();
            state.unsaved.extend(evaluation.state.set.into_iter().map(|set| (set.key, Some(set.body))));
            state.unsaved.extend(evaluation.state.remove.into_iter().map(|key| (key, None)));
            std::mem::take(&mut state.unsaved)
        };
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

fn log(evaluation: &Evaluation) {
    for failure in &evaluation.failures {
        tracing::error!(group = failure.group, rule = failure.rule, error = failure.error, "rule evaluation failed");
    }
    for failure in &evaluation.template_failures {
        tracing::warn!(group = failure.group, rule = failure.rule, error = failure.error, "template failed");
    }
}
