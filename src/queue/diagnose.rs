//! Runs the SQL of a runbook's diagnostics: one statement, in a read-only transaction, under a hard limit.
//!
//! The statement is wrapped so that no answer is long, and answers come as JSON, so that every type can be shown. Text
//! of the service's users is masked unless asked for; what a statement mentions decides, not what it calls its columns.

use serde_json::Value;
use sqlx::Row;

use crate::model::Duration;
use crate::model::secret::redact;

use super::batch::Batch;
use super::database::Database;
use super::error::{DatabaseError, secrets_of};
use super::names::identifier;
use super::statement::{is_query, mentions, without_end};

/// Most rows of an answer.
pub const MOST_ROWS: usize = 20;

/// Longest row that is read, in characters of its JSON.
const LONGEST_ROW: usize = 16 * 1024;

/// Columns of the service that hold what its users wrote or what was made of it. `row` stands for whole rows.
const TEXTS: [&str; 6] =
    ["new_context_snippet", "general_summary", "user_confirmed", "llm_inferred", "metadata", "query"];

/// The service's tables by their usual names, with the columns that memsentry's role may read.
const TABLES: [(&str, &str); 3] = [
    ("conversations", "id, user_id, metadata, created_at"),
    ("chat_metadata", "chat_id, token_count, last_updated, created_at"),
    ("chat_context_queue", "id, chat_id, status, created_at, processed_at, retry_count, error_message"),
];

/// One row: the columns' names with their values; `None` is null.
pub type CellRow = Vec<(String, Option<String>)>;

impl Database {
    /// Answers with at most [`MOST_ROWS`] rows, and whether there were more. `parameters` stand for `$1` and so on, as
    /// text. Takes at most `limit`, waiting for a turn included; the server cancels what takes longer.
    ///
    /// # Errors
    /// The database cannot be reached, was too slow, or refused the statement.
    pub async fn diagnose(
        &self,
        sql: &str,
        parameters: &[Option<String>],
        show_texts: bool,
        limit: Duration,
    ) -> Result<(Vec<CellRow>, bool), DatabaseError> {
        let wrapped = self.wrapped(sql);
        let rows = self.ask_one(self.beginning(limit), (wrapped, parameters), limit).await?;
        let mask = !show_texts && (mentions(sql, &TEXTS) || takes_whole_rows(sql));
        let secrets = secrets_of(&self.shared().settings.url);
        let mut answer = Vec::with_capacity(rows.len().min(MOST_ROWS));
        for row in rows.iter().take(MOST_ROWS) {
            let text: String = row.try_get(0).map_err(|error| self.unexpected(&error))?;
            let clean = |(name, value): (String, Option<String>)| (name, value.map(|text| redact(&text, &secrets)));
            answer.push(cells(&text, mask).into_iter().map(clean).collect());
        }
        Ok((answer, rows.len() > MOST_ROWS))
    }

    /// Lets the database look at a statement without running it: names, types and grants are right if it has no
    /// objection.
    ///
    /// # Errors
    /// The database cannot be reached or refuses the statement.
    pub async fn check_diagnostic(&self, sql: &str, parameters: usize) -> Result<(), DatabaseError> {
        let limit = self.timeout();
        let wrapped = self.wrapped(sql);
        // `show` and `explain` do nothing but answer.
        let question = if is_query(sql) { format!("explain {wrapped}") } else { wrapped };
        self.ask_one(self.beginning(limit), (question, &vec![None; parameters]), limit).await.map(drop)
    }

    fn beginning(&self, limit: Duration) -> String {
        format!("begin;\n{}set local search_path = {};", Batch::reading(limit).into_sql(), self.search_path())
    }

    /// The schema of the service's tables, so that a runbook names them without.
    fn search_path(&self) -> String {
        format!("{}, public", identifier(&self.shared().settings.schema))
    }

    /// The statement with an end to its answer. Tables that are called otherwise here have their usual names in it.
    fn wrapped(&self, sql: &str) -> String {
        let sql = without_end(sql).trim();
        if !is_query(sql) {
            return sql.to_owned();
        }
        let shared = self.shared();
        let tables = &shared.settings.tables;
        let here = [
            tables.conversations.as_deref().unwrap_or("conversations"),
            tables.chat_metadata.as_str(),
            tables.chat_context_queue.as_str(),
        ];
        let renamed = TABLES.iter().zip(here).filter(|((usual, _), here)| usual != here);
        let renamed = renamed.map(|((usual, columns), here)| {
            let here = format!("{}.{}", identifier(&shared.settings.schema), identifier(here));
            format!("{} as not materialized (select {columns} from {here}), ", identifier(usual))
        });
        format!(
            "with {}memsentry_answer as (select * from (\n{sql}\n) diagnostic limit {})\n\
             select left(row_to_json(memsentry_answer)::text, {LONGEST_ROW}) from memsentry_answer",
            renamed.collect::<String>(),
            MOST_ROWS + 1
        )
    }
}

/// Whether a statement may answer with columns that it does not name: `*` that is neither `count(*)` nor a product of
/// numbers, or a table's whole row as JSON.
fn takes_whole_rows(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    let star = sql.match_indices('*').any(|(at, _)| {
        let before = sql.get(..at).unwrap_or("").trim_end();
        before.ends_with("select") || before.ends_with('.') || before.ends_with("distinct") || before.ends_with(',')
    });
    star || ["to_json", "to_jsonb", "row_to_json", "jsonb_agg", "json_agg", "::text from", "xmlforest", "hstore"]
        .iter()
        .any(|call| sql.contains(call))
}

/// The columns of a row in their order.
fn cells(json: &str, mask: bool) -> CellRow {
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Object(row)) => row.into_iter().map(|(name, value)| (name, cell(value, mask))).collect(),
        // The answer of `show` or `explain`, or a row that was cut.
        _ if json.starts_with('{') => vec![("row".to_owned(), Some("too long to be shown".to_owned()))],
        _ => vec![("answer".to_owned(), Some(json.to_owned()))],
    }
}

fn cell(value: Value, mask: bool) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if mask && !is_plain(&text) => Some(format!("[text, {} characters]", text.chars().count())),
        Value::String(text) => Some(text),
        value @ (Value::Array(_) | Value::Object(_)) if mask => {
            Some(format!("[text, {} characters]", value.to_string().chars().count()))
        }
        value => Some(value.to_string()),
    }
}

/// Whether a text is an id, a status, a time or a number rather than words somebody wrote: one short word of ASCII, or
/// digits with what stands between them in times.
fn is_plain(text: &str) -> bool {
    let time = text.chars().all(|c| c.is_ascii_digit() || " :.+-TZ".contains(c)) || is_interval(text);
    const STATUSES: [&str; 5] = ["pending_summarization", "ready_to_write", "complete", "failed", "(never tried)"];
    time || STATUSES.contains(&text) || uuid::Uuid::parse_str(text).is_ok() || SESSION.contains(&text)
}

/// What `pg_stat_activity` says of a session.
const SESSION: [&str; 10] = [
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "disabled",
    "client backend",
    "Lock",
    "Client",
    "IO",
    "LWLock",
];

/// `3 days 04:05:06.7`, as Postgres writes it.
fn is_interval(text: &str) -> bool {
    let unit = |word: &str| matches!(word, "year" | "years" | "mon" | "mons" | "day" | "days");
    text.split(' ').all(|word| unit(word) || word.chars().all(|c| c.is_ascii_digit() || ":.-".contains(c)))
}
