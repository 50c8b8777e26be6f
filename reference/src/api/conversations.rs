//! `POST /conversations`: a new chat of the user, with metadata that is kept.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Service;
use super::admission::User;
use super::body::Body;
use super::error::ApiError;

/// Makes the chat and answers with its id.
pub async fn create(
    State(service): State<Arc<Service>>,
    Extension(user): Extension<User>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let mut body = Body::read(&body)?;
    let metadata = body.object("metadata");
    body.done()?;
    let uuid = uuid::Uuid::new_v4();
    let id = if service.ids_are_uuids { uuid.to_string() } else { format!("chat_{}", uuid.simple()) };
    sqlx::query(AssertSqlSafe(service.statements.create_conversation.as_str()))
        .bind(&id)
        .bind(&user.id)
        .bind(&metadata)
        .execute(&service.pool)
        .await
        .map_err(|error| service.outage(&error))?;
    Ok(Json(json!({"conversation_id": id, "metadata": metadata})))
}
