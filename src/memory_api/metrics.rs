//! Metrics of the requests that memsentry itself sends to a service, resolved once per target.
//!
//! A 401 that a fresh token repaired is not a failure, nor is a request that the budget held back: that one was
//! never sent. The duration counts answers of 2xx and requests that ran out of time, so that a service that
//! stops answering does not look faster.

use std::collections::BTreeSet;

use prometheus::Histogram as HistogramSeries;
use prometheus::core::Collector;

use crate::metrics::{Definition, Registry, buckets};

use super::{ExchangeRecord, FailureReason};

/// Requests sent.
pub static REQUESTS: Definition = Definition::counter(
    "chat_memory_requests_total",
    "Requests that memsentry sent to the service.",
    &["target", "route"],
);
/// Requests that failed.
pub static REQUEST_FAILURES: Definition = Definition::counter(
    "chat_memory_request_failures_total",
    "Requests that memsentry sent and that brought no usable answer. A 401 that a fresh token repaired is left out.",
    &["target", "route", "reason"],
);
/// Time of whole requests.
pub static REQUEST_DURATION: Definition = Definition::histogram(
    "chat_memory_request_duration_seconds",
    "Time of requests answered with 2xx, connecting included, and of requests that timed out.",
    &["target", "route"],
    buckets::REQUEST,
);
/// Time of each phase.
pub static PHASE_DURATION: Definition = Definition::histogram(
    "chat_memory_request_phase_duration_seconds",
    "Time of each phase of a request; dns, connect and tls only where a new connection was made.",
    &["target", "phase"],
    buckets::REQUEST,
);
/// What the service says is left of its rate limit.
pub static RATE_LIMIT_REMAINING: Definition = Definition::gauge(
    "chat_memory_rate_limit_remaining",
    "Requests that the service said it would still accept from memsentry's user (X-RateLimit-Remaining), last seen.",
    &["target"],
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] =
    &[&REQUESTS, &REQUEST_FAILURES, &REQUEST_DURATION, &PHASE_DURATION, &RATE_LIMIT_REMAINING];

const PHASES: [&str; 5] = ["dns", "connect", "tls", "first_byte", "transfer"];

/// The service's calls, as label values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `GET /health`
    Health,
    /// `POST /auth/login`
    Login,
    /// `POST /conversations`
    Conversations,
    /// `POST /api/v1/memory/update`
    MemoryUpdate,
    /// `GET /api/v1/memory/{chat_id}`
    Memory,
}

impl Route {
    /// Every route, in the order of the enum.
    pub const ALL: [Self; 5] = [Self::Health, Self::Login, Self::Conversations, Self::MemoryUpdate, Self::Memory];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Login => "login",
            Self::Conversations => "conversations",
            Self::MemoryUpdate => "memory_update",
            Self::Memory => "memory",
        }
    }
}

struct RouteSeries {
    requests: prometheus::Counter,
    failures: [prometheus::Counter; FailureReason::ALL.len()],
    duration: HistogramSeries,
}

/// The series of one target; found once, so that a request only increments.
pub(super) struct Series {
    routes: [RouteSeries; Route::ALL.len()],
    phases: [HistogramSeries; PHASES.len()],
    remaining: crate::metrics::Gauge,
    target: String,
}

impl Series {
    pub(super) fn new(registry: &Registry, target: &str) -> Self {
        let (requests, failures) = (registry.counter(&REQUESTS), registry.counter(&REQUEST_FAILURES));
        let (durations, phases) = (registry.histogram(&REQUEST_DURATION), registry.histogram(&PHASE_DURATION));
        Self {
            routes: Route::ALL.map(|route| RouteSeries {
                requests: requests.with_label_values(&[target, route.as_str()]),
                failures: FailureReason::ALL
                    .map(|reason| failures.with_label_values(&[target, route.as_str(), reason.as_str()])),
                duration: durations.with_label_values(&[target, route.as_str()]),
            }),
            phases: PHASES.map(|phase| phases.with_label_values(&[target, phase])),
            // Not set to 0 at first: that would say that nothing is left.
            remaining: registry.gauge(&RATE_LIMIT_REMAINING),
            target: target.to_owned(),
        }
    }

    /// A request was sent, or could not be sent for want of a connection.
    pub(super) fn sent(&self, route: Route, record: &ExchangeRecord, failure: Option<FailureReason>) {
        let series = &self.routes[route as usize];
        series.requests.inc();
        let answered = record.status.is_some_and(|status| (200..300).contains(&status));
        if answered || failure == Some(FailureReason::Timeout) {
            series.duration.observe(record.timings.total.as_secs_f64());
        }
        for (series, (_, took)) in self.phases.iter().zip(record.timings.phases()) {
            if let Some(took) = took {
                series.observe(took.as_secs_f64());
            }
        }
    }

    /// A request failed for good.
    pub(super) fn failed(&self, route: Route, reason: FailureReason) {
        self.routes[route as usize].failures[reason as usize].inc();
    }

    pub(super) fn remaining(&self, remaining: f64) {
        self.remaining.with_label_values(&[&self.target]).set(remaining);
    }
}

/// Ends all series of targets other than `targets`: the registry outlives a reload, and so would they.
pub fn withdraw(registry: &Registry, targets: &[&str]) {
    let families = registry.counter(&REQUESTS).collect();
    let labels = families.iter().flat_map(|family| family.get_metric()).flat_map(|metric| metric.get_label());
    let known: BTreeSet<&str> = labels.filter(|pair| pair.name() == "target").map(|pair| pair.value()).collect();
    for target in known.into_iter().filter(|target| !targets.contains(target)) {
        withdraw_target(registry, target);
    }
}

fn withdraw_target(registry: &Registry, target: &str) {
    let (requests, failures) = (registry.counter(&REQUESTS), registry.counter(&REQUEST_FAILURES));
    let durations = registry.histogram(&REQUEST_DURATION);
    // Removing a series that does not exist is an error that means what we want.
    for route in Route::ALL.map(Route::as_str) {
        let _ = requests.remove_label_values(&[target, route]);
        let _ = durations.remove_label_values(&[target, route]);
        for reason in FailureReason::ALL {
            let _ = failures.remove_label_values(&[target, route, reason.as_str()]);
        }
    }
    for phase in PHASES {
        let _ = registry.histogram(&PHASE_DURATION).remove_label_values(&[target, phase]);
    }
    let _ = registry.gauge(&RATE_LIMIT_REMAINING).remove_label_values(&[target]);
}
