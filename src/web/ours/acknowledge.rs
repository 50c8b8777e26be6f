//! `/api/v1/memsentry/acknowledgements`: who takes care of which alerts.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;

use crate::model::labels::ALERT_NAME;
use crate::notify::acknowledge::{Acknowledgement, Refused, Request};

use super::super::Sources;
use super::super::api::{ApiError, Data};
use super::alerts::acknowledged;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// Fingerprints or names.
    alerts: Vec<String>,
    by: String,
    #[serde(default)]
    comment: String,
    /// Such as `4h`; `0s` for as long as the alert.
    #[serde(default)]
    expires_in: Option<String>,
}

pub(in crate::web) async fn list(State(sources): State<Arc<Sources>>) -> Result<Data, ApiError> {
    told(&sources.notify.acknowledgements())
}

pub(in crate::web) async fn post(State(sources): State<Arc<Sources>>, body: String) -> Result<Data, ApiError> {
    let Body { alerts, by, comment, expires_in } = super::read(&body)?;
    let request = Request { alerts, by, comment, expires_in: super::duration(expires_in.as_deref())? };
    told(&sources.notify.acknowledge(&request).await?)
}

/// Those of one alert, by name or fingerprint.
pub(in crate::web) async fn one(
    State(sources): State<Arc<Sources>>,
    Path(alert): Path<String>,
) -> Result<Data, ApiError> {
    let means = |given: &Acknowledgement| {
        given.labels.get(ALERT_NAME) == Some(&alert) || given.fingerprint().to_string() == alert
    };
    let given: Vec<Acknowledgement> = sources.notify.acknowledgements().into_iter().filter(means).collect();
    if given.is_empty() {
        return Err(Refused::NotAcknowledged(alert).into());
    }
    told(&given)
}

pub(in crate::web) async fn delete(
    State(sources): State<Arc<Sources>>,
    Path(alert): Path<String>,
) -> Result<Data, ApiError> {
    told(&sources.notify.withdraw_acknowledgement(&[alert]).await?)
}

fn told(given: &[Acknowledgement]) -> Result<Data, ApiError> {
    let given: Vec<_> = given.iter().map(acknowledged).collect();
    Data::of(&json!({ "acknowledgements": given }))
}
