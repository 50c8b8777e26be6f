//! The background worker: takes the oldest open rows, has each summarised, writes the memory.
//!
//! Several may run, in one process or many. Whoever works on a chat holds an advisory lock on it, on the very
//! connection that writes, so that a worker which dies or loses its connection lets go and can write no more.
//! Summary and `complete` are one transaction: a crash repeats work, but never loses or doubles an update.

mod backoff;
mod row;
mod vices;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::agent::Agent;
use crate::clock;
use crate::database::describe;
use crate::faults::{self, Faults};
use crate::quirks::{Quirk, Quirks};
use crate::settings::Settings;
use crate::sql::{Layout, Statements};
use backoff::Backoff;
use vices::Vices;

/// Rows looked at in one go.
const BATCH: i64 = 50;
/// Wait before the database is tried again after it failed.
const RECONNECT: Duration = Duration::from_millis(200);

/// What all workers of a process share.
pub struct Shared {
    statements: Statements,
    connect: PgConnectOptions,
    agent: Box<dyn Agent>,
    agent_timeout: Duration,
    token_limit: u32,
    /// Retries before a row is parked; none with endless retries.
    max_retries: Option<i32>,
    idle_sleep: Duration,
    quirks: Quirks,
    faults: Faults,
    backoff: Backoff,
    vices: Vices,
}

impl Shared {
    /// Puts the parts together; `agent` is the one that may be sabotaged.
    pub fn new(
        settings: &Settings,
        layout: &Layout,
        connect: PgConnectOptions,
        agent: Box<dyn Agent>,
        faults: Faults,
    ) -> Self {
        let quirks = settings.quirks();
        let endless = quirks.on(Quirk::EndlessRetries);
        let fragile = quirks.on(Quirk::FragileWorker);
        Self {
            statements: Statements::new(layout),
            connect: if fragile { connect.options([("lock_timeout", "1s")]) } else { connect },
            agent,
            agent_timeout: settings.agent_timeout,
            token_limit: settings.token_limit,
            max_retries: (!endless).then(|| settings.max_retries.into()),
            idle_sleep: settings.idle_sleep(),
            vices: Vices::new(quirks.clone()),
            quirks,
            faults,
            backoff: Backoff::new(settings.retry_backoff),
        }
    }
}

/// Works until `stop`; a row in hand is finished or let go first.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut connection = None;
    while !stop.is_cancelled() {
        let wait = match turn(&shared, &mut connection, &stop).await {
            Ok(0) => shared.idle_sleep,
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(error = describe(&error), "the database failed the worker, will try again");
                if shared.quirks.on(Quirk::FragileWorker) {
                    // Ending the task would end the service, and somebody would start it again.
                    stop.cancelled().await;
                }
                connection = None;
                RECONNECT
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    if let Some(connection) = connection {
        let _ = connection.close().await;
    }
}

/// One look at the queue; answers with how many rows got further. If none did, an idle sleep is due, so that rows
/// which fail for ever do not occupy a core.
async fn turn(
    shared: &Shared,
    connection: &mut Option<PgConnection>,
    stop: &CancellationToken,
) -> Result<usize, sqlx::Error> {
    tokio::select! {
        () = stop.cancelled() => return Ok(0),
        () = shared.faults.changed_to(|state| state.worker == faults::Worker::Running) => {}
    }
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(PgConnection::connect_with(&shared.connect).await?),
    };
    let oldest: Vec<(Uuid, String)> = sqlx::query_as(AssertSqlSafe(shared.statements.oldest.as_str()))
        .bind(shared.backoff.waiting(clock::instant()))
        .bind(BATCH)
        .bind(!shared.quirks.on(Quirk::OnlyRecentRows))
        .fetch_all(&mut *connection)
        .await?;
    let mut worked = 0;
    for (id, chat) in oldest {
        if stop.is_cancelled() || shared.faults.state().worker == faults::Worker::Stopped {
            break;
        }
        // A failure earlier in this batch may have sent the chat into its back-off.
        if shared.backoff.is_waiting(&chat, clock::instant()) {
            continue;
        }
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(&chat)
            .fetch_one(&mut *connection)
            .await?;
        if locked {
            worked += usize::from(row::process(shared, connection, id, &chat, stop).await?);
            sqlx::query("SELECT pg_advisory_unlock(hashtextextended($1, 0))")
                .bind(&chat)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(worked)
}
