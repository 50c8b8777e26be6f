//! What is measured about telling people.

use crate::metrics::{Counter, Definition, Gauge, Histogram, Registry, buckets};

use super::notifiers::FailureReason;
use super::silence::SilenceState;

/// Attempts.
pub static ATTEMPTS: Definition = Definition::counter(
    "memsentry_notifications_total",
    "Attempts to deliver a notification.",
    &["receiver", "notifier"],
);

/// Failed attempts.
pub static FAILURES: Definition = Definition::counter(
    "memsentry_notification_failures_total",
    "Attempts to deliver a notification that failed, by reason.",
    &["receiver", "notifier", "reason"],
);

/// Messages given up.
pub static DROPPED: Definition = Definition::counter(
    "memsentry_notifications_dropped_total",
    "Notifications given up for good: refused by the receiver, too old, or pushed out of a full outbox.",
    &["receiver", "notifier"],
);

/// Messages told as one.
pub static COLLAPSED: Definition = Definition::counter(
    "memsentry_notifications_collapsed_total",
    "Notifications that waited for a dead receiver and were put together with others into one message.",
    &["receiver", "notifier"],
);

/// Dead receivers.
pub static CIRCUIT: Definition = Definition::gauge(
    "memsentry_receiver_circuit_open",
    "Whether a receiver counts as dead, after five failures in a row: its messages wait and will be told as one.",
    &["receiver", "notifier"],
);

/// Refreshes.
pub static REFRESHES: Definition = Definition::counter(
    "memsentry_receiver_refreshes_total",
    "Times that a receiver was told again what fires, beside the notifications; Alertmanagers want it.",
    &["receiver", "notifier"],
);

/// Failed refreshes.
pub static REFRESH_FAILURES: Definition = Definition::counter(
    "memsentry_receiver_refresh_failures_total",
    "Times that a receiver could not be told again what fires.",
    &["receiver", "notifier"],
);

/// Time of one attempt.
pub static DURATION: Definition = Definition::histogram(
    "memsentry_notification_duration_seconds",
    "Time one attempt to deliver a notification took.",
    &["notifier"],
    buckets::REQUEST,
);

/// Messages waiting.
pub static OUTBOX_ENTRIES: Definition =
    Definition::gauge("memsentry_outbox_entries", "Notifications that wait for their receiver's answer.", &[]);

/// Age of the oldest.
pub static OUTBOX_OLDEST: Definition = Definition::gauge(
    "memsentry_outbox_oldest_age_seconds",
    "Age of the oldest notification that waits, 0 if none does.",
    &[],
);

/// Alerts by state.
pub static ALERTS: Definition = Definition::gauge(
    "memsentry_alerts",
    "Alerts the dispatcher knows, by state; resolved ones until they are told.",
    &["state"],
);

/// Silences by state.
pub static SILENCES: Definition = Definition::gauge(
    "memsentry_silences",
    "Silences by state: active, pending (not begun), or expired (over, and kept for 120 hours).",
    &["state"],
);

/// Alerts that somebody takes care of.
pub static ACKNOWLEDGED: Definition =
    Definition::gauge("memsentry_alerts_acknowledged", "Firing alerts that somebody acknowledged.", &[]);

/// Escalations.
pub static ESCALATIONS: Definition = Definition::counter(
    "memsentry_escalations_total",
    "Alerts told to a further receiver because nobody acknowledged them in time.",
    &["receiver"],
);

/// Everything this module exposes.
pub static DEFINITIONS: &[&Definition] = &[
    &ATTEMPTS,
    &FAILURES,
    &DROPPED,
    &COLLAPSED,
    &CIRCUIT,
    &REFRESHES,
    &REFRESH_FAILURES,
    &DURATION,
    &OUTBOX_ENTRIES,
    &OUTBOX_OLDEST,
    &ALERTS,
    &SILENCES,
    &ACKNOWLEDGED,
    &ESCALATIONS,
];

/// Handles on all of them.
#[derive(Clone)]
pub(super) struct Metrics {
    pub attempts: Counter,
    pub failures: Counter,
    pub dropped: Counter,
    pub collapsed: Counter,
    pub circuit: Gauge,
    pub refreshes: Counter,
    pub refresh_failures: Counter,
    pub duration: Histogram,
    pub entries: Gauge,
    pub oldest: Gauge,
    pub alerts: Gauge,
    pub acknowledged: Gauge,
    pub escalations: Counter,
    pub silences: Gauge,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Self {
        let metrics = Self {
            attempts: registry.counter(&ATTEMPTS),
            failures: registry.counter(&FAILURES),
            dropped: registry.counter(&DROPPED),
            collapsed: registry.counter(&COLLAPSED),
            circuit: registry.gauge(&CIRCUIT),
            refreshes: registry.counter(&REFRESHES),
            refresh_failures: registry.counter(&REFRESH_FAILURES),
            duration: registry.histogram(&DURATION),
            entries: registry.gauge(&OUTBOX_ENTRIES),
            oldest: registry.gauge(&OUTBOX_OLDEST),
            alerts: registry.gauge(&ALERTS),
            acknowledged: registry.gauge(&ACKNOWLEDGED),
            escalations: registry.counter(&ESCALATIONS),
            silences: registry.gauge(&SILENCES),
        };
        metrics.entries.with_label_values::<&str>(&[]).set(0.0);
        metrics.acknowledged.with_label_values::<&str>(&[]).set(0.0);
        metrics.oldest.with_label_values::<&str>(&[]).set(0.0);
        for state in SilenceState::ALL {
            metrics.silences.with_label_values(&[state.as_str()]).set(0.0);
        }
        for state in ["firing", "resolved"] {
            metrics.alerts.with_label_values(&[state]).set(0.0);
        }
        metrics
    }

    /// Starts the series of a notifier at 0.
    pub fn start(&self, receiver: &str, notifier: &str) {
        self.attempts.with_label_values(&[receiver, notifier]).inc_by(0.0);
        self.dropped.with_label_values(&[receiver, notifier]).inc_by(0.0);
        self.collapsed.with_label_values(&[receiver, notifier]).inc_by(0.0);
        for reason in FailureReason::ALL {
            self.failures.with_label_values(&[receiver, notifier, reason.as_str()]).inc_by(0.0);
        }
    }
}
