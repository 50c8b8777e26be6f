//! Service level objectives: one definition, from which recording rules, burn-rate alerts, the error budget and the
//! thresholds of load tests are made.
//!
//! [`Slo`] is a row of the `slos` section. [`rules_text`] makes a rule file of all of them that any Prometheus
//! accepts; the daemon evaluates the same rules, with the windows beyond two hours from a ledger of its own (`ledger`),
//! because raw samples are not kept so long. [`Threshold`] is what others judge by.

mod expression;
mod generate;
mod ledger;
mod settings;

#[cfg(test)]
mod tests;

pub use generate::{FAST, GENERATED_NAME, SLOW, rules_text};
pub use settings::{LatencyBound, Objective, Operation, Slo};

pub(super) use generate::source;
pub(super) use ledger::{Ledger, PREFIX, Part};

use crate::model::Duration;

/// What an objective asks of measured operations.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The objective's name.
    pub slo: String,
    /// What it is about, where it says so.
    pub operation: Option<Operation>,
    /// The share that must be good, between 0 and 1.
    pub objective: f64,
    /// Longest time that counts as good; `None` where success alone counts.
    pub at_most: Option<Duration>,
    /// Over how long it is to hold.
    pub window: Duration,
}

impl Threshold {
    /// Whether `good` of `total` operations are enough; none at all break nothing.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts beyond 2^53 are out of reach
    pub fn holds(&self, good: u64, total: u64) -> bool {
        total == 0 || good as f64 / total as f64 >= self.objective
    }
}

/// What all objectives ask, in their order.
#[must_use]
pub fn thresholds(slos: &[Slo]) -> Vec<Threshold> {
    slos.iter()
        .map(|slo| Threshold {
            slo: slo.name.clone(),
            operation: slo.operation,
            objective: slo.objective.ratio(),
            at_most: slo.latency.as_ref().map(|latency| latency.at_most),
            window: slo.window,
        })
        .collect()
}

/// The objectives that hold where the configuration names none: what the service's own requirements promise.
#[must_use]
pub fn shipped() -> Vec<Slo> {
    let ours = r#"reason=~"rate_limited|database|internal""#;
    let latency = |name: &str, objective, operation, histogram: &str, millis| Slo {
        latency: Some(LatencyBound { histogram: histogram.to_owned(), at_most: Duration::from_millis(millis) }),
        ..Slo::new(name, objective, operation)
    };
    vec![
        Slo {
            bad: Some(format!("chat_memory_update_failures_total{{{}}}", ours.replace("=~", "!~"))),
            total: Some(format!("chat_memory_updates_total - chat_memory_update_failures_total{{{ours}}}")),
            ..Slo::new("update-success", 0.995, Operation::Update)
        },
        latency("update-latency", 0.95, Operation::Update, "chat_memory_update_duration_seconds", 2000),
        latency(
            "retrieval-latency",
            0.99,
            Operation::Retrieval,
            r#"chat_memory_request_duration_seconds{route="memory"}"#,
            100,
        ),
    ]
}
