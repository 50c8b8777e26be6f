//! `GET /api/v2/alerts` and `/api/v2/alerts/groups`.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use serde_json::{Value, json};

use crate::notify::AlertView;

use super::super::Sources;
use super::filter::Filter;
use super::{Parameters, Refused, answer};

pub(in crate::web) async fn list(
    State(sources): State<Arc<Sources>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Refused> {
    let filter = Filter::read(&parameters)?;
    let alerts = sources.notify.alert_views(&|labels| filter.wants(labels));
    let to_receiver = |alert: &AlertView| alert.receivers.iter().any(|receiver| filter.wants_receiver(receiver));
    let wanted = alerts.iter().filter(|alert| to_receiver(alert) && filter.wants_status(alert));
    Ok(answer(&wanted.map(one).collect::<Vec<_>>()))
}

pub(in crate::web) async fn groups(
    State(sources): State<Arc<Sources>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Refused> {
    let filter = Filter::read(&parameters)?;
    let groups =
        sources.notify.group_views(&|receiver| filter.wants_receiver(receiver), &|labels| filter.wants(labels));
    let mut shown = Vec::new();
    for group in &groups {
        let alerts: Vec<Value> = group.alerts.iter().filter(|alert| filter.wants_status(alert)).map(one).collect();
        if !alerts.is_empty() {
            shown.push(json!({
                "labels": group.labels,
                "routeLabels": {},
                "receiver": {"name": group.receiver},
                "alerts": alerts,
            }));
        }
    }
    Ok(answer(&shown))
}

/// One alert, as Alertmanager writes it.
pub(super) fn one(view: &AlertView) -> Value {
    let alert = &view.alert;
    let names: Vec<Value> = view.receivers.iter().map(|name| json!({ "name": name })).collect();
    let inhibited: Vec<String> = view.inhibited_by.iter().map(ToString::to_string).collect();
    json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at.rfc3339(),
        "endsAt": alert.ends_at.unwrap_or(alert.valid_until).rfc3339(),
        "updatedAt": view.updated_at.rfc3339(),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint().to_string(),
        "receivers": names,
        "status": {
            "state": if view.is_suppressed() { "suppressed" } else { "active" },
            "silencedBy": view.silenced_by,
            "inhibitedBy": inhibited,
            "mutedBy": view.muted_by,
        },
    })
}
