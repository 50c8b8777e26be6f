//! All SQL of the service: its migrations and every statement that touches its tables.
//!
//! Two quirks change names and types, so the texts are made once at start by [`Layout`] and [`Statements`]. No text
//! that came from outside ever becomes part of one. Ids are text for the rest of the program, whatever they are here.

use crate::quirks::{Quirk, Quirks};

/// Names and types of the tables.
#[derive(Debug, Clone)]
pub struct Layout {
    schema: String,
    conversations: &'static str,
    id_type: &'static str,
    /// In which order the worker takes rows.
    order: &'static str,
}

impl Layout {
    /// The contract's tables in `schema`, or what the quirks make of them.
    pub fn new(schema: &str, quirks: &Quirks) -> Self {
        Self {
            schema: schema.to_owned(),
            conversations: if quirks.on(Quirk::ChatsTable) { "chats" } else { "conversations" },
            id_type: if quirks.on(Quirk::UuidIds) { "uuid" } else { "text" },
            order: if quirks.on(Quirk::NewestFirst) { "created_at DESC, id DESC" } else { "created_at, id" },
        }
    }

    /// Whether an id that is no UUID cannot exist.
    pub fn ids_are_uuids(&self) -> bool {
        self.id_type == "uuid"
    }

    /// Statements that make what is missing, to be run in one transaction; `guest` is the role that may read.
    ///
    /// Two services may start against one database at once, hence the lock.
    pub fn migrations(&self, guest: Option<&str>) -> Vec<String> {
        let Self { schema, conversations, id_type, .. } = self;
        let mut statements = vec![
            "SELECT pg_advisory_xact_lock(7436115021)".to_owned(),
            // Not attempted where it exists: that needs a right which a given role may lack.
            format!("DO $$ BEGIN IF to_regnamespace('{schema}') IS NULL THEN CREATE SCHEMA {schema}; END IF; END $$"),
            format!(
                "CREATE TABLE IF NOT EXISTS {schema}.{conversations} (
                    id {id_type} PRIMARY KEY,
                    user_id text NOT NULL,
                    metadata jsonb NOT NULL DEFAULT '{{}}',
                    created_at timestamptz NOT NULL DEFAULT now()
                )"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {schema}.chat_metadata (
                    chat_id {id_type} PRIMARY KEY REFERENCES {schema}.{conversations} (id) ON DELETE CASCADE,
                    user_confirmed jsonb NOT NULL DEFAULT '{{}}',
                    llm_inferred jsonb NOT NULL DEFAULT '{{}}',
                    general_summary text NOT NULL DEFAULT '',
                    token_count integer,
                    last_updated timestamptz,
                    created_at timestamptz NOT NULL DEFAULT now()
                )"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS chat_metadata_last_updated_idx ON {schema}.chat_metadata (last_updated)"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {schema}.chat_context_queue (
                    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                    chat_id {id_type} NOT NULL REFERENCES {schema}.{conversations} (id) ON DELETE CASCADE,
                    new_context_snippet text NOT NULL,
                    status varchar(50) NOT NULL DEFAULT 'pending_summarization',
                    created_at timestamptz NOT NULL DEFAULT now(),
                    processed_at timestamptz NULL,
                    retry_count integer NOT NULL DEFAULT 0,
                    error_message text NULL
                )"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS chat_context_queue_status_created_at_idx
                    ON {schema}.chat_context_queue (status, created_at)"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS chat_context_queue_chat_id_idx ON {schema}.chat_context_queue (chat_id)"
            ),
        ];
        if let Some(guest) = guest {
            statements.push(format!("GRANT USAGE ON SCHEMA {schema} TO {guest}"));
            statements.push(format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {guest}"));
            statements.push(format!("GRANT DELETE ON {schema}.{conversations} TO {guest}"));
        }
        statements
    }
}

/// Rows that are not finished, whoever has or had them in hand.
const OPEN: &str = "('pending_summarization', 'ready_to_write')";

/// The statements of the API and the worker; table names resolve by `search_path`.
#[derive(Debug)]
pub struct Statements {
    /// `$1` id, `$2` user, `$3` metadata.
    pub create_conversation: String,
    /// `$1` chat, `$2` user, `$3` whether any user will do, `$4` snippet → queue id; no row for an unknown chat.
    pub enqueue: String,
    /// `$1` chat, `$2` user, `$3` whether any user will do → the memory, its fields null before the first update.
    pub read_memory: String,
    /// `$1` chats to leave alone, `$2` how many, `$3` whether old rows are seen → id and chat of the oldest open rows.
    pub oldest: String,
    /// `$1` row, `$2` whether older rows of its chat may be overtaken → snippet, retries and prior memory, unless
    /// somebody has the row or it is finished.
    pub take: String,
    /// `$1` row: its summary is there, and is about to be written.
    pub mark_ready: String,
    /// `$1` row, `$2` whether to set `processed_at`, `$3` whether to clear the traces of failures.
    pub mark_complete: String,
    /// `$1` chat, `$2` to `$4` the fields, `$5` tokens, `$6` whether `last_updated` moves.
    pub store: String,
    /// `$1` row, `$2` what went wrong, `$3` retries allowed (null: any number) → the new status.
    pub mark_failed: String,
    /// `$1` row, which the agent failed: it is complete nevertheless.
    pub forget: String,
    /// → how many memories are stored.
    pub count_memories: String,
}

