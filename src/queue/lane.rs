//! One connection at a time, with a deadline on everything.
//!
//! Two lanes per database are all the connections there are: one for the collectors, one for probes. A connection
//! is kept between uses. One that failed or did not answer is dropped, never waited for; one that turns out to
//! have died while idle is replaced at once, so that a restart of the database costs no failed read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration as StdDuration;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::model::{Duration, Secret};

use super::batch::{Answers, Batch};
use super::error::{DatabaseError, breaks_connection, secrets_of, translate};
use super::settings::connect_options;

/// What a statement's answer may take longer than the statement, for the way and for dialling.
const GRACE: StdDuration = StdDuration::from_millis(500);

/// Which role a connection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Read,
    Cleanup,
}

/// Where to connect, as whom.
pub(super) struct Endpoint {
    role: Role,
    options: Option<PgConnectOptions>,
    /// What errors must not show.
    pub(super) secrets: Vec<Secret>,
}

impl Endpoint {
    pub(super) fn new(role: Role, url: &Secret) -> Self {
        let options = connect_options(url).map(|options| {
            let options = match options.get_application_name() {
                Some(_) => options,
                None => options.application_name("memsentry"),
            };
            // A pooler refuses start-up parameters that it does not know, and this is one.
            options.extra_float_digits(None).statement_cache_capacity(0).disable_statement_logging()
        });
        Self { role, options, secrets: secrets_of(url) }
    }

    async fn connect(&self) -> sqlx::Result<PgConnection> {
        match &self.options {
            Some(options) => options.connect().await,
            None => Err(sqlx::Error::Protocol("the URL is not a Postgres URL".to_owned())),
        }
    }
}

/// One connection, one user at a time.
pub(super) struct Lane {
    turn: Semaphore,
    idle: Mutex<Option<(Role, PgConnection)>>,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self { turn: Semaphore::new(1), idle: Mutex::new(None) }
    }

    /// Sends a batch and waits for its answers: at most `limit` for its turn, and `limit` plus half a second for
    /// dialling and answering.
    pub(super) async fn run(
        &self,
        endpoint: &Endpoint,
        batch: Batch,
        limit: Duration,
    ) -> Result<Answers, DatabaseError> {
        let Ok(Ok(_turn)) = timeout(limit.std(), self.turn.acquire()).await else {
            return Err(DatabaseError::Timeout(limit));
        };
        // Past the deadline the connection goes away together with the exchange that owns it.
        match timeout(limit.std() + GRACE, self.exchange(endpoint, batch.into_sql())).await {
            Ok(Ok(answers)) => Ok(answers),
            Ok(Err(error)) => Err(translate(&error, limit, &endpoint.secrets)),
            Err(_) => Err(DatabaseError::Timeout(limit)),
        }
    }

    async fn exchange(&self, endpoint: &Endpoint, sql: String) -> sqlx::Result<Answers> {
        let sql: std::sync::Arc<str> = sql.into();
        if let Some(mut conn) = self.idle_connection(endpoint.role) {
            match ask(&mut conn, &sql).await {
                Err(error) if breaks_connection(&error) => {
                    tracing::debug!(%error, "a kept connection has ended, dialling again");
                }
                other => {
                    self.keep(endpoint.role, conn);
                    return other;
                }
            }
        }
        let mut conn = endpoint.connect().await?;
        let result = ask(&mut conn, &sql).await;
        if !matches!(&result, Err(error) if breaks_connection(error)) {
            self.keep(endpoint.role, conn);
        }
        result
    }

    /// Sends one statement with parameters, after `before` has begun its transaction, which is rolled back: at most
    /// `limit` for everything, the turn included.
    pub(super) async fn ask_one(
        &self,
        endpoint: &Endpoint,
        before: String,
        (sql, parameters): (String, &[Option<String>]),
        limit: Duration,
    ) -> Result<Vec<PgRow>, DatabaseError> {
        let asked = async {
            let Ok(_turn) = self.turn.acquire().await else { return Ok(Vec::new()) };
            let mut conn = match self.idle_connection(endpoint.role) {
                Some(conn) => conn,
                None => endpoint.connect().await?,
            };
            let begun = sqlx::raw_sql(AssertSqlSafe(before.clone())).execute(&mut conn).await;
            if let Err(error) = begun {
                if !breaks_connection(&error) {
                    return Err(error);
                }
                conn = endpoint.connect().await?;
                sqlx::raw_sql(AssertSqlSafe(before)).execute(&mut conn).await?;
            }
            // Not under a name: behind a pooler that would meet another session's.
            let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            let query = parameters.iter().fold(query, |query, parameter| query.bind(parameter.clone()));
            let result = query.fetch_all(&mut conn).await;
            if sqlx::raw_sql("rollback").execute(&mut conn).await.is_ok() {
                self.keep(endpoint.role, conn);
            }
            result
        };
        // Past the deadline the connection goes away together with the exchange that owns it.
        match timeout(limit.std(), asked).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(translate(&error, limit, &endpoint.secrets)),
            Err(_) => Err(DatabaseError::Timeout(limit)),
        }
    }

    /// The kept connection, if it has this role; one of another role is closed, so that there never are two.
    fn idle_connection(&self, role: Role) -> Option<PgConnection> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.filter(|(kept, _)| *kept == role).map(|(_, conn)| conn)
    }

    fn keep(&self, role: Role, conn: PgConnection) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some((role, conn));
    }
}

async fn ask(conn: &mut PgConnection, sql: &std::sync::Arc<str>) -> sqlx::Result<Answers> {
    Answers::new(sqlx::raw_sql(AssertSqlSafe(std::sync::Arc::clone(sql))).fetch_all(conn).await?)
}
