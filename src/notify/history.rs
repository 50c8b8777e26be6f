//! What the history of alerts tells: one entry for every change of an alert and every attempt to tell somebody.
//!
//! Pure: makes entries for the store, which keeps them without looking inside, and reads them back. The times are those
//! at which the dispatcher or the outbox saw it happen.

use serde::{Deserialize, Serialize};

use crate::model::labels::ALERT_NAME;
use crate::model::{Alert, Labels, MatchOp, PendingChange, Timestamp};
use crate::store::{HistoryEntry, OutboxRow};

pub use crate::store::{HistoryFilter, HistoryRow, MOST_READ};

use super::acknowledge::Acknowledgement;
use super::silence::Silence;

/// Most fingerprints under which one attempt is found; names of alerts are all there.
const MOST_FINGERPRINTS: usize = 100;
/// Longest text that is kept of an error or a comment, in characters.
const LONGEST_TEXT: usize = 500;

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An alert waits to be seen for long enough.
    Pending,
    /// An alert that waited is gone; it never fired.
    Inactive,
    /// An alert fires.
    Firing,
    /// An alert is over.
    Resolved,
    /// A silence, another alert or the clock keeps an alert from being told.
    Muted,
    /// Nothing does any more.
    Unmuted,
    /// Somebody made or changed a silence.
    Silenced,
    /// A silence is over, or was ended.
    Unsilenced,
    /// Somebody takes care of an alert.
    Acknowledged,
    /// The acknowledgement was taken back, or its time is over.
    Unacknowledged,
    /// Nobody took care in time; another receiver is told.
    Escalated,
    /// A receiver took a message.
    Delivered,
    /// An attempt failed; there will be another.
    Failed,
    /// A message was given up.
    GivenUp,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Pending,
        Self::Inactive,
        Self::Firing,
        Self::Resolved,
        Self::Muted,
        Self::Unmuted,
        Self::Silenced,
        Self::Unsilenced,
        Self::Acknowledged,
        Self::Unacknowledged,
        Self::Escalated,
        Self::Delivered,
        Self::Failed,
        Self::GivenUp,
    ];

    /// In the store, the API and at the terminal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Inactive => "inactive",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Muted => "muted",
            Self::Unmuted => "unmuted",
            Self::Silenced => "silenced",
            Self::Unsilenced => "unsilenced",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Escalated => "escalated",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// The facts of an entry; which of them there are depends on the event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The alert's labels, or those that all alerts of a message share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// Its hash, 16 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Its annotation `summary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The rule's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// What keeps it from being told, or why something ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Who acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Which of the receiver's notifiers, such as `webhook[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifier: Option<String>,
    /// The message's key, the same for every attempt at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The alert group's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_key: Option<String>,
    /// Why the message was sent, such as `first_notification`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Alerts of the message that fire, and that are over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<(usize, usize)>,
    /// Which attempt at the message, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why it failed; redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Nothing real: somebody tested a receiver.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
}

impl Facts {
    /// Those of one alert.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        Self {
            labels: Some(alert.labels.clone()),
            fingerprint: Some(alert.fingerprint().to_string()),
            summary: alert.annotations.get("summary").map(|text| short(text)),
            value: Some(alert.value).filter(|value| value.is_finite()),
            starts_at: Some(alert.starts_at),
            ..Self::default()
        }
    }

    /// The facts of a stored entry; what cannot be read is left out.
    #[must_use]
    pub fn read(entry: &HistoryEntry) -> Self {
        serde_json::from_str(&entry.body).unwrap_or_default()
    }

    /// The alert's name, or the one that all alerts of a message share.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.labels.as_ref()?.get(ALERT_NAME)
    }
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

fn entry(at: Timestamp, event: Event, subjects: Vec<String>, receiver: Option<String>, facts: &Facts) -> HistoryEntry {
    let body = serde_json::to_string(facts).unwrap_or_default();
    HistoryEntry { at, event: event.as_str().to_owned(), subjects, receiver, body }
}

/// Something that happened to one alert.
#[must_use]
pub fn change(
    at: Timestamp,
    event: Event,
    alert: &Alert,
    receiver: Option<&str>,
    because: Option<String>,
) -> HistoryEntry {
    let facts = Facts { because: because.map(|text| short(&text)), ..Facts::of(alert) };
    let subjects = vec![alert.name().to_owned(), alert.fingerprint().to_string()];
    entry(at, event, subjects, receiver.map(str::to_owned), &facts)
}

