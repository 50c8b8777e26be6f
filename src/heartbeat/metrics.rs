//! What is measured about the heartbeat.

use crate::metrics::{Counter, Definition, Gauge, Registry};
use crate::model::Timestamp;

use super::vitals::{Missing, Part};

static LAST_SUCCESS: Definition = Definition::gauge(
    "memsentry_heartbeat_last_success_timestamp_seconds",
    "When the dead man's switch last took a ping, in seconds since the epoch; 0 before the first.",
    &[],
);
static FAILURES: Definition = Definition::counter(
    "memsentry_heartbeat_failures_total",
    "Beats without a ping because a part of the loop did not come round, or pings that were not taken (reason ping).",
    &["reason"],
);
static MISSING: Definition = Definition::gauge(
    "memsentry_heartbeat_missing",
    "Whether a part of the loop did not come round when the heartbeat last looked (1).",
    &["part"],
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&LAST_SUCCESS, &FAILURES, &MISSING];

pub(super) struct Metrics {
    last_success: Gauge,
    failures: Counter,
    missing: Gauge,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Self {
        let metrics = Self {
            last_success: registry.gauge(&LAST_SUCCESS),
            failures: registry.counter(&FAILURES),
            missing: registry.gauge(&MISSING),
        };
        metrics.last_success.with_label_values::<&str>(&[]);
        for reason in Part::ALL.map(Part::as_str).into_iter().chain(["ping"]) {
            metrics.failures.with_label_values(&[reason]).inc_by(0.0);
        }
        metrics.missing(&[]);
        for part in Part::ALL {
            metrics.missing.with_label_values(&[part.as_str()]).set(0.0);
        }
        metrics
    }

    pub fn missing(&self, missing: &[Missing]) {
        for part in Part::ALL {
            let is_missing = missing.iter().any(|missing| missing.part == part);
            self.missing.with_label_values(&[part.as_str()]).set(f64::from(u8::from(is_missing)));
            if is_missing {
                self.failed(part.as_str());
            }
        }
    }

    pub fn succeeded(&self, at: Timestamp) {
        self.last_success.with_label_values::<&str>(&[]).set(at.seconds());
    }

    pub fn failed(&self, reason: &str) {
        self.failures.with_label_values(&[reason]).inc();
    }
}
