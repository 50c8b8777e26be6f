//! What the store says about itself.

use crate::metrics::{Counter, Definition, Gauge, Histogram, Registry, buckets};
use crate::model::Stopwatch;

static UP: Definition = Definition::gauge(
    "memsentry_store_up",
    "Whether what is stored reaches the disk (1) or is only held in memory because the disk fails (0).",
    &[],
);
static WRITE_FAILURES: Definition = Definition::counter(
    "memsentry_store_write_failures_total",
    "Writes to the store's file that failed or were not answered in time.",
    &[],
);
static WRITE_DURATION: Definition = Definition::histogram(
    "memsentry_store_write_duration_seconds",
    "Time for one transaction of the store, until it is on disk.",
    &[],
    buckets::INTERNAL,
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&UP, &WRITE_FAILURES, &WRITE_DURATION];

#[derive(Clone)]
pub(super) struct Metrics {
    up: Gauge,
    failures: Counter,
    duration: Histogram,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            up: registry.gauge(&UP),
            failures: registry.counter(&WRITE_FAILURES),
            duration: registry.histogram(&WRITE_DURATION),
        };
        metrics.failures.with_label_values::<&str>(&[]);
        metrics.duration.with_label_values::<&str>(&[]);
        metrics
    }

    pub(super) fn up(&self, up: bool) {
        self.up.with_label_values::<&str>(&[]).set(f64::from(u8::from(up)));
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.with_label_values::<&str>(&[]).get() > 0.5
    }

    pub(super) fn failed(&self) {
        self.failures.with_label_values::<&str>(&[]).inc();
    }

    pub(super) fn written(&self, watch: Stopwatch) {
        self.duration.with_label_values::<&str>(&[]).observe(watch.elapsed().as_secs_f64());
    }
}