/// An alert began to wait for its `for`, or stopped without having fired.
#[must_use]
pub fn pending(change: &PendingChange) -> HistoryEntry {
    let fingerprint = change.labels.fingerprint().to_string();
    let facts = Facts {
        labels: Some(change.labels.clone()),
        fingerprint: Some(fingerprint.clone()),
        summary: change.summary.as_deref().map(short),
        value: change.value.filter(|value| value.is_finite()),
        starts_at: Some(change.since),
        ..Facts::default()
    };
    let name = change.labels.get(ALERT_NAME).unwrap_or("").to_owned();
    let event = if change.over { Event::Inactive } else { Event::Pending };
    entry(change.at, event, vec![name, fingerprint], None, &facts)
}

/// An acknowledgement came or went.
#[must_use]
pub fn acknowledgement(at: Timestamp, event: Event, given: &Acknowledgement, because: Option<&str>) -> HistoryEntry {
    let facts = Facts {
        labels: Some(given.labels.clone()),
        fingerprint: Some(given.fingerprint().to_string()),
        by: Some(short(&given.by)),
        comment: Some(short(&given.comment)).filter(|comment| !comment.is_empty()),
        because: because.map(short),
        ..Facts::default()
    };
    let name = given.labels.get(ALERT_NAME).unwrap_or("").to_owned();
    entry(at, event, vec![name, given.fingerprint().to_string()], None, &facts)
}

/// A silence was made, changed, or is over. It is found under its id and the names of alerts that it asks for.
#[must_use]
pub fn silence(at: Timestamp, event: Event, silence: &Silence) -> HistoryEntry {
    let names = silence.matchers.iter().filter(|m| m.name() == ALERT_NAME && m.op() == MatchOp::Equal);
    let subjects = names.map(|m| m.value().to_owned()).chain([silence.id.to_string()]).collect();
    let because = format!("silence {} of {} until {}", silence.id, silence.matcher_text(), silence.ends_at.rfc3339());
    let facts = Facts {
        by: Some(short(&silence.created_by)),
        comment: Some(short(&silence.comment)).filter(|comment| !comment.is_empty()),
        because: Some(short(&because)),
        ..Facts::default()
    };
    entry(at, event, subjects, None, &facts)
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// The receiver took it.
    Delivered,
    /// There will be another attempt.
    Failed {
        /// Redacted.
        error: &'a str,
        /// When.
        next: Timestamp,
    },
    /// There will be none.
    GivenUp {
        /// Redacted.
        error: &'a str,
    },
}

/// The parts of a message that history is about.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    common_labels: Labels,
    #[serde(default)]
    alerts: Vec<MessageAlert>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct MessageAlert {
    status: crate::model::AlertStatus,
    labels: Labels,
    fingerprint: String,
}

/// One attempt at a message and how it ended; `attempt` counts from 1, 0 stands for none at all.
#[must_use]
pub fn attempt(at: Timestamp, row: &OutboxRow, attempt: u32, outcome: &Outcome<'_>) -> HistoryEntry {
    let message: Option<Message> = serde_json::from_str(&row.body).ok();
    let alerts = message.as_ref().map(|message| message.alerts.as_slice()).unwrap_or_default();
    let mut subjects: Vec<String> = alerts.iter().filter_map(|a| a.labels.get(ALERT_NAME)).map(str::to_owned).collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects.extend(alerts.iter().take(MOST_FINGERPRINTS).map(|alert| alert.fingerprint.clone()));
    let resolved = alerts.iter().filter(|alert| alert.status == crate::model::AlertStatus::Resolved).count();
    let (event, error, next_attempt_at) = match outcome {
        Outcome::Delivered => (Event::Delivered, None, None),
        Outcome::Failed { error, next } => (Event::Failed, Some(short(error)), Some(*next)),
        Outcome::GivenUp { error } => (Event::GivenUp, Some(short(error)), None),
    };
    let labels = message.as_ref().map(|message| message.common_labels.clone());
    let facts = Facts {
        fingerprint: alerts.first().filter(|_| alerts.len() == 1).map(|alert| alert.fingerprint.clone()),
        drill: labels.as_ref().is_some_and(super::drill::is_drill),
        labels,
        notifier: Some(row.notifier.clone()),
        message: Some(row.id.clone()),
        group_key: Some(row.group_key.clone()),
        reason: message.as_ref().and_then(|message| message.reason.clone()),
        alerts: Some((alerts.len() - resolved, resolved)),
        attempt: Some(attempt).filter(|attempt| *attempt > 0),
        error,
        next_attempt_at,
        ..Facts::default()
    };
    entry(at, event, subjects, Some(row.receiver.clone()), &facts)
}
