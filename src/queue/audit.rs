//! Rows of conversations that a validation or a load made, one by one, to be counted and checked afterwards.
//!
//! Every statement names the conversations, so that it reads nothing else, through an index. Texts are cut: one row's
//! snippet must not fill our memory.

use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::model::Timestamp;

use super::database::{Database, Use};
use super::error::DatabaseError;
use super::row::QueueRow;

/// Conversations that one statement asks for at most.
const CHUNK: usize = 500;
/// Conversations whose texts one statement asks for at most.
const TEXT_CHUNK: usize = 50;
/// Longest text that is read of one column, in characters.
const LONGEST_TEXT: usize = 50_000;

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

/// What a queue row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedText {
    /// The row's id.
    pub id: String,
    /// Its conversation's.
    pub chat_id: String,
    /// The snippet as stored; its first 50,000 characters.
    pub text: String,
    /// Its whole length in characters.
    pub characters: u64,
}

/// The stored memory of one conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryRow {
    /// The conversation.
    pub chat_id: String,
    /// Facts that the user stated.
    pub user_confirmed: Value,
    /// Facts that the agent concluded.
    pub llm_inferred: Value,
    /// The summary; its first 50,000 characters.
    pub general_summary: String,
    /// Tokens as the service counts them, where it does.
    pub token_count: Option<i64>,
    /// When it was last written, where the deployment says so.
    pub last_updated: Option<Timestamp>,
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

    /// The snippets of these conversations' rows, oldest first.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn queued_texts(&self, chat_ids: &[String]) -> Result<Vec<QueuedText>, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        for column in ["chat_id", "new_context_snippet"] {
            if !layout.queue.has(column) {
                return Err(DatabaseError::Refused(format!(
                    "table {} has no column {column}",
                    self.shared().names.queue
                )));
            }
        }
        let keys: Vec<String> = chat_ids.iter().filter_map(|id| layout.queue.key("chat_id", id)).collect();
        let mut texts = Vec::new();
        for keys in keys.chunks(TEXT_CHUNK) {
            let mut batch = self.reading();
            let part = batch.select(&format!(
                "select id::text as id, chat_id::text as chat_id, left(new_context_snippet, {LONGEST_TEXT}) as text,
                   char_length(new_context_snippet)::bigint as characters
                 from {} where chat_id in ({}) order by created_at, id",
                self.shared().names.queue,
                keys.join(", "),
            ));
            let answers = self.run(Use::Probe, batch).await?;
            for row in answers.rows(part) {
                texts.push(queued_text(row).map_err(|error| self.unexpected(&error))?);
            }
        }
        Ok(texts)
    }

    /// The stored memories of these conversations; those that have none yet are left out.
    ///
    /// # Errors
    /// Why the database gave no answer, or a column is missing.
    pub async fn memory_rows(&self, chat_ids: &[String]) -> Result<Vec<MemoryRow>, DatabaseError> {
        let (layout, name) = (self.layout(Use::Probe).await?, &self.shared().names.chat_metadata);
        let refused = |what: String| DatabaseError::Refused(what);
        let table = layout.chat_metadata.as_ref().ok_or_else(|| refused(format!("there is no table {name}")))?;
        for column in ["chat_id", "user_confirmed", "llm_inferred", "general_summary"] {
            if !table.has(column) {
                return Err(refused(format!("table {name} has no column {column}")));
            }
        }
        let or_null = |column: &str, sql: &str| if table.has(column) { sql.to_owned() } else { "null".to_owned() };
        let keys: Vec<String> = chat_ids.iter().filter_map(|id| table.key("chat_id", id)).collect();
        let mut memories = Vec::new();
        for keys in keys.chunks(TEXT_CHUNK) {
            let mut batch = self.reading();
            let part = batch.select(&format!(
                "select chat_id::text as chat_id, user_confirmed::jsonb as confirmed, llm_inferred::jsonb as inferred,
                   left(general_summary, {LONGEST_TEXT}) as summary, {}::bigint as tokens, {}::bigint as updated
                 from {name} where chat_id in ({})",
                or_null("token_count", "token_count"),
                or_null("last_updated", "(extract(epoch from last_updated) * 1000)"),
                keys.join(", "),
            ));
            let answers = self.run(Use::Probe, batch).await?;
            for row in answers.rows(part) {
                memories.push(memory_row(row).map_err(|error| self.unexpected(&error))?);
            }
        }
        Ok(memories)
    }
}

fn queued_text(row: &PgRow) -> sqlx::Result<QueuedText> {
    Ok(QueuedText {
        id: row.try_get("id")?,
        chat_id: row.try_get("chat_id")?,
        text: row.try_get::<Option<String>, _>("text")?.unwrap_or_default(),
        characters: u64::try_from(row.try_get::<Option<i64>, _>("characters")?.unwrap_or(0)).unwrap_or(0),
    })
}

fn memory_row(row: &PgRow) -> sqlx::Result<MemoryRow> {
    Ok(MemoryRow {
        chat_id: row.try_get("chat_id")?,
        user_confirmed: row.try_get("confirmed")?,
        llm_inferred: row.try_get("inferred")?,
        general_summary: row.try_get::<Option<String>, _>("summary")?.unwrap_or_default(),
        token_count: row.try_get("tokens")?,
        last_updated: row.try_get::<Option<i64>, _>("updated")?.map(Timestamp::from_millis),
    })
}
