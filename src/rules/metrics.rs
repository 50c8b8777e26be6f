//! What the rules measure about themselves.

use crate::metrics::{Counter, Definition, Gauge, Histogram, Registry, buckets};

static EVALUATIONS: Definition =
    Definition::counter("memsentry_rule_evaluations_total", "Rules evaluated, failed ones included.", &["group"]);
static FAILURES: Definition = Definition::counter(
    "memsentry_rule_evaluation_failures_total",
    "Rules whose evaluation failed; their alerts keep the state that they had.",
    &["group"],
);
static DURATION: Definition = Definition::histogram(
    "memsentry_rule_group_duration_seconds",
    "How long one evaluation of the whole group took.",
    &["group"],
    buckets::INTERNAL,
);
static MISSED: Definition = Definition::counter(
    "memsentry_rule_group_iterations_missed_total",
    "Evaluations of the group that were due and did not happen.",
    &["group"],
);
static LAST: Definition = Definition::gauge(
    "memsentry_rule_group_last_evaluation_timestamp_seconds",
    "When the group was last evaluated.",
    &["group"],
);
static HELD: Definition = Definition::gauge(
    "memsentry_rule_group_alerts_without_data",
    "Alerts of the group that are held as they were because their data are missing.",
    &["group"],
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&EVALUATIONS, &FAILURES, &DURATION, &MISSED, &LAST, &HELD];

/// Handles of all groups.
#[derive(Clone)]
pub(super) struct Metrics {
    pub(super) evaluations: Counter,
    pub(super) failures: Counter,
    pub(super) duration: Histogram,
    pub(super) missed: Counter,
    pub(super) last: Gauge,
    pub(super) held: Gauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            evaluations: registry.counter(&EVALUATIONS),
            failures: registry.counter(&FAILURES),
            duration: registry.histogram(&DURATION),
            missed: registry.counter(&MISSED),
            last: registry.gauge(&LAST),
            held: registry.gauge(&HELD),
        }
    }

    /// Lets the group's counters begin at 0.
    pub(super) fn begin(&self, group: &str) {
        for counter in [&self.evaluations, &self.failures, &self.missed] {
            counter.with_label_values(&[group]);
        }
    }

    /// Ends the group's series; a missing one is none to end.
    pub(super) fn end(&self, group: &str) {
        for counter in [&self.evaluations, &self.failures, &self.missed] {
            let _ = counter.remove_label_values(&[group]);
        }
        let _ = self.duration.remove_label_values(&[group]);
        let _ = self.last.remove_label_values(&[group]);
        let _ = self.held.remove_label_values(&[group]);
    }
}
