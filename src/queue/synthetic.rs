//! Removes conversations that probes made, and only those: every statement demands our marker with our name.
//!
//! Deleting a conversation takes its queue row and its memory along where the foreign keys cascade; where they do
//! not, the children go in the same statement. There is no index on the marker, so that a sweep walks the primary
//! key in steps of a few thousand rows and goes on where the last one stopped.

use std::sync::PoisonError;

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::model::Duration;
use crate::model::synthetic::MARKER;

use super::batch::Batch;
use super::database::{Database, Use};
use super::error::DatabaseError;
use super::layout::{Conversations, Layout};
use super::names::{identifier, literal};

/// Conversations that one statement removes at most.
const CHUNK: usize = 200;
/// Conversations that one step of a sweep looks at.
const STEP: i64 = 5_000;
/// Steps of one sweep. What lies beyond is the next sweep's.
const STEPS: usize = 20;

/// What happened to synthetic conversations left behind by earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Removed now.
    pub removed: u64,
    /// Still there.
    pub left: u64,
}

impl Database {
    /// Removes these conversations where they carry our marker; answers how many went. Ids that are not ours, or
    /// that cannot be ids of this table, are left alone.
    pub async fn remove_synthetic(&self, chat_ids: &[String]) -> Result<u64, DatabaseError> {
        if !self.shared().settings.cleanup {
            return Err(DatabaseError::Refused("cleanup is not allowed by the configuration".to_owned()));
        }
        let layout = self.layout(Use::Cleanup).await?;
        let conversations = conversations(&layout)?;
        let keys: Vec<String> = chat_ids.iter().filter_map(|id| conversations.table.key("id", id)).collect();
        let mut removed = 0;
        for keys in keys.chunks(CHUNK) {
            let mut batch = Batch::writing(self.timeout());
            let part = batch.change(|part| self.removal(&layout, conversations, keys, part));
            let answers = self.run(Use::Cleanup, batch).await?;
            let count = answers.rows(part).first().map(|row| row.try_get::<i64, _>("removed")).transpose();
            let count = count.map_err(|error| self.unexpected(&error))?.unwrap_or(0);
            removed += u64::try_from(count).unwrap_or(0);
        }
        Ok(removed)
    }

    fn removal(&self, layout: &Layout, conversations: &Conversations, keys: &[String], part: usize) -> String {
        let names = &self.shared().names;
        let mut sql = format!(
            "with marked as materialized (select id from {} where id in ({}) and {})",
            conversations.name,
            keys.join(", "),
            self.marked(),
        );
        let children = [
            (&names.queue, Some(&layout.queue), "removed_queue"),
            (&names.chat_metadata, layout.chat_metadata.as_ref(), "removed_metadata"),
        ];
        for (name, table, alias) in children {
            if table.is_some_and(|table| !table.cascades && table.has("chat_id")) {
                let alias = identifier(alias);
                sql.push_str(&format!(
                    ", {alias} as (delete from {name} where chat_id in (select id from marked) returning 1)"
                ));
            }
        }
        sql.push_str(&format!(
            ", removed as (delete from {} where id in (select id from marked) returning 1)
             select {part} as part, count(*) as removed from removed",
            conversations.name
        ));
        sql
    }

    /// Removes marked conversations of this instance older than `age`, in bounded steps: at most 100,000
    /// conversations are looked at, and the next call goes on behind them. Where nothing may be removed, only
    /// counts.
    pub async fn sweep_synthetic(&self, age: Duration) -> Result<Sweep, DatabaseError> {
        let on = if self.shared().settings.cleanup { Use::Cleanup } else { Use::Probe };
        let layout = self.layout(on).await?;
        let conversations = conversations(&layout)?;
        if !conversations.table.has("created_at") {
            return Err(DatabaseError::Refused(format!("table {} has no column created_at", conversations.name)));
        }
        let mut sweep = Sweep::default();
        for _ in 0..STEPS {
            self.sweep_step(on, conversations, age, &mut sweep).await?;
            if self.cursor().is_none() {
                break;
            }
        }
        Ok(sweep)
    }

