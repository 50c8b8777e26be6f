//! The HTTP endpoint that breaks and heals things, on a port of its own.
//!
//! `GET /` shows what is broken, `POST /faults` changes what its body names, `DELETE /faults` heals everything. All
//! three answer with the state. A body that is not understood changes nothing and is answered with 422 and a reason.

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{Agent, Database, Errors, Faults, Latency, State, Worker};
use crate::database::{Gate, describe};

/// No fault lasts longer than this on one request, so that none outlives the caller's patience by far.
const LONGEST_DELAY_MS: u64 = 600_000;

/// What to change; what is left out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    worker: Option<Worker>,
    agent: Option<Agent>,
    database: Option<Database>,
    latency: Option<Latency>,
    errors: Option<Errors>,
}

/// The endpoint, and what it acts on.
#[derive(Clone)]
pub struct Endpoint {
    faults: Faults,
    gate: Gate,
}

impl Endpoint {
    /// One that changes `faults` and shuts the database by `gate`.
    pub fn new(faults: Faults, gate: Gate) -> Self {
        Self { faults, gate }
    }

    /// What is broken, for the parts that behave accordingly.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// The routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(show))
            .route("/faults", post(change).get(show).delete(heal))
            .with_state(self.clone())
    }

    async fn set_database(&self, wanted: Database) -> Result<(), Response> {
        let done = match wanted {
            Database::Refused => self.gate.shut().await,
            Database::Ok => self.gate.open().await,
        };
        match done {
            Ok(()) => {
                self.faults.change(|state| state.database = wanted);
                Ok(())
            }
            Err(error) => {
                let problem = describe(&error);
                tracing::warn!(problem, "cannot change whether the database accepts connections");
                Err((StatusCode::CONFLICT, Json(json!({"error": problem}))).into_response())
            }
        }
    }

    /// Opens the database again before the service ends; a given database must not stay shut.
    pub async fn heal(&self) -> Result<(), Response> {
        if self.faults.state().database == Database::Refused {
            self.set_database(Database::Ok).await?;
        }
        self.faults.change(|state| *state = State::default());
        Ok(())
    }
}

async fn show(Shared(endpoint): Shared<Endpoint>) -> Json<State> {
    Json(endpoint.faults.state())
}

async fn change(Shared(endpoint): Shared<Endpoint>, body: Bytes) -> Result<Json<State>, Response> {
    let change = read(&body)
        .map_err(|problem| (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": problem}))).into_response())?;
    if let Some(wanted) = change.database {
        endpoint.set_database(wanted).await?;
    }
    endpoint.faults.change(|state| {
        state.worker = change.worker.unwrap_or(state.worker);
        state.agent = change.agent.unwrap_or(state.agent);
        if let Some(latency) = change.latency {
            state.set_latency(latency);
        }
        if let Some(errors) = change.errors {
            state.set_errors(errors);
        }
    });
    tracing::info!(state = ?endpoint.faults.state(), "faults changed");
    Ok(show(Shared(endpoint)).await)
}

async fn heal(Shared(endpoint): Shared<Endpoint>) -> Result<Json<State>, Response> {
    endpoint.heal().await?;
    tracing::info!("all faults healed");
    Ok(show(Shared(endpoint)).await)
}

fn read(body: &[u8]) -> Result<Change, String> {
    let change: Change = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if let Some(latency) = &change.latency
        && latency.ms > LONGEST_DELAY_MS
    {
        return Err(format!("latency.ms: {} is more than {LONGEST_DELAY_MS}", latency.ms));
    }
    if let Some(errors) = &change.errors {
        if !(400..=599).contains(&errors.status) {
            return Err(format!("errors.status: {} is not between 400 and 599", errors.status));
        }
        if !(0.0..=1.0).contains(&errors.ratio) {
            return Err(format!("errors.ratio: {} is not between 0 and 1", errors.ratio));
        }
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_named() {
        for (body, named) in [
            (r#"{"wroker": "stopped"}"#, "wroker"),
            (r#"{"worker": "gone"}"#, "gone"),
            (r#"{"latency": {"route": "home", "ms": 1}}"#, "home"),
            (r#"{"latency": {"route": "all", "ms": 600001}}"#, "latency.ms"),
            (r#"{"errors": {"route": "all", "status": 200}}"#, "errors.status"),
            (r#"{"errors": {"route": "all", "status": 500, "ratio": 1.5}}"#, "errors.ratio"),
        ] {
            let problem = read(body.as_bytes()).unwrap_err();
            assert!(problem.contains(named), "{body}: {problem}");
        }
    }
}
