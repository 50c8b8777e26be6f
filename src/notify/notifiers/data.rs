//! A message as templates see it: Alertmanager's fields, and a few of ours.

use std::sync::Arc;

use crate::model::{Labels, Timestamp};
use crate::template::{Map, MapKind, Value};

use super::super::message::Told;
use super::Attempt;

/// The data of an attempt, with at most `max_alerts` alerts; 0 for all.
pub(super) fn message(attempt: &Attempt<'_>, max_alerts: usize) -> Value {
    let notification = attempt.notification;
    let most = if max_alerts == 0 { usize::MAX } else { max_alerts };
    let left_out = notification.alerts.len().saturating_sub(most) + notification.truncated_alerts;
    let runbook = notification.runbook.as_ref().and_then(|name| attempt.runbooks.get(name));
    let url = notification.common_annotations.get("runbook_url").map_or("", String::as_str);
    let book = |text: &str| Value::text(text);
    Value::fields([
        ("Receiver", Value::text(&notification.receiver)),
        ("Status", Value::text(notification.status().as_str())),
        ("Alerts", Value::list(notification.alerts.iter().take(most).map(alert).collect())),
        ("GroupLabels", labels(&notification.group_labels)),
        ("CommonLabels", labels(&notification.common_labels)),
        ("CommonAnnotations", annotations(&notification.common_annotations)),
        ("ExternalURL", Value::text(&notification.external_url)),
        ("NotificationReason", Value::text(notification.reason.alertmanager())),
        ("RouteLabels", labels(&Labels::empty())),
        ("Version", Value::text("4")),
        ("GroupKey", Value::text(&notification.group_key)),
        ("TruncatedAlerts", count(left_out)),
        // Ours.
        ("Key", Value::text(attempt.key)),
        ("CollapsedMessages", count(notification.collapsed.map_or(0, |collapsed| collapsed.messages))),
        (
            "Runbook",
            Value::fields([
                ("Name", book(runbook.map_or("", |book| &book.name))),
                ("Summary", book(&runbook.map(|book| book.summary()).unwrap_or_default())),
                ("URL", book(url)),
            ]),
        ),
    ])
}

fn alert(told: &Told) -> Value {
    Value::fields([
        ("Status", Value::text(told.status.as_str())),
        ("Labels", labels(&told.labels)),
        ("Annotations", annotations(&told.annotations)),
        ("StartsAt", time(Some(told.starts_at))),
        ("EndsAt", time(told.ends_at)),
        ("GeneratorURL", Value::text(&told.generator_url)),
        ("Fingerprint", Value::text(&told.fingerprint)),
        // Ours.
        ("Value", Value::Float(told.value.unwrap_or(f64::NAN))),
    ])
}

fn count(count: usize) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn labels(labels: &Labels) -> Value {
    Value::labels(labels.iter())
}

fn annotations(annotations: &std::collections::BTreeMap<String, String>) -> Value {
    let entries = annotations.iter().map(|(name, value)| (name.clone(), Value::text(value))).collect();
    Value::Map(Arc::new(Map { kind: MapKind::Labels, entries }))
}

/// Go's zero time stands for "not yet".
fn time(at: Option<Timestamp>) -> Value {
    let known = at.and_then(|at| jiff::Timestamp::from_millisecond(at.millis()).ok());
    Value::Time(known.unwrap_or_else(|| "0001-01-01T00:00:00Z".parse().unwrap_or_default()))
}
