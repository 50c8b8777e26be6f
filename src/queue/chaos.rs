//! Breaks the service's database on purpose, for a validation that was allowed to.
//!
//! Connects as a role of its own (`validate.chaos.database_url`). What is inserted is copied from a conversation that
//! carries the run's marker and so carries it too: the normal removal takes it away. A lock ends with its connection,
//! whatever becomes of us, and by the server's own time-out if the connection is lost unnoticed.

use std::time::Duration as StdDuration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};
use tokio::time::timeout;

use crate::model::{Duration, Secret, Stopwatch};

use super::batch::Batch;
use super::database::{Database, Use};
use super::error::{DatabaseError, translate};
use super::layout::{Conversations, Table};
use super::names::literal;
use super::settings::{Settings, connect_options};

/// Longest time for one statement; thousands of rows are inserted by one.
const LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for the lock.
const LOCK_LIMIT: StdDuration = StdDuration::from_secs(10);
/// How much longer than asked for the server lets a lock live.
const LOCK_GRACE: StdDuration = StdDuration::from_secs(5);
/// Memories that one statement stores.
const CHUNK: u32 = 2_000;

/// Somebody who may write and lock the service's tables and end its connections. Clones share two connections.
#[derive(Clone)]
pub struct Chaos {
    database: Database,
    options: Option<PgConnectOptions>,
}

/// The queue table, locked against everybody. Dropping it lets go.
pub struct HeldQueue {
    /// Its end is the end of the lock.
    _connection: PgConnection,
    since: Stopwatch,
}

impl HeldQueue {
    /// How long it has been held.
    #[must_use]
    pub fn held(&self) -> StdDuration {
        self.since.elapsed()
    }
}

impl Chaos {
    /// In the tables of `database`, with its marker, as the role of `url`. Dials nothing yet.
    #[must_use]
    pub fn new(database: &Database, url: &Secret) -> Self {
        let shared = database.shared();
        let settings = Settings {
            url: url.clone(),
            cleanup: true,
            cleanup_url: None,
            timeout: LIMIT.max(shared.settings.timeout),
            ..shared.settings.clone()
        };
        Self { database: Database::new(&settings, &shared.instance), options: connect_options(url) }
    }

