//! One message about one group of alerts: what waits in the outbox and what notifiers turn into their form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Alert, AlertStatus, Labels, Timestamp};

use super::reason::Reason;

/// Most alerts that one message carries; the rest are counted in [`Notification::truncated_alerts`].
pub const MOST_ALERTS: usize = 1000;

/// One message for one notifier of one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The receiver's name.
    pub receiver: String,
    /// The group's key as Alertmanager writes it, `{}:{alertname="x"}`.
    pub group_key: String,
    /// The same for all messages about one life of the group, from first firing to all resolved, and one
    /// notifier; hexadecimal. Mail threads by it.
    pub thread: String,
    /// Why it is told.
    pub reason: Reason,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The labels that made the group.
    pub group_labels: Labels,
    /// Labels that all its alerts share.
    pub common_labels: Labels,
    /// Annotations that all its alerts share.
    pub common_annotations: BTreeMap<String, String>,
    /// Where the daemon is seen from outside, without a slash at the end; empty if nobody said.
    pub external_url: String,
    /// The runbook's name, if all alerts share one that exists.
    pub runbook: Option<String>,
    /// The alerts: firing ones first, then by labels.
    pub alerts: Vec<Told>,
    /// How many more alerts there were than fit.
    pub truncated_alerts: usize,
}

/// One alert as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Firing or resolved.
    pub status: AlertStatus,
    /// What identifies it.
    pub labels: Labels,
    /// What tells a person about it.
    pub annotations: BTreeMap<String, String>,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it was over; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// Where the rule is shown.
    pub generator_url: String,
    /// The hash of its labels, 16 hexadecimal digits.
    pub fingerprint: String,
    /// The rule's value when it was last seen firing. `None` stands for NaN and the infinities, which JSON
    /// does not know.
    pub value: Option<f64>,
    /// The rule's value when the alert was over, as far as it is known; `None` while it fires.
    #[serde(default)]
    pub resolved_value: Option<f64>,
}

impl Told {
    /// The alert as it stands, over since `ended` if it is over.
    #[must_use]
    pub fn new(alert: &Alert, ended: Option<Timestamp>) -> Self {
        Self {
            status: if ended.is_some() { AlertStatus::Resolved } else { AlertStatus::Firing },
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at,
            ends_at: ended,
            generator_url: alert.generator_url.clone(),
            fingerprint: alert.fingerprint().to_string(),
            value: Some(alert.value).filter(|value| value.is_finite()),
            resolved_value: alert.resolved_value.filter(|value| ended.is_some() && value.is_finite()),
        }
    }

    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get(crate::model::labels::ALERT_NAME).unwrap_or("")
    }
}

impl Notification {
    /// Firing if any of its alerts fires.
    #[must_use]
    pub fn status(&self) -> AlertStatus {
        if self.firing().next().is_some() { AlertStatus::Firing } else { AlertStatus::Resolved }
    }

    /// Its alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = &Told> {
        self.alerts.iter().filter(|alert| alert.status == AlertStatus::Firing)
    }

    /// Its alerts that are over.
    pub fn resolved(&self) -> impl Iterator<Item = &Told> {
        self.alerts.iter().filter(|alert| alert.status == AlertStatus::Resolved)
    }
}

/// The labels that all alerts share.
#[must_use]
pub fn common_labels(alerts: &[Told]) -> Labels {
    let Some((first, rest)) = alerts.split_first() else { return Labels::empty() };
    first.labels.without(|name| rest.iter().any(|alert| alert.labels.get(name) != first.labels.get(name)))
}

/// The annotations that all alerts share.
#[must_use]
pub fn common_annotations(alerts: &[Told]) -> BTreeMap<String, String> {
    let Some((first, rest)) = alerts.split_first() else { return BTreeMap::new() };
    let shared = |name: &String, value: &String| rest.iter().all(|alert| alert.annotations.get(name) == Some(value));
    first.annotations.iter().filter(|(n, v)| shared(n, v)).map(|(n, v)| (n.clone(), v.clone())).collect()
}
