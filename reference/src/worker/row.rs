//! One row of the queue on its way: `pending_summarization` → `ready_to_write` → `complete`, or back after a failure.
//!
//! The caller holds the lock on the row's chat. No transaction is open while the agent thinks, so a slow agent holds
//! up nobody: neither vacuum nor somebody who deletes the conversation meanwhile.

use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Shared;
use crate::agent::{AgentError, reply};
use crate::clock;
use crate::memory::{Memory, START_A_NEW_CHAT, tokens};
use crate::quirks::Quirk;

struct Taken {
    snippet: String,
    retries: u32,
    prior: Memory,
    prior_tokens: u32,
}

/// A memory to be written and its size before it was cut.
struct Summary {
    memory: Memory,
    tokens: u32,
}

/// Works on the row and answers whether it got further; a row that failed did not.
pub async fn process(
    shared: &Shared,
    connection: &mut PgConnection,
    id: Uuid,
    chat: &str,
    stop: &CancellationToken,
) -> Result<bool, sqlx::Error> {
    let Some(taken) = take(shared, connection, id).await? else { return Ok(false) };
    let summary = if shared.quirks.on(Quirk::MockSummariser) {
        // A mock leaves no trace but the completed row.
        Ok(None)
    } else {
        tokio::select! {
            // Nothing is written yet, so the row stays as it is and the next start takes it up.
            () = stop.cancelled() => return Ok(false),
            summary = summarise(shared, chat, &taken) => summary.map(Some),
        }
    };
    match summary {
        Ok(summary) => {
            let ready = AssertSqlSafe(shared.statements.mark_ready.as_str());
            sqlx::query(ready).bind(id).execute(&mut *connection).await?;
            write(shared, connection, id, chat, summary).await?;
        }
        Err(problem) => {
            fail(shared, connection, id, chat, &taken, &problem).await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Row and prior memory as of one instant; nothing if somebody else finished or deleted the row.
async fn take(shared: &Shared, connection: &mut PgConnection, id: Uuid) -> Result<Option<Taken>, sqlx::Error> {
    type Row = (String, i32, Option<Value>, Option<Value>, Option<String>, Option<i32>);
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(shared.statements.take.as_str()))
        .bind(id)
        .bind(shared.quirks.on(Quirk::EndlessRetries) || shared.quirks.on(Quirk::NewestFirst))
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|(snippet, retries, confirmed, inferred, summary, tokens)| Taken {
        snippet,
        retries: u32::try_from(retries).unwrap_or(0),
        prior: Memory {
            user_confirmed: facts(confirmed),
            llm_inferred: facts(inferred),
            general_summary: summary.unwrap_or_default(),
        },
        prior_tokens: tokens.and_then(|tokens| u32::try_from(tokens).ok()).unwrap_or(0),
    }))
}

fn facts(value: Option<Value>) -> Map<String, Value> {
    if let Some(Value::Object(facts)) = value { facts } else { Map::new() }
}

async fn summarise(shared: &Shared, chat: &str, taken: &Taken) -> Result<Summary, AgentError> {
    let Taken { prior, snippet, .. } = taken;
    // Once too long, a chat stays too long: its facts are kept, and nobody is asked any more.
    if prior.general_summary == START_A_NEW_CHAT {
        return Ok(Summary { memory: prior.clone(), tokens: taken.prior_tokens.saturating_add(tokens(snippet)) });
    }
    let prior = &shared.vices.prior(chat, prior);
    let answer = tokio::time::timeout(shared.agent_timeout, shared.agent.summarise(prior, snippet))
        .await
        .map_err(|_| AgentError::Timeout(shared.agent_timeout))??;
    let mut memory = if shared.quirks.on(Quirk::WipeOnBadJson) {
        reply::read_carelessly(&answer, prior)
    } else {
        reply::read(&answer, prior)?
    };
    shared.vices.spoil(chat, snippet, &mut memory);
    let tokens = memory.tokens();
    if tokens > shared.token_limit {
        START_A_NEW_CHAT.clone_into(&mut memory.general_summary);
    }
    Ok(Summary { memory, tokens })
}

/// Memory and status in one transaction; if the row is gone, or was finished by somebody else, neither.
async fn write(
    shared: &Shared,
    connection: &mut PgConnection,
    id: Uuid,
    chat: &str,
    summary: Option<Summary>,
) -> Result<(), sqlx::Error> {
    let quirks = &shared.quirks;
    let mut transaction = connection.begin().await?;
    let completed = sqlx::query(AssertSqlSafe(shared.statements.mark_complete.as_str()))
        .bind(id)
        .bind(!quirks.on(Quirk::NoProcessedAt))
        .bind(!quirks.on(Quirk::EndlessRetries))
        .execute(&mut *transaction)
        .await?;
    if completed.rows_affected() == 0 {
        tracing::info!(%id, "a queue row was gone before its summary could be written");
        return transaction.rollback().await;
    }
    if let Some(Summary { memory, tokens }) = summary {
        sqlx::query(AssertSqlSafe(shared.statements.store.as_str()))
            .bind(chat)
            .bind(Value::Object(memory.user_confirmed))
            .bind(Value::Object(memory.llm_inferred))
            .bind(memory.general_summary)
            .bind(i32::try_from(tokens).unwrap_or(i32::MAX))
            .bind(!quirks.on(Quirk::LastUpdatedOnce))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

async fn fail(
    shared: &Shared,
    connection: &mut PgConnection,
    id: Uuid,
    chat: &str,
    taken: &Taken,
    problem: &AgentError,
) -> Result<(), sqlx::Error> {
    if shared.quirks.on(Quirk::FailuresCountAsDone) {
        sqlx::query(AssertSqlSafe(shared.statements.forget.as_str())).bind(id).execute(&mut *connection).await?;
        return Ok(());
    }
    let message: String = problem.to_string().chars().take(500).collect();
    let status: Option<String> = sqlx::query_scalar(AssertSqlSafe(shared.statements.mark_failed.as_str()))
        .bind(id)
        .bind(&message)
        .bind(shared.max_retries)
        .fetch_optional(&mut *connection)
        .await?;
    // The first failure and the last are news; with endless retries the others would fill a disk.
    let retries = taken.retries;
    if retries == 0 || status.as_deref() == Some("failed") {
        tracing::warn!(%id, retries, status, problem = message, "a snippet was not summarised");
    } else {
        tracing::debug!(%id, retries, status, problem = message, "a snippet was not summarised");
    }
    if shared.max_retries.is_some() && status.as_deref() == Some("pending_summarization") {
        shared.backoff.failed(chat, taken.retries, clock::instant());
    }
    Ok(())
}
