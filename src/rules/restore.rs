//! Alert state as documents for the store, so that a restart neither pages again nor resolves.
//!
//! One document per alert, written only when something changed that a restart must not forget. While alerts
//! are pending, one more document per group tells when it was last evaluated: time in which nobody looked
//! does not count towards `for`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Labels, Timestamp};
use crate::store::Document;

use super::alerting::{Active, Lasting, Phase};
use super::evaluation::StateChange;

/// Keys of alerts begin with this, then the rule's identity, then the alert's fingerprint.
const ALERT: &str = "alert/";
/// Keys of groups begin with this, then file and name.
const GROUP: &str = "group/";

/// An alert as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredAlert {
    pub(super) labels: Labels,
    annotations: BTreeMap<String, String>,
    /// As text, because JSON has no infinities.
    value: String,
    phase: String,
    active_at: Timestamp,
    fired_at: Option<Timestamp>,
    keep_firing_since: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    /// As text too.
    #[serde(default)]
    resolved_value: Option<String>,
    #[serde(default)]
    fed_by: Vec<usize>,
    #[serde(default)]
    no_data_since: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredGroup {
    evaluated_at: Timestamp,
}

/// What the documents of an earlier run say.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// Alerts by the identity of their rule.
    pub(super) alerts: BTreeMap<String, Vec<(Labels, Active)>>,
    /// The last evaluation of any group with pending alerts.
    pub(super) evaluated_at: Option<Timestamp>,
    /// Keys of documents that cannot be read or are of no use any more.
    pub(super) unusable: Vec<String>,
}

pub(super) fn alert_key(identity: &str, labels: &Labels) -> String {
    format!("{ALERT}{identity}/{}", labels.fingerprint())
}

/// The document of one alert.
pub(super) fn alert_document(identity: &str, labels: &Labels, active: &Active) -> Document {
    let stored = StoredAlert {
        labels: labels.clone(),
        annotations: active.annotations.clone(),
        value: active.value.to_string(),
        phase: match active.phase {
            Phase::Pending => "pending",
            Phase::Firing => "firing",
            Phase::Resolved => "resolved",
        }
        .to_owned(),
        active_at: active.active_at,
        fired_at: active.fired_at,
        keep_firing_since: active.keep_firing_since,
        resolved_at: active.resolved_at,
        resolved_value: active.resolved_value.map(|value| value.to_string()),
        fed_by: active.fed_by.clone(),
        no_data_since: active.no_data_since,
    };
    // Strings, whole numbers and maps of strings always serialize.
    let body = serde_json::to_string(&stored).unwrap_or_default();
    Document { key: alert_key(identity, labels), body }
}

/// What changed between two states of a rule's alerts.
pub(super) fn difference(
    identity: &str,
    before: &BTreeMap<Labels, Lasting>,
    now: &BTreeMap<Labels, Active>,
    change: &mut StateChange,
) {
    for (labels, active) in now {
        if before.get(labels) != Some(&active.lasting()) {
            change.set.push(alert_document(identity, labels, active));
        }
    }
    let gone = before.keys().filter(|labels| !now.contains_key(labels));
    change.remove.extend(gone.map(|labels| alert_key(identity, labels)));
}

pub(super) fn group_key(file: &str, name: &str) -> String {
    format!("{GROUP}{file};{name}")
}

/// The document that says when a group was last evaluated.
pub(super) fn group_document(file: &str, name: &str, at: Timestamp) -> Document {
    let body = serde_json::to_string(&StoredGroup { evaluated_at: at }).unwrap_or_default();
    Document { key: group_key(file, name), body }
}

/// Reads what an earlier run stored.
pub(super) fn read<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Restored {
    let mut restored = Restored::default();
    for document in documents {
        if document.key.starts_with(GROUP) {
            let group: Option<StoredGroup> = serde_json::from_str(&document.body).ok();
            restored.evaluated_at = restored.evaluated_at.max(group.map(|group| group.evaluated_at));
            restored.unusable.push(document.key.clone());
            continue;
        }
        let identity = document.key.strip_prefix(ALERT).and_then(|key| key.split_once('/'));
        let stored: Option<StoredAlert> = serde_json::from_str(&document.body).ok();
        match (identity, stored.and_then(active)) {
            (Some((identity, _)), Some(alert)) => {
                restored.alerts.entry(identity.to_owned()).or_default().push(alert);
            }
            _ => restored.unusable.push(document.key.clone()),
        }
    }
    restored
}

fn active(stored: StoredAlert) -> Option<(Labels, Active)> {
    let phase = match stored.phase.as_str() {
        "pending" => Phase::Pending,
        "firing" => Phase::Firing,
        "resolved" => Phase::Resolved,
        _ => return None,
    };
    let active = Active {
        annotations: stored.annotations,
        value: stored.value.parse().ok()?,
        phase,
        active_at: stored.active_at,
        fired_at: stored.fired_at,
        keep_firing_since: stored.keep_firing_since,
        resolved_at: stored.resolved_at,
        resolved_value: stored.resolved_value.and_then(|value| value.parse().ok()),
        unseen_until: None,
        fed_by: stored.fed_by,
        no_data_since: stored.no_data_since,
    };
    Some((stored.labels, active))
}