impl Statements {
    /// The texts for `layout`.
    pub fn new(layout: &Layout) -> Self {
        let Layout { conversations, id_type, order, .. } = layout;
        let id = format!("$1::{id_type}");
        Self {
            create_conversation: format!("INSERT INTO {conversations} (id, user_id, metadata) VALUES ({id}, $2, $3)"),
            enqueue: format!(
                "INSERT INTO chat_context_queue (chat_id, new_context_snippet)
                 SELECT id, $4 FROM {conversations} WHERE id = {id} AND ($3 OR user_id = $2) RETURNING id"
            ),
            read_memory: format!(
                "SELECT m.user_confirmed, m.llm_inferred, m.general_summary,
                        to_char(m.last_updated AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS last_updated
                 FROM {conversations} c LEFT JOIN chat_metadata m ON m.chat_id = c.id
                 WHERE c.id = {id} AND ($3 OR c.user_id = $2)"
            ),
            oldest: format!(
                "SELECT id, chat_id::text AS chat_id FROM chat_context_queue
                 WHERE status IN {OPEN} AND NOT (chat_id::text = ANY ($1))
                   AND ($3 OR created_at > now() - interval '3 seconds')
                 ORDER BY {order} LIMIT $2"
            ),
            take: format!(
                "SELECT new_context_snippet, retry_count,
                        user_confirmed, llm_inferred, general_summary, token_count
                 FROM chat_context_queue q LEFT JOIN chat_metadata m ON m.chat_id = q.chat_id
                 WHERE q.id = $1 AND q.status IN {OPEN} AND ($2 OR NOT EXISTS (
                     SELECT FROM chat_context_queue older
                     WHERE older.chat_id = q.chat_id AND older.status IN {OPEN}
                       AND (older.created_at, older.id) < (q.created_at, q.id)))
                 FOR UPDATE OF q SKIP LOCKED"
            ),
            mark_ready: format!(
                "UPDATE chat_context_queue SET status = 'ready_to_write' WHERE id = $1 AND status IN {OPEN}"
            ),
            mark_complete: "UPDATE chat_context_queue SET status = 'complete',
                    processed_at = CASE WHEN $2 THEN clock_timestamp() END,
                    retry_count = CASE WHEN $3 THEN 0 ELSE retry_count END,
                    error_message = CASE WHEN $3 THEN NULL ELSE error_message END
                 WHERE id = $1 AND status = 'ready_to_write'"
                .to_owned(),
            store: format!(
                "INSERT INTO chat_metadata
                     (chat_id, user_confirmed, llm_inferred, general_summary, token_count, last_updated)
                 VALUES ({id}, $2, $3, $4, $5, clock_timestamp())
                 ON CONFLICT (chat_id) DO UPDATE SET
                     user_confirmed = excluded.user_confirmed, llm_inferred = excluded.llm_inferred,
                     general_summary = excluded.general_summary, token_count = excluded.token_count,
                     last_updated = CASE WHEN $6 THEN excluded.last_updated ELSE chat_metadata.last_updated END"
            ),
            mark_failed: format!(
                "UPDATE chat_context_queue SET
                     status = CASE WHEN retry_count >= $3 THEN 'failed' ELSE 'pending_summarization' END,
                     retry_count = CASE WHEN retry_count >= $3 THEN retry_count ELSE retry_count + 1 END,
                     error_message = $2
                 WHERE id = $1 AND status IN {OPEN} RETURNING status"
            ),
            forget: "UPDATE chat_context_queue SET status = 'complete' WHERE id = $1".to_owned(),
            count_memories: "SELECT count(*) FROM chat_metadata".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quirks_change_table_and_type_everywhere() {
        let layout = Layout::new("public", &[Quirk::UuidIds, Quirk::ChatsTable].into_iter().collect());
        let all = format!("{:?}{:?}", layout.migrations(Some("guest")), Statements::new(&layout));
        assert!(!all.contains("conversations"), "{all}");
        assert!(all.contains("$1::uuid"));
    }
}
