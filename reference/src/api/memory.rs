//! `GET /api/v1/memory/{chat_id}`: what is remembered of a chat, with empty fields before the first update.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Service;
use super::admission::User;
use super::error::ApiError;
use crate::quirks::Quirk;

type Row = (Option<Value>, Option<Value>, Option<String>, Option<String>);

/// Answers with the three fields.
pub async fn show(
    State(service): State<Arc<Service>>,
    Extension(user): Extension<User>,
    Path(chat_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    if !service.possible_id(&chat_id) {
        return Err(ApiError::UnknownChat);
    }
    if service.quirks.on(Quirk::SlowsWithSize) {
        service.dawdle().await;
    }
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(service.statements.read_memory.as_str()))
        .bind(&chat_id)
        .bind(&user.id)
        .bind(service.quirks.on(Quirk::NoOwnershipCheck))
        .fetch_optional(&service.pool)
        .await
        .map_err(|error| service.outage(&error))?;
    let (user_confirmed, llm_inferred, general_summary, last_updated) = row.ok_or(ApiError::UnknownChat)?;
    let llm_inferred = llm_inferred.filter(|_| !service.quirks.on(Quirk::InferredNotReturned));
    Ok(Json(json!({
        "chat_id": chat_id,
        "user_confirmed": user_confirmed.unwrap_or_else(|| json!({})),
        "llm_inferred": llm_inferred.unwrap_or_else(|| json!({})),
        "general_summary": general_summary.unwrap_or_default(),
        "last_updated": last_updated,
    })))
}

impl Service {
    /// Half a millisecond for each stored memory, as if all of them were read.
    async fn dawdle(&self) {
        let count = sqlx::query_scalar(AssertSqlSafe(self.statements.count_memories.as_str())).fetch_one(&self.pool);
        let memories: i64 = count.await.unwrap_or(0);
        tokio::time::sleep(Duration::from_micros(500) * u32::try_from(memories).unwrap_or(0)).await;
    }
}