    /// Ends every connection of roles that may write the queue, but neither our own nor a superuser's; answers how
    /// many ended by their `application_name`.
    ///
    /// # Errors
    /// The database gave no answer, or the role may not do so.
    pub async fn end_connections(&self) -> Result<Vec<(String, u64)>, DatabaseError> {
        let queue = literal(&self.database.shared().names.queue);
        let mut batch = self.database.reading();
        let part = batch.select(&format!(
            "with theirs as materialized (
               select a.pid, coalesce(a.application_name, '')::text as name
               from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
               where a.datname = current_database() and a.pid <> pg_backend_pid() and not r.rolsuper
                 and a.application_name not like 'memsentry%' and r.rolname <> current_user
                 and has_table_privilege(r.oid, {queue}, 'insert'))
             select name, count(*) filter (where pg_terminate_backend(pid))::bigint as ended from theirs group by name"
        ));
        let answers = self.database.run(Use::Probe, batch).await?;
        let ended = answers.rows(part).iter().map(|row| {
            let count: i64 = row.try_get("ended")?;
            Ok((row.try_get("name")?, u64::try_from(count).unwrap_or(0)))
        });
        ended.collect::<sqlx::Result<_>>().map_err(|error| self.database.unexpected(&error))
    }

    /// Locks the queue table, so that nobody reads or writes it until the answer is dropped; the server lets go by
    /// itself a little after `at_most`.
    ///
    /// # Errors
    /// There is no lock: the database gave no answer, or did not grant it within ten seconds.
    pub async fn hold_queue(&self, at_most: StdDuration) -> Result<HeldQueue, DatabaseError> {
        let Some(options) = &self.options else {
            return Err(DatabaseError::Unreachable("the URL is not a Postgres URL".to_owned()));
        };
        let sql = format!(
            "begin; set local lock_timeout = {}; set local idle_in_transaction_session_timeout = {};
             lock table {} in access exclusive mode",
            LOCK_LIMIT.as_millis(),
            (at_most + LOCK_GRACE).as_millis(),
            self.database.shared().names.queue,
        );
        let locked = async {
            let options = options.clone().application_name("memsentry-chaos").extra_float_digits(None);
            let mut connection = options.disable_statement_logging().connect().await?;
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        let limit = Duration::from(LOCK_LIMIT + LOCK_GRACE);
        match timeout(limit.std(), locked).await {
            Ok(Ok(connection)) => Ok(HeldQueue { _connection: connection, since: Stopwatch::start() }),
            Ok(Err(error)) => {
                let secrets = super::error::secrets_of(&self.database.shared().settings.url);
                Err(translate(&error, limit, &secrets))
            }
            Err(_) => Err(DatabaseError::Timeout(limit)),
        }
    }

    /// Copies a conversation of this run so many times, with its memory where it has one; answers the copies' ids.
    ///
    /// # Errors
    /// The database gave no answer, or refused; some may exist nevertheless.
    pub async fn copy(&self, chat_id: &str, copies: u32) -> Result<Vec<String>, DatabaseError> {
        let layout = self.database.layout(Use::Probe).await?;
        let refused = |what: &str| DatabaseError::Refused(what.to_owned());
        let conversations =
            layout.conversations.as_ref().ok_or_else(|| refused("there is no table of conversations"))?;
        let key = conversations.table.key("id", chat_id).ok_or_else(|| refused("no id of a conversation"))?;
        let memory = layout.chat_metadata.as_ref().filter(|table| table.has("chat_id"));
        let mut ids = Vec::new();
        let mut left = copies;
        while left > 0 {
            let count = left.min(CHUNK);
            left -= count;
            let mut batch = Batch::writing(LIMIT);
            let part = batch.change(|part| self.copying(conversations, memory, &key, count, part));
            let answers = self.database.run(Use::Probe, batch).await?;
            let made: sqlx::Result<Vec<String>> = answers.rows(part).iter().map(|row| row.try_get("id")).collect();
            ids.extend(made.map_err(|error| self.database.unexpected(&error))?);
        }
        if ids.is_empty() && copies > 0 {
            return Err(DatabaseError::Refused(format!("there is no conversation {chat_id} of this run to copy")));
        }
        Ok(ids)
    }

    fn copying(
        &self,
        conversations: &Conversations,
        memory: Option<&Table>,
        key: &str,
        count: u32,
        part: usize,
    ) -> String {
        // Whole rows by their type, so that columns which the contract does not know are copied as well.
        let copy = |table: &str, row: &str, changes: &str| {
            format!("jsonb_populate_record(null::{table}, to_jsonb({row}) || jsonb_build_object({changes})) copy")
        };
        let name = &conversations.name;
        let mut sql = format!(
            "with made as (insert into {name} select copy.* from {name} original
               cross join generate_series(1, {count}) cross join lateral {}
               where original.id = {key} and {} returning id)",
            // Refers to the series' row, or else one copy would be made and repeated.
            copy(
                name,
                "original",
                "'id', gen_random_uuid(), 'created_at', now(), 'n', generate_series.generate_series"
            ),
            self.database.marked_in("original"),
        );
        if let Some(memory) = memory {
            let name = &self.database.shared().names.chat_metadata;
            let own_id = if memory.has("id") { ", 'id', gen_random_uuid()" } else { "" };
            sql.push_str(&format!(
                ", stored as (insert into {name} select copy.* from {name} original cross join made
                   cross join lateral {} where original.chat_id = {key} returning 1)",
                copy(name, "original", &format!("'chat_id', made.id{own_id}")),
            ));
        }
        sql.push_str(&format!(" select {part} as part, id::text as id from made"));
        sql
    }

    /// Queues snippets as if they had come `ago`, each a millisecond after the one before; answers the rows' ids in
    /// the same order.
    ///
    /// # Errors
    /// The database gave no answer, or refused all of them.
    pub async fn enqueue(&self, snippets: &[(String, String)], ago: StdDuration) -> Result<Vec<String>, DatabaseError> {
        let layout = self.database.layout(Use::Probe).await?;
        let values = snippets.iter().enumerate().filter_map(|(n, (chat, snippet))| {
            let chat = layout.queue.key("chat_id", chat)?;
            Some(format!("({n}, {chat}, {})", literal(snippet)))
        });
        let values: Vec<String> = values.collect();
        let queue = &self.database.shared().names.queue;
        let mut batch = Batch::writing(LIMIT);
        let part = batch.change(|part| {
            format!(
                "with made as (insert into {queue} (chat_id, new_context_snippet, created_at)
                   select chat, snippet, now() - interval '{} milliseconds' + n * interval '1 millisecond'
                   from (values {}) given (n, chat, snippet) returning id, created_at)
                 select {part} as part, id::text as id from made order by created_at",
                ago.as_millis(),
                values.join(", "),
            )
        });
        let answers = self.database.run(Use::Probe, batch).await?;
        let ids: sqlx::Result<Vec<String>> = answers.rows(part).iter().map(|row| row.try_get("id")).collect();
        ids.map_err(|error| self.database.unexpected(&error))
    }

    /// Removes conversations of this run with all that hangs on them; answers how many went.
    ///
    /// # Errors
    /// The database gave no answer; some may be left.
    pub async fn remove(&self, chat_ids: &[String]) -> Result<u64, DatabaseError> {
        self.database.remove_synthetic(chat_ids).await
    }
}
