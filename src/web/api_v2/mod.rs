//! Alertmanager's HTTP API, version 2, so that Prometheus, `amtool` and karma work against memsentry.
//!
//! Answers are bare JSON, errors are one JSON string. Parameters may repeat. What this daemon does not have (a cluster
//! of peers, labels of receivers) is there and empty.

pub(super) mod alerts;
mod filter;
pub(super) mod receive;
pub(super) mod silences;
pub(super) mod status;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

use crate::notify::{Refusal, SilenceError};

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// Names and values of a query string, in order.
type Parameters = Vec<(String, String)>;

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(StatusCode, String);

impl Refused {
    fn bad(problem: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, problem.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let retry = (self.0 == StatusCode::SERVICE_UNAVAILABLE).then_some([(header::RETRY_AFTER, "2")]);
        let body = serde_json::to_string(&self.1).unwrap_or_default();
        (self.0, JSON, retry.map(axum::response::AppendHeaders), body).into_response()
    }
}

impl From<SilenceError> for Refused {
    fn from(error: SilenceError) -> Self {
        let code = match &error {
            SilenceError::Refused(Refusal::Unknown(_)) => StatusCode::NOT_FOUND,
            SilenceError::Refused(_) => StatusCode::BAD_REQUEST,
            SilenceError::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            SilenceError::NotStored(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(code, error.to_string())
    }
}

/// JSON of what serialises without fail.
fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(json) => (JSON, json).into_response(),
        Err(error) => Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Go's zero time and nothing both mean that a time is not given.
fn given(text: Option<&str>) -> Result<Option<crate::model::Timestamp>, String> {
    match text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01T00:00:00")) {
        None => Ok(None),
        Some(text) => {
            let at = crate::model::Timestamp::parse_rfc3339(text);
            at.map(Some).ok_or_else(|| format!("{text:?} is not a time as RFC 3339 writes it, 2026-11-23T01:02:03Z"))
        }
    }
}
