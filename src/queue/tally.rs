//! How many rows stand how: what a load asks again and again, so that each question is one bounded read.
//!
//! Rows are asked for by id, conversations by theirs, and the depth through the index on status, up to a bound. None
//! costs more for completed rows of others.

use sqlx::Row;

use super::collectors::OPEN;
use super::database::{Database, Use};
use super::error::DatabaseError;
use super::row::RowState;

/// Ids in one statement at most.
const CHUNK: usize = 500;

/// Rows of some conversations by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Processed.
    pub complete: u64,
    /// Given up by the worker.
    pub given_up: u64,
    /// Neither yet.
    pub waiting: u64,
}

impl Tally {
    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.complete + self.given_up + self.waiting
    }
}

impl Database {
    /// How these rows stand; those that are not there are left out. 500 ids a statement.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn row_states(&self, queue_ids: &[String]) -> Result<Vec<(String, RowState)>, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        let keys: Vec<String> = queue_ids.iter().filter_map(|id| layout.queue.key("id", id)).collect();
        let mut states = Vec::with_capacity(keys.len());
        for keys in keys.chunks(CHUNK) {
            let mut batch = self.reading();
            let part = batch.select(&format!(
                "select id::text as id, status::text as status from {} where id in ({})",
                self.shared().names.queue,
                keys.join(", ")
            ));
            let answers = self.run(Use::Probe, batch).await?;
            for row in answers.rows(part) {
                let read = || Ok((row.try_get::<String, _>("id")?, row.try_get::<Option<String>, _>("status")?));
                let (id, status) = read().map_err(|error| self.unexpected(&error))?;
                states.push((id, RowState::of(status.as_deref().unwrap_or_default())));
            }
        }
        Ok(states)
    }

    /// How all rows of these conversations stand, counted; costs with the number of their rows.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn tally_of(&self, chat_ids: &[String], at_once: usize) -> Result<Tally, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        let keys: Vec<String> = chat_ids.iter().filter_map(|id| layout.queue.key("chat_id", id)).collect();
        let mut tally = Tally::default();
        for keys in keys.chunks(at_once.clamp(1, CHUNK)) {
            let mut batch = self.reading();
            let part = batch.select(&format!(
                "select status::text as status, count(*) as rows from {} where chat_id in ({}) group by status",
                self.shared().names.queue,
                keys.join(", ")
            ));
            let answers = self.run(Use::Probe, batch).await?;
            for row in answers.rows(part) {
                let read = || Ok((row.try_get::<Option<String>, _>("status")?, row.try_get::<i64, _>("rows")?));
                let (status, rows) = read().map_err(|error| self.unexpected(&error))?;
                let rows = u64::try_from(rows).unwrap_or(0);
                match RowState::of(status.as_deref().unwrap_or_default()) {
                    RowState::Complete => tally.complete += rows,
                    RowState::GivenUp => tally.given_up += rows,
                    RowState::Waiting => tally.waiting += rows,
                }
            }
        }
        Ok(tally)
    }

    /// Entries in the queue that wait, up to `max_depth` of each status.
    ///
    /// # Errors
    /// Why the database gave no answer.
    pub async fn depth(&self) -> Result<u64, DatabaseError> {
        let (queue, limit) = (&self.shared().names.queue, self.shared().settings.max_depth);
        let counts = OPEN.map(|status| {
            format!("(select count(*) from (select 1 from {queue} where status = '{status}' limit {limit}) few)")
        });
        let mut batch = self.reading();
        let part = batch.select(&format!("select {} as depth", counts.join(" + ")));
        let answers = self.run(Use::Probe, batch).await?;
        let depth = answers.rows(part).first().map(|row| row.try_get::<i64, _>("depth")).transpose();
        let depth = depth.map_err(|error| self.unexpected(&error))?.unwrap_or(0);
        Ok(u64::try_from(depth).unwrap_or(0))
    }
}
