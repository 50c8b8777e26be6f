//! Metrics of the probes: what is general to all kinds, resolved once per probe and target.
//!
//! A run that may not ask (`rate_limited`) is counted as a run and a failure, and leaves `chat_memory_up` and
//! `chat_memory_probe_success` as they were: it says nothing about the service. Gauges appear with the first
//! run that says something; counters start at 0.

use prometheus::Histogram as HistogramSeries;

use crate::metrics::{Definition, Gauge, Registry, buckets};

use super::kind::Kind;
use super::outcome::{Outcome, Reason};

/// Runs and steps: bounds at the promised 0.1 and 2 s and around the usual time-outs.
const RUN: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0];

/// Whether the service answers.
pub static UP: Definition =
    Definition::gauge("chat_memory_up", "Whether the last health probe was answered.", &["target"]);
/// Whether the last run succeeded.
pub static SUCCESS: Definition = Definition::gauge(
    "chat_memory_probe_success",
    "Whether the probe's last run succeeded; a run held back by a rate limit changes nothing.",
    &["target", "probe"],
);
/// When the last run ended.
pub static LAST_RUN: Definition = Definition::gauge(
    "chat_memory_probe_last_run_timestamp_seconds",
    "When the probe's last run ended; 0 before the first one.",
    &["target", "probe"],
);
/// Runs.
pub static RUNS: Definition =
    Definition::counter("chat_memory_probe_runs_total", "Runs of the probe.", &["target", "probe"]);
/// Failed runs.
pub static FAILURES: Definition = Definition::counter(
    "chat_memory_probe_failures_total",
    "Runs of the probe that failed, by reason.",
    &["target", "probe", "reason"],
);
/// Time of whole runs.
pub static DURATION: Definition = Definition::histogram(
    "chat_memory_probe_duration_seconds",
    "Time of whole runs until their result, failed ones included.",
    &["target", "probe"],
    RUN,
);
/// Time of each step.
pub static STEP_DURATION: Definition = Definition::histogram(
    "chat_memory_probe_step_duration_seconds",
    "Time of each step of a run, failed ones included.",
    &["target", "probe", "step"],
    RUN,
);
/// Synthetic updates.
pub static UPDATES: Definition = Definition::counter(
    "chat_memory_updates_total",
    "Synthetic memory updates that roundtrip probes attempted; those that memsentry held back itself are left out.",
    &["target"],
);
/// Failed synthetic updates.
pub static UPDATE_FAILURES: Definition = Definition::counter(
    "chat_memory_update_failures_total",
    "Synthetic memory updates that failed, by reason.",
    &["target", "reason"],
);
/// Time of whole updates.
pub static UPDATE_DURATION: Definition = Definition::histogram(
    "chat_memory_update_duration_seconds",
    "Time from sending a snippet to reading it back from the memory.",
    &["target"],
    buckets::UPDATE,
);
/// State of the service's dependencies.
pub static DEPENDENCY_UP: Definition = Definition::gauge(
    "chat_memory_dependency_up",
    "Whether the service calls its dependency healthy; absent while the service does not answer.",
    &["target", "dependency"],
);
/// Synthetic data that could not be removed.
pub static LEFTOVERS: Definition = Definition::gauge(
    "chat_memory_synthetic_leftovers",
    "Synthetic conversations in the service that no probe uses any more and that could not be removed yet.",
    &["target"],
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[
    &UP,
    &SUCCESS,
    &LAST_RUN,
    &RUNS,
    &FAILURES,
    &DURATION,
    &STEP_DURATION,
    &UPDATES,
    &UPDATE_FAILURES,
    &UPDATE_DURATION,
    &DEPENDENCY_UP,
    &LEFTOVERS,
];

/// The general series of one probe of one target.
pub(super) struct Series {
    labels: [String; 2],
    success: Gauge,
    last_run: prometheus::Gauge,
    runs: prometheus::Counter,
    failures: Vec<(Reason, prometheus::Counter)>,
    duration: HistogramSeries,
    steps: Vec<(&'static str, HistogramSeries)>,
}

impl Series {
    pub(super) fn new(registry: &Registry, kind: &Kind, target: &str, probe: &str) -> Self {
        let (failures, steps) = (registry.counter(&FAILURES), registry.histogram(&STEP_DURATION));
        let series = |step| (step, steps.with_label_values(&[target, probe, step]));
        Self {
            labels: [target.to_owned(), probe.to_owned()],
            success: registry.gauge(&SUCCESS),
            last_run: registry.gauge(&LAST_RUN).with_label_values(&[target, probe]),
            runs: registry.counter(&RUNS).with_label_values(&[target, probe]),
            failures: Reason::ALL
                .map(|reason| (reason, failures.with_label_values(&[target, probe, reason.as_str()])))
                .into(),
            duration: registry.histogram(&DURATION).with_label_values(&[target, probe]),
            steps: kind.steps.iter().copied().map(series).collect(),
        }
    }

    pub(super) fn record(&self, outcome: &Outcome, ended_at: crate::model::Timestamp) {
        self.runs.inc();
        self.last_run.set(ended_at.seconds());
        self.duration.observe(outcome.took.as_secs_f64());
        for step in &outcome.steps {
            if let Some((_, series)) = self.steps.iter().find(|(name, _)| *name == step.name) {
                series.observe(step.took.as_secs_f64());
            }
        }
        // Made only now, because a series that exists says something.
        let success = |value| self.success.with_label_values(&self.labels).set(value);
        match &outcome.failure {
            None => success(1.0),
            Some(failure) => {
                if let Some((_, series)) = self.failures.iter().find(|(reason, _)| *reason == failure.reason) {
                    series.inc();
                }
                if !failure.reason.says_nothing() {
                    success(0.0);
                }
            }
        }
    }
}
