//! `POST /api/v1/memory/update`: puts a snippet into the queue. Nothing is summarised here.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Service;
use super::admission::User;
use super::body::Body;
use super::error::ApiError;
use crate::clock;
use crate::memory::{SNIPPET_LIMIT, sanitise};
use crate::quirks::Quirk;

/// What may have caused an update.
const TRIGGERS: &[&str] = &["manual", "api", "test"];

/// Queues the snippet and answers with the id of its row.
pub async fn enqueue(
    State(service): State<Arc<Service>>,
    Extension(user): Extension<User>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut body = Body::read(&body)?;
    let (chat_id, snippet) = (body.text("chat_id"), body.text("context_snippet"));
    body.one_of("trigger_source", TRIGGERS);
    body.done()?;
    let snippet = service.kept(&snippet);
    if snippet.trim().is_empty() {
        return Err(ApiError::BlankSnippet);
    }
    if !service.possible_id(&chat_id) {
        return Err(ApiError::UnknownChat);
    }
    let turn = service.accepting.enter(&chat_id);
    if turn.is_none() && service.quirks.on(Quirk::DropsSimultaneous) {
        return Ok(accepted(&service, uuid::Uuid::new_v4()));
    }
    let queue_id: uuid::Uuid = sqlx::query_scalar(AssertSqlSafe(service.statements.enqueue.as_str()))
        .bind(&chat_id)
        .bind(&user.id)
        .bind(service.quirks.on(Quirk::NoOwnershipCheck))
        .bind(&snippet)
        .fetch_optional(&service.pool)
        .await
        .map_err(|error| service.outage(&error))?
        .ok_or(ApiError::UnknownChat)?;
    Ok(accepted(&service, queue_id))
}

fn accepted(service: &Service, queue_id: uuid::Uuid) -> (StatusCode, Json<Value>) {
    let estimate = jiff::SignedDuration::try_from(service.idle_sleep).unwrap_or_default();
    let completion = clock::now().saturating_add(estimate + jiff::SignedDuration::from_secs(1));
    (
        StatusCode::CREATED,
        Json(json!({
            "queue_id": queue_id.to_string(),
            "status": "pending_summarization",
            "estimated_completion": completion.map(|at| at.to_string()).unwrap_or_default(),
        })),
    )
}

impl Service {
    /// What is kept of a snippet.
    fn kept(&self, snippet: &str) -> String {
        if self.quirks.on(Quirk::ControlCharactersKept) {
            snippet.chars().take(SNIPPET_LIMIT).collect()
        } else if self.quirks.on(Quirk::EarlyCut) {
            sanitise(snippet).chars().take(SNIPPET_LIMIT / 2).collect()
        } else {
            sanitise(snippet)
        }
    }
}
