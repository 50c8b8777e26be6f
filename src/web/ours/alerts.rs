//! `/api/v1/memsentry/alerts`: what is pending and what fires, with who is told, what keeps it from being told, and who
//! takes care.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use crate::model::labels::ALERT_NAME;
use crate::model::{Labels, number};
use crate::notify::AlertView;
use crate::notify::acknowledge::Acknowledgement;
use crate::rules::{self, GroupView, RuleKind};

use super::super::Sources;
use super::super::api::{ApiError, Data};

pub(in crate::web) async fn list(State(sources): State<Arc<Sources>>) -> Result<Data, ApiError> {
    let told = sources.notify.alert_views(&|_| true);
    let groups = sources.view.rule_groups();
    let mut alerts: Vec<Value> = told.iter().map(firing).collect();
    alerts.extend(untold(&groups, &told).map(of_rule));
    Data::of(&json!({ "alerts": alerts }))
}

/// Alerts of the rules that the dispatcher does not have: pending ones, and those that no route takes.
fn untold<'a>(groups: &'a [GroupView], told: &'a [AlertView]) -> impl Iterator<Item = &'a rules::AlertView> {
    let mut by_name: BTreeMap<&str, Vec<&Labels>> = BTreeMap::new();
    for view in told {
        by_name.entry(view.alert.name()).or_default().push(&view.alert.labels);
    }
    let rules = groups.iter().flat_map(|group| &group.rules);
    let alerts = rules.flat_map(|rule| match &rule.kind {
        RuleKind::Alerting { alerts, .. } => alerts.as_slice(),
        RuleKind::Recording => &[],
    });
    alerts.filter(move |alert| {
        let known = by_name.get(alert.labels.get(ALERT_NAME).unwrap_or("")).into_iter().flatten();
        // On their way out alerts get the external labels.
        let same = |told: &&&Labels| alert.labels.iter().all(|(name, value)| told.get(name) == Some(value));
        !(alert.state == rules::State::Firing && known.clone().any(|told| same(&told)))
    })
}

fn firing(view: &AlertView) -> Value {
    let alert = &view.alert;
    json!({
        "name": alert.name(),
        "fingerprint": alert.fingerprint().to_string(),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": "firing",
        "since": alert.starts_at.rfc3339(),
        "value": number::plain(alert.value),
        "receivers": view.receivers,
        "silenced_by": view.silenced_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "inhibited_by": view.inhibited_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "muted_by": view.muted_by,
        "acknowledged": view.acknowledged.as_ref().map(acknowledged),
    })
}

fn of_rule(alert: &rules::AlertView) -> Value {
    let state = if alert.state == rules::State::Firing { "firing" } else { "pending" };
    json!({
        "name": alert.labels.get(ALERT_NAME).unwrap_or(""),
        "fingerprint": alert.labels.fingerprint().to_string(),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": state,
        "since": alert.active_at.rfc3339(),
        "value": number::plain(alert.value),
        "receivers": [],
        "silenced_by": [],
        "inhibited_by": [],
        "muted_by": [],
        "acknowledged": null,
    })
}

/// An acknowledgement as the API tells it.
pub(super) fn acknowledged(given: &Acknowledgement) -> Value {
    json!({
        "fingerprint": given.fingerprint().to_string(),
        "labels": given.labels,
        "by": given.by,
        "comment": given.comment,
        "at": given.at.rfc3339(),
        "expires_at": given.expires_at.map(crate::model::Timestamp::rfc3339),
    })
}
