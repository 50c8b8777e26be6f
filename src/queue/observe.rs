//! What a validation or a load sees of the queue while it runs: depth, age, the database's clock, and what others do.
//!
//! Asked in the collectors' lane, so that what is measured meanwhile does not wait for it. Every question names the
//! statuses and stops at a limit.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::model::Timestamp;
use crate::model::synthetic::MARKER;

use super::collectors::{COMPLETE, FAILED, OPEN};
use super::database::{Database, Use};
use super::error::DatabaseError;
use super::names::literal;

/// Rows of others at which counting stops.
const MOST_FOREIGN: i64 = 10_000;
/// Conversations that one look for leftovers sees at most, and in one step.
const STEPS: usize = 40;
const STEP: i64 = 5_000;

/// The queue at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance {
    /// The database's time.
    pub at: Timestamp,
    /// Open rows; counting stops at `max_depth`.
    pub depth: u64,
    /// Age of the oldest open row, in seconds; 0 if there is none.
    pub oldest_seconds: f64,
}

/// Conversations that a run left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Leftover {
    /// The run's id.
    pub run_id: String,
    /// How many conversations.
    pub conversations: u64,
    /// Age of the youngest of them, in seconds.
    pub youngest_seconds: f64,
}

impl Database {
    /// The queue now.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn glance(&self) -> Result<Glance, DatabaseError> {
        let queue = &self.shared().names.queue;
        let limit = u64::from(self.shared().settings.max_depth);
        let depth = OPEN.map(|status| {
            let status = literal(status);
            format!("(select count(*) from (select 1 from {queue} where status = {status} limit {limit}) few)")
        });
        let oldest = OPEN.map(|status| {
            let status = literal(status);
            format!("(select extract(epoch from now() - min(created_at)) from {queue} where status = {status})")
        });
        let mut batch = self.reading();
        let part = batch.select(&format!(
            "select (extract(epoch from clock_timestamp()) * 1000)::bigint as at, ({})::bigint as depth,
               greatest({}, 0)::float8 as oldest",
            depth.join(" + "),
            oldest.join(", "),
        ));
        let answers = self.run(Use::Collect, batch).await?;
        let row = answers.rows(part).first().ok_or_else(|| DatabaseError::Refused("no answer".to_owned()))?;
        let read = || -> sqlx::Result<Glance> {
            let depth = u64::try_from(row.try_get::<i64, _>("depth")?).unwrap_or(0);
            let at = Timestamp::from_millis(row.try_get("at")?);
            Ok(Glance { at, depth, oldest_seconds: row.try_get("oldest")? })
        };
        read().map_err(|error| self.unexpected(&error))
    }

    /// How many rows were queued in `[from, to)` by the database's clock that belong to no conversation with our
    /// marker; counting stops at 10,000.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn foreign_rows(&self, from: Timestamp, to: Timestamp) -> Result<u64, DatabaseError> {
        let layout = self.layout(Use::Collect).await?;
        let Some(conversations) = layout.conversations.as_ref().filter(|_| layout.queue.has("chat_id")) else {
            return Err(DatabaseError::Refused("its rows cannot be told by conversation".to_owned()));
        };
        let shared = self.shared();
        let statuses: Vec<String> = OPEN.into_iter().chain([COMPLETE, FAILED]).map(literal).collect();
        let mut batch = self.reading();
        let part = batch.select(&format!(
            "select count(*) as entries from (
               select 1 from {} q where status in ({}) and created_at >= to_timestamp({:.3}) and created_at < to_timestamp({:.3})
                 and not exists (select 1 from {} c where c.id = q.chat_id and c.metadata ->> {} = {})
               limit {MOST_FOREIGN}
             ) few",
            shared.names.queue,
            statuses.join(", "),
            from.seconds(),
            to.seconds(),
            conversations.name,
            literal(MARKER),
            literal(&shared.instance),
        ));
        let answers = self.run(Use::Collect, batch).await?;
        let count = answers.rows(part).first().map(|row| row.try_get::<i64, _>("entries")).transpose();
        let count = count.map_err(|error| self.unexpected(&error))?.unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Runs whose id begins with `prefix` and that left conversations behind, among the first 200,000 conversations.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>, DatabaseError> {
        let layout = self.layout(Use::Collect).await?;
        let Some(conversations) = layout.conversations.as_ref().filter(|found| found.table.has("created_at")) else {
            return Err(DatabaseError::Refused("conversations have no time of creation".to_owned()));
        };
        let (marker, length) = (literal(MARKER), prefix.chars().count());
        let mut found: BTreeMap<String, Leftover> = BTreeMap::new();
        let mut behind = String::new();
        for _ in 0..STEPS {
            let mut batch = self.reading();
            let part = batch.select(&format!(
                "with step as materialized (
                   select id, metadata ->> {marker} as run, created_at from {} {behind} order by id limit {STEP}
                 )
                 select run, count(*) as conversations, extract(epoch from now() - max(created_at))::float8 as youngest,
                   null::text as next from step where left(run, {length}) = {} group by run
                 union all
                 select * from (select null, (select count(*) from step), 0, id::text from step
                   order by step.id desc limit 1) last",
                conversations.name,
                literal(prefix),
            ));
            let answers = self.run(Use::Collect, batch).await?;
            let mut next = None;
            for row in answers.rows(part) {
                let (leftover, last) = decode(row).map_err(|error| self.unexpected(&error))?;
                match last {
                    Some(last) => next = Some(last).filter(|_| leftover.conversations == STEP.unsigned_abs()),
                    None => merge(&mut found, leftover),
                }
            }
            match next.and_then(|id| conversations.table.key("id", &id)) {
                Some(id) => behind = format!("where id > {id}"),
                None => break,
            }
        }
        Ok(found.into_values().collect())
    }
}

fn decode(row: &sqlx::postgres::PgRow) -> sqlx::Result<(Leftover, Option<String>)> {
    let leftover = Leftover {
        run_id: row.try_get::<Option<String>, _>("run")?.unwrap_or_default(),
        conversations: u64::try_from(row.try_get::<i64, _>("conversations")?).unwrap_or(0),
        youngest_seconds: row.try_get("youngest")?,
    };
    Ok((leftover, row.try_get("next")?))
}

fn merge(found: &mut BTreeMap<String, Leftover>, more: Leftover) {
    match found.get_mut(&more.run_id) {
        Some(known) => {
            known.conversations += more.conversations;
            known.youngest_seconds = known.youngest_seconds.min(more.youngest_seconds);
        }
        None => {
            found.insert(more.run_id.clone(), more);
        }
    }
}
