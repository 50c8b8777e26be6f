//! An alert as rules hand it to notifications: the only thing the two modules share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::labels::ALERT_NAME;
use super::{Fingerprint, Labels, Timestamp};

/// One label set of one alerting rule that fires, or fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What identifies it; `alertname` among them.
    pub labels: Labels,
    /// What tells a person about it, with templates expanded.
    pub annotations: BTreeMap<String, String>,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it was seen to be over; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// Until when a firing alert counts as firing if nobody says so again.
    pub valid_until: Timestamp,
    /// Where a person can see the rule's expression.
    pub generator_url: String,
    /// The rule's value at the last evaluation that saw it.
    pub value: f64,
    /// What was compared, at the time at which the alert was over: the rule's value without the comparison that
    /// filters it. `None` while it fires, and where it cannot be known: the series is gone, the rule is, or the
    /// rule does not compare in a way that leaves the value in sight.
    #[serde(default)]
    pub resolved_value: Option<f64>,
}

/// An alert that begins to wait until it has been seen for long enough, or stops waiting without having fired.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingChange {
    /// What identifies the alert.
    pub labels: Labels,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it began to wait, or stopped.
    pub at: Timestamp,
    /// The rule's value; `None` where it stopped, because there is none any more.
    pub value: Option<f64>,
    /// Its annotation `summary`, where it has one and still waits.
    pub summary: Option<String>,
    /// Whether it stopped.
    pub over: bool,
}

/// Whether an alert is on or over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It fires.
    #[default]
    Firing,
    /// It is over.
    Resolved,
}

impl AlertStatus {
    /// As Alertmanager writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

impl Alert {
    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get(ALERT_NAME).unwrap_or("")
    }

    /// The hash of its labels, its identity.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.labels.fingerprint()
    }

    /// Firing or resolved at `at`: over once it ended, or once nobody has confirmed it in time.
    #[must_use]
    pub fn status(&self, at: Timestamp) -> AlertStatus {
        match self.ends_at {
            Some(end) if end <= at => AlertStatus::Resolved,
            _ if self.valid_until <= at => AlertStatus::Resolved,
            _ => AlertStatus::Firing,
        }
    }
}
