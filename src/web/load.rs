//! Load runs that other processes report while they go: shown on the home page and among the metrics, and withdrawn
//! some seconds after the last word.
//!
//! One run for each configured target at most, so that neither memory nor the number of series depends on who asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics::{Definition, Registry, Snapshot};
use crate::model::Stopwatch;
use crate::model::task::Task;
use crate::traffic::Progress;

/// A run that says nothing for so long is no longer shown.
const STALE: StdDuration = StdDuration::from_secs(5);

/// Ended arrivals.
pub static REQUESTS: Definition = Definition::counter(
    "memsentry_load_requests_total",
    "Arrivals of the load run that have ended, by result: succeeded, failed, rate_limited. Only while one goes on.",
    &["target", "result"],
);
/// Failures by reason.
pub static FAILURES: Definition = Definition::counter(
    "memsentry_load_failures_total",
    "Arrivals of the load run that the service failed, by reason; refusals by the rate limit are left out.",
    &["target", "reason"],
);
/// The real rate.
pub static RATE: Definition = Definition::gauge(
    "memsentry_load_rate",
    "Arrivals a second that the load run began in the last second.",
    &["target"],
);
/// The intended rate.
pub static INTENDED_RATE: Definition = Definition::gauge(
    "memsentry_load_intended_rate",
    "Arrivals a second that were due in the last second; 0 in closed loop.",
    &["target"],
);
/// Latency.
pub static LATENCY: Definition = Definition::gauge(
    "memsentry_load_latency_seconds",
    "Percentiles of the last second's latency, from the intended start; absent if nothing ended.",
    &["target", "quantile"],
);
/// Lag.
pub static LAG: Definition = Definition::gauge(
    "memsentry_load_lag_seconds",
    "By how much the generator itself was late, 99th percentile since the run's beginning.",
    &["target"],
);
/// Under way.
pub static IN_FLIGHT: Definition =
    Definition::gauge("memsentry_load_in_flight", "Arrivals of the load run that are under way.", &["target"]);
/// Not processed.
pub static UNPROCESSED: Definition = Definition::gauge(
    "memsentry_load_unprocessed_updates",
    "Updates of the load run that were accepted and not processed yet, where the queue can be followed.",
    &["target"],
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] =
    &[&REQUESTS, &FAILURES, &RATE, &INTENDED_RATE, &LATENCY, &LAG, &IN_FLIGHT, &UNPROCESSED];

/// What a run says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// The target's name.
    pub target: String,
    /// The run's id.
    pub run: String,
    /// What is sent.
    pub scenario: String,
    /// How it goes.
    pub progress: Progress,
}

struct Shown {
    word: Word,
    heard: Stopwatch,
    snapshot: Snapshot,
}

/// The runs that go on. Clones share them.
#[derive(Clone)]
pub struct Loads(Arc<Inner>);

struct Inner {
    registry: Registry,
    runs: Mutex<BTreeMap<String, Shown>>,
    begun: Notify,
}

impl Loads {
    /// No run.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self(Arc::new(Inner { registry: registry.clone(), runs: Mutex::default(), begun: Notify::new() }))
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, Shown>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a run says; the caller has made sure that there is such a target.
    pub(super) fn hear(&self, word: Word) {
        let mut runs = self.runs();
        let shown = runs.entry(word.target.clone()).or_insert_with(|| Shown {
            snapshot: self.0.registry.snapshot(format!("load/{}", word.target)),
            heard: Stopwatch::start(),
            word: word.clone(),
        });
        shown.heard = Stopwatch::start();
        shown.snapshot.publish(values(&word));
        shown.word = word;
        drop(runs);
        self.0.begun.notify_one();
    }

    /// What the run on this target last said.
    pub(super) fn on(&self, target: &str) -> Option<Word> {
        self.runs().get(target).filter(|shown| shown.heard.elapsed() < STALE).map(|shown| shown.word.clone())
    }

    /// What every run that goes on last said, by target.
    pub(super) fn all(&self) -> Vec<Word> {
        self.runs().values().filter(|shown| shown.heard.elapsed() < STALE).map(|shown| shown.word.clone()).collect()
    }

    /// Withdraws runs that have fallen silent, until cancelled.
    #[must_use]
    pub fn task(&self, cancel: CancellationToken) -> Task {
        let loads = self.clone();
        Task::new("load_runs", move || {
            let (loads, cancel) = (loads.clone(), cancel.clone());
            async move {
                tokio::select! {
                    () = loads.withdraw() => {}
                    () = cancel.cancelled() => {}
                }
            }
        })
    }

    async fn withdraw(&self) {
        loop {
            self.0.begun.notified().await;
            while !self.runs().is_empty() {
                tokio::time::sleep(STALE / 5).await;
                self.runs().retain(|_, shown| shown.heard.elapsed() < STALE);
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn values(word: &Word) -> Vec<(&'static Definition, Vec<String>, f64)> {
    let (now, target) = (&word.progress, &word.target);
    let one = |definition, value| (definition, vec![target.clone()], value);
    let two = |definition, label: &str, value| (definition, vec![target.clone(), label.to_owned()], value);
    let failed: u64 = now.failures.values().sum();
    let mut values = vec![
        two(&REQUESTS, "succeeded", now.succeeded as f64),
        two(&REQUESTS, "failed", failed as f64),
        two(&REQUESTS, "rate_limited", now.limited as f64),
        one(&RATE, now.rate),
        one(&INTENDED_RATE, now.intended_rate),
        one(&LAG, now.lag_seconds),
        one(&IN_FLIGHT, now.in_flight as f64),
    ];
    // Whoever posts decides what stands there; only reasons that there are become label values.
    for reason in crate::probes::Reason::ALL.iter().map(|reason| reason.as_str()) {
        values.extend(now.failures.get(reason).map(|count| two(&FAILURES, reason, *count as f64)));
    }
    for (label, value) in ["0.5", "0.95", "0.99"].into_iter().zip(now.latency_seconds.into_iter().flatten()) {
        values.push(two(&LATENCY, label, value));
    }
    values.extend(now.unprocessed.map(|count| one(&UNPROCESSED, count as f64)));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    #[allow(clippy::disallowed_methods)] // a test supervises its own tasks
    async fn a_run_is_shown_while_it_speaks_and_withdrawn_when_it_falls_silent() {
        let registry = Registry::new();
        let (loads, cancel) = (Loads::new(&registry), CancellationToken::new());
        let working = tokio::spawn((loads.task(cancel.clone()).start)());
        let failures = [("timeout".to_owned(), 2), ("made up".to_owned(), 9)].into();
        let progress =
            Progress { succeeded: 7, failures, latency_seconds: Some([0.1, 0.2, 0.3]), ..Progress::default() };
        let word = Word { target: "main".into(), run: "load-1".into(), scenario: "update".into(), progress };
        loads.hear(word.clone());
        let names = |registry: &Registry| registry.gather().into_iter().map(|family| family.name).collect::<Vec<_>>();
        assert!(names(&registry).contains(&"memsentry_load_requests_total".to_owned()));
        let failures = registry.gather().into_iter().find(|family| family.name == FAILURES.name).unwrap();
        assert_eq!(failures.points.len(), 1, "{failures:?}");
        tokio::time::sleep(StdDuration::from_secs(4)).await;
        loads.hear(word);
        tokio::time::sleep(StdDuration::from_secs(4)).await;
        assert!(loads.on("main").is_some());
        tokio::time::sleep(StdDuration::from_secs(3)).await;
        assert!(loads.on("main").is_none() && names(&registry).is_empty());
        cancel.cancel();
        working.await.unwrap();
    }
}
