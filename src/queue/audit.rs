//! Rows of conversations that a validation or a load made, one by one, to be counted and checked afterwards.

use sqlx::Row;

use super::database::{Database, Use};
use super::error::DatabaseError;
use super::row::QueueRow;

/// Conversations that one statement asks for at most.
const CHUNK: usize = 500;

/// One row with its id and its conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// The row's id.
    pub id: String,
    /// Its conversation's.
    pub chat_id: String,
    /// The rest.
    pub row: QueueRow,
}

impl Database {
    /// The row that the API's `queue_id` names, with its conversation.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn audit_row(&self, queue_id: &str) -> Result<Option<AuditRow>, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        let Some(id) = layout.queue.key("id", queue_id) else { return Ok(None) };
        Ok(self.audit(&format!("id = {id}")).await?.into_iter().next())
    }

    /// Every row of these conversations, oldest first.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn rows_of(&self, chat_ids: &[String]) -> Result<Vec<AuditRow>, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        let keys: Vec<String> = chat_ids.iter().filter_map(|id| layout.queue.key("chat_id", id)).collect();
        let mut rows = Vec::new();
        for keys in keys.chunks(CHUNK) {
            rows.extend(self.audit(&format!("chat_id in ({})", keys.join(", "))).await?);
        }
        rows.sort_by_key(|row| row.row.created_at);
        Ok(rows)
    }

    async fn audit(&self, condition: &str) -> Result<Vec<AuditRow>, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        let chat = if layout.queue.has("chat_id") { "chat_id::text" } else { "''" };
        let mut batch = self.reading();
        let part = batch.select(&format!(
            "select id::text as id, {chat} as chat_id, {} from {} where {condition} order by created_at, id",
            QueueRow::columns(&layout),
            self.shared().names.queue,
        ));
        let answers = self.run(Use::Probe, batch).await?;
        let rows = answers.rows(part).iter().map(|row| {
            Ok(AuditRow { id: row.try_get("id")?, chat_id: row.try_get("chat_id")?, row: self.decode(row)? })
        });
        rows.collect::<sqlx::Result<_>>().map_err(|error| self.unexpected(&error))
    }
}
