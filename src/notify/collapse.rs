//! Tells the messages that piled up before a dead receiver as one.
//!
//! Every alert of every message is in the one, as the last message about it had it: nothing that fired and
//! nothing that was over is lost, only the steps in between. What people read becomes one message for all
//! groups; what programs read becomes one for each group, because they tie messages together by its key. Pure.

use std::collections::BTreeMap;

use crate::model::{Labels, Timestamp};
use crate::store::{OutboxRow, Replacement};

use super::compose::digest;
use super::message::{Collapsed, MOST_ALERTS, Notification, Told, common_annotations, common_labels};
use super::reason::Reason;

/// A message that waits, read.
pub(super) struct Waiting {
    pub row: OutboxRow,
    pub notification: Notification,
}

/// What to put in the place of `waiting`, in the order in which it was decided: one message for all, or one for
/// each group. `ended` knows since when an alert is over that the messages still show as firing. A message that
/// stands alone stays as it is.
pub(super) fn collapse(
    waiting: Vec<Waiting>,
    for_people: bool,
    at: Timestamp,
    ended: impl Fn(&Told) -> Option<Timestamp>,
) -> Vec<Replacement> {
    let mut groups: BTreeMap<String, Vec<Waiting>> = BTreeMap::new();
    for message in waiting {
        let group = if for_people { String::new() } else { message.row.group_key.clone() };
        groups.entry(group).or_default().push(message);
    }
    let several = groups.into_values().filter(|messages| messages.len() > 1);
    several.filter_map(|messages| merge(messages, at, &ended)).collect()
}

fn merge(messages: Vec<Waiting>, at: Timestamp, ended: &impl Fn(&Told) -> Option<Timestamp>) -> Option<Replacement> {
    let (first, last) = (messages.first()?, messages.last()?);
    let one_group = messages.iter().all(|message| message.row.group_key == last.row.group_key);
    let mut alerts = last_words(&messages);
    for alert in &mut alerts {
        if let Some(end) = ended(alert) {
            alert.end(end);
        }
    }
    alerts.sort_by(|a, b| (a.status, &a.labels).cmp(&(b.status, &b.labels)));
    let gone: Vec<String> = messages.iter().map(|message| message.row.id.clone()).collect();
    let id = digest(&gone.iter().map(String::as_str).collect::<Vec<_>>());
    let mut told = Notification {
        collapsed: Some(Collapsed {
            messages: messages.iter().map(|message| message.notification.messages()).sum(),
            since: messages.iter().map(|message| message.notification.first_decided_at()).min()?,
        }),
        truncated_alerts: alerts.len().saturating_sub(MOST_ALERTS)
            + messages.iter().map(|message| message.notification.truncated_alerts).max()?,
        ..last.notification.clone()
    };
    alerts.truncate(MOST_ALERTS);
    told.reason = reason(&alerts, first.notification.reason);
    if !one_group {
        let labels: Vec<&Labels> = messages.iter().map(|message| &message.notification.group_labels).collect();
        told.group_labels = shared(&labels);
        told.group_key = format!("{{}}:{}", told.group_labels);
        told.thread.clone_from(&id);
    }
    told.common_labels = common_labels(&alerts);
    told.common_annotations = common_annotations(&alerts);
    if messages.iter().any(|message| message.notification.runbook != told.runbook) {
        told.runbook = None;
    }
    told.alerts = alerts;
    let row = OutboxRow {
        id,
        group_key: told.group_key.clone(),
        body: serde_json::to_string(&told).ok()?,
        next_attempt_at: at,
        attempts: messages.iter().map(|message| message.row.attempts).max()?,
        last_error: messages.iter().rev().find_map(|message| message.row.last_error.clone()),
        ..last.row.clone()
    };
    Some(Replacement { gone, row })
}

/// Each alert as the last message about it has it.
fn last_words(messages: &[Waiting]) -> Vec<Told> {
    let mut known: BTreeMap<&str, &Told> = BTreeMap::new();
    for message in messages {
        known.extend(message.notification.alerts.iter().map(|alert| (alert.fingerprint.as_str(), alert)));
    }
    known.into_values().cloned().collect()
}

/// Why the one message is told: as the receiver would see it, who heard nothing since before the first.
fn reason(alerts: &[Told], first: Reason) -> Reason {
    match alerts.iter().any(|alert| alert.ends_at.is_none()) {
        false => Reason::AllResolved,
        true if first == Reason::FirstNotification => Reason::FirstNotification,
        true => Reason::NewAlerts,
    }
}

/// The labels that all groups share.
fn shared(groups: &[&Labels]) -> Labels {
    let Some((first, rest)) = groups.split_first() else { return Labels::empty() };
    first.without(|name| rest.iter().any(|other| other.get(name) != first.get(name)))
}

#[cfg(test)]
mod tests;
