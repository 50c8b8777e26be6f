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
    /// Set if it stands for several messages that could not be delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collapsed: Option<Collapsed>,
}

/// What a message stands for that tells a dead receiver's backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collapsed {
    /// How many messages.
    pub messages: usize,
    /// When the first of them was decided.
    pub since: Timestamp,
}

/// One alert as it is told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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

    /// Notes that it is over since `at`.
    pub fn end(&mut self, at: Timestamp) {
        (self.status, self.ends_at) = (AlertStatus::Resolved, Some(at));
    }

    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get(crate::model::labels::ALERT_NAME).unwrap_or("")
    }
}

impl Notification {
    /// A message that never was, for trying templates and receivers out: one alert that fires since five minutes
    /// before `at`, one that is over.
    #[must_use]
    pub fn sample(at: Timestamp) -> Self {
        let ago = |minutes: i64| Timestamp::from_millis(at.millis() - minutes * 60_000);
        let told = |target: &str, ended: Option<Timestamp>| Told {
            status: if ended.is_some() { AlertStatus::Resolved } else { AlertStatus::Firing },
            labels: Labels::from_pairs([("alertname", "Sample"), ("severity", "warning"), ("target", target)]),
            annotations: BTreeMap::from([("summary".to_owned(), format!("{target} is a sample"))]),
            starts_at: ago(5),
            ends_at: ended,
            ..Told::default()
        };
        let mut alerts = vec![told("one", None), told("two", Some(ago(1)))];
        for alert in &mut alerts {
            alert.fingerprint = alert.labels.fingerprint().to_string();
        }
        let group_labels = Labels::from_pairs([("alertname", "Sample")]);
        Self {
            receiver: "sample".to_owned(),
            group_key: format!("{{}}:{group_labels}"),
            thread: "0".repeat(32),
            reason: Reason::SomeResolved,
            decided_at: at,
            group_labels,
            common_labels: common_labels(&alerts),
            common_annotations: common_annotations(&alerts),
            external_url: "http://127.0.0.1:9464".to_owned(),
            runbook: None,
            alerts,
            truncated_alerts: 0,
            collapsed: None,
        }
    }

    /// How many messages it tells.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.collapsed.map_or(1, |collapsed| collapsed.messages)
    }

    /// When the first of the messages that it tells was decided.
    #[must_use]
    pub fn first_decided_at(&self) -> Timestamp {
        self.collapsed.map_or(self.decided_at, |collapsed| collapsed.since)
    }

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
