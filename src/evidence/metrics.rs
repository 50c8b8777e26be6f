//! What is measured about gathering evidence.

use std::time::Duration as StdDuration;

use crate::metrics::{Counter, Definition, Histogram, Registry, buckets};

/// Messages for which evidence was gathered.
pub static EVIDENCE: Definition = Definition::counter(
    "memsentry_evidence_total",
    "Notifications for which evidence was gathered, by result: complete, or partial if something is missing.",
    &["result"],
);

/// Time it took.
pub static DURATION: Definition = Definition::histogram(
    "memsentry_evidence_duration_seconds",
    "Time that gathering the evidence of one notification took; at most 2 s.",
    &[],
    buckets::REQUEST,
);

/// Diagnostics that were run.
pub static DIAGNOSTICS: Definition = Definition::counter(
    "memsentry_diagnostics_total",
    "Diagnostics of runbooks that were run, by language (sql, promql) and result (answered, failed).",
    &["language", "result"],
);

/// Everything this module exposes.
pub static DEFINITIONS: &[&Definition] = &[&EVIDENCE, &DURATION, &DIAGNOSTICS];

/// Handles on all of them.
#[derive(Clone)]
pub(super) struct Metrics {
    evidence: Counter,
    duration: Histogram,
    diagnostics: Counter,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Self {
        let evidence = registry.counter(&EVIDENCE);
        for result in ["complete", "partial"] {
            evidence.with_label_values(&[result]).inc_by(0.0);
        }
        let diagnostics = registry.counter(&DIAGNOSTICS);
        for language in ["sql", "promql"] {
            for result in ["answered", "failed"] {
                diagnostics.with_label_values(&[language, result]).inc_by(0.0);
            }
        }
        Self { evidence, duration: registry.histogram(&DURATION), diagnostics }
    }

    pub fn gathered(&self, took: StdDuration, complete: bool) {
        self.evidence.with_label_values(&[if complete { "complete" } else { "partial" }]).inc();
        self.duration.with_label_values::<&str>(&[]).observe(took.as_secs_f64());
    }

    pub fn diagnosed(&self, language: &str, answered: bool) {
        self.diagnostics.with_label_values(&[language, if answered { "answered" } else { "failed" }]).inc();
    }
}