    /// Removes every conversation that carries our marker, whatever its age, and looks at the whole table for them in
    /// bounded steps. Where nothing may be removed, only counts.
    ///
    /// # Errors
    /// Why the database gave no answer; part of them may be gone.
    pub async fn remove_marked(&self) -> Result<Sweep, DatabaseError> {
        let on = if self.shared().settings.cleanup { Use::Cleanup } else { Use::Probe };
        let layout = self.layout(on).await?;
        let conversations = conversations(&layout)?;
        self.move_cursor(None);
        let mut sweep = Sweep::default();
        loop {
            self.sweep_step(on, conversations, Duration::default(), &mut sweep).await?;
            if self.cursor().is_none() {
                return Ok(sweep);
            }
        }
    }

    async fn sweep_step(
        &self,
        on: Use,
        conversations: &Conversations,
        age: Duration,
        sweep: &mut Sweep,
    ) -> Result<(), DatabaseError> {
        let found = self.marked_in_step(on, conversations, age).await?;
        if !found.is_empty() {
            let removed = if self.may_clean_up() { self.remove_synthetic(&found).await? } else { 0 };
            sweep.removed += removed;
            sweep.left += (found.len() as u64).saturating_sub(removed);
        }
        Ok(())
    }

    /// Marked and old conversations of the next step; moves the cursor, which is `None` again at the end.
    async fn marked_in_step(
        &self,
        on: Use,
        conversations: &Conversations,
        age: Duration,
    ) -> Result<Vec<String>, DatabaseError> {
        let behind = self.cursor().and_then(|id| conversations.table.key("id", &id));
        let behind = behind.map_or_else(String::new, |id| format!("where id > {id}"));
        // A table without times has no old rows to tell from young ones; `sweep_synthetic` refuses it.
        let old = if age.is_zero() {
            String::new()
        } else {
            format!("and created_at < now() - interval '{} seconds'", age.std().as_secs())
        };
        let created = if age.is_zero() { "" } else { ", created_at" };
        let mut batch = self.reading();
        let part = batch.select(&format!(
            "with step as materialized (
               select id, metadata{created} from {} {behind} order by id limit {STEP}
             )
             select id::text, true as ours, (select count(*) from step) as looked_at from step
               where {} {old}
             union all
             select * from (
               select id::text, false, (select count(*) from step) from step order by step.id desc limit 1
             ) last",
            conversations.name,
            self.marked(),
        ));
        let answers = self.run(on, batch).await?;
        let (mut found, mut next) = (Vec::new(), None);
        for row in answers.rows(part) {
            let (id, ours, looked_at) = decode(row).map_err(|error| self.unexpected(&error))?;
            if ours {
                found.push(id);
            } else if looked_at == STEP {
                next = Some(id);
            }
        }
        self.move_cursor(next);
        Ok(found)
    }

    fn move_cursor(&self, to: Option<String>) {
        *self.shared().swept_to.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    fn cursor(&self) -> Option<String> {
        self.shared().swept_to.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn marked(&self) -> String {
        format!("metadata ->> {} = {}", literal(MARKER), literal(&self.shared().instance))
    }

    /// That a row of the conversations, by this name in the statement, carries our marker.
    pub(super) fn marked_in(&self, row: &str) -> String {
        format!("{row}.{}", self.marked())
    }
}

fn decode(row: &PgRow) -> sqlx::Result<(String, bool, i64)> {
    Ok((row.try_get("id")?, row.try_get("ours")?, row.try_get("looked_at")?))
}

fn conversations(layout: &Layout) -> Result<&Conversations, DatabaseError> {
    layout.conversations.as_ref().ok_or_else(|| DatabaseError::Refused("there is no table of conversations".to_owned()))
}
