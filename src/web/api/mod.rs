//! The HTTP API of Prometheus, so that Grafana and `promtool query` work against memsentry.
//!
//! Every answer is an envelope `{status, data, errorType, error, warnings, infos}`. Parameters come from the query
//! string or from a form, as Prometheus reads them; see [`params`].

mod json;
pub(super) mod params;
pub(super) mod query;
pub(super) mod rules;
pub(super) mod series;
mod stats;
pub(super) mod status;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use params::Params;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// Why there is no answer, in Prometheus's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiError {
    /// The request is wrong.
    BadData(String),
    /// The query cannot be answered.
    Execution(String),
    /// It took too long.
    Timeout(String),
    /// There is no such thing.
    NotFound(String),
    /// Not now.
    Unavailable(String),
    /// Our own bug.
    Internal(String),
}

impl ApiError {
    /// A parameter is wrong.
    pub(super) fn parameter(name: &str, problem: impl std::fmt::Display) -> Self {
        Self::BadData(format!("invalid parameter {name:?}: {problem}"))
    }
}

/// What was asked for, with remarks about it.
#[derive(Debug)]
pub(super) struct Data {
    /// The answer as far as the data go: [`ENVELOPE`] and these as JSON. Those of a query may be large, so they are
    /// written behind it at once.
    json: String,
    warnings: Vec<String>,
    infos: Vec<String>,
}

/// What an answer with data begins with.
const ENVELOPE: &str = r#"{"status":"success","data":"#;

impl Data {
    /// Data without remarks.
    pub(super) fn of(value: &impl serde::Serialize) -> Result<Self, ApiError> {
        let data = serde_json::to_string(value).map_err(|error| ApiError::Internal(error.to_string()))?;
        Ok(Self { json: format!("{ENVELOPE}{data}"), warnings: Vec::new(), infos: Vec::new() })
    }

    /// Cuts a list to the parameter `limit` and says so.
    fn list<T: serde::Serialize>(mut items: Vec<T>, limit: usize) -> Result<Self, ApiError> {
        let cut = limit > 0 && items.len() > limit;
        if cut {
            items.truncate(limit);
        }
        let mut data = Self::of(&items)?;
        if cut {
            data.warnings.push("results truncated due to limit".into());
        }
        Ok(data)
    }
}

impl IntoResponse for Data {
    fn into_response(self) -> Response {
        let mut out = self.json;
        for (name, remarks) in [("warnings", &self.warnings), ("infos", &self.infos)] {
            if !remarks.is_empty() {
                out.push_str(",\"");
                out.push_str(name);
                out.push_str("\":");
                json::push_value(&mut out, remarks);
            }
        }
        out.push('}');
        (JSON, out).into_response()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, kind, error) = match self {
            Self::BadData(error) => (StatusCode::BAD_REQUEST, "bad_data", error),
            Self::Execution(error) => (StatusCode::UNPROCESSABLE_ENTITY, "execution", error),
            Self::Timeout(error) => (StatusCode::SERVICE_UNAVAILABLE, "timeout", error),
            Self::NotFound(error) => (StatusCode::NOT_FOUND, "not_found", error),
            Self::Unavailable(error) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", error),
            Self::Internal(error) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", error),
        };
        let body = serde_json::json!({"status": "error", "errorType": kind, "error": error});
        (code, JSON, body.to_string()).into_response()
    }
}
