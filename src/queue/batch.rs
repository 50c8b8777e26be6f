//! Several statements in one message, one transaction and one snapshot.
//!
//! The simple query protocol runs a message of several statements as one implicit transaction. That needs one
//! round trip, no prepared statement and no start-up option, which is what a pooler in transaction mode allows;
//! `set local` puts the time-outs on exactly this transaction.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::model::Duration;

/// Statements on their way. Every SELECT has a number, by which its rows are found among the answers.
pub(super) struct Batch {
    sql: String,
    selects: usize,
}

impl Batch {
    /// Reads only, from one snapshot.
    pub(super) fn reading(timeout: Duration) -> Self {
        // A stale estimate must not talk the planner into reading the whole table, nor into using more cores.
        Self::new(
            "set transaction isolation level repeatable read, read only;\n\
             set local enable_seqscan = off;\nset local max_parallel_workers_per_gather = 0;\n",
            timeout,
        )
    }

    /// May write.
    pub(super) fn writing(timeout: Duration) -> Self {
        Self::new("set transaction read write;\n", timeout)
    }

    fn new(begin: &str, timeout: Duration) -> Self {
        let statement = timeout.std().as_millis().max(1);
        // Nobody who waits for a lock should do so for the whole time.
        let lock = (statement / 4).max(1);
        Self {
            sql: format!("{begin}set local statement_timeout = {statement};\nset local lock_timeout = {lock};\n"),
            selects: 0,
        }
    }

    /// Adds a SELECT; answers its number.
    pub(super) fn select(&mut self, sql: &str) -> usize {
        let part = self.selects;
        self.sql.push_str(&format!("select {part} as part, answer.* from ({sql}) answer;\n"));
        self.selects += 1;
        part
    }

    /// Adds a data-changing statement that begins with `with` and ends in `select {part} as part, …`, which
    /// `build` writes; answers its number.
    pub(super) fn change(&mut self, build: impl FnOnce(usize) -> String) -> usize {
        let part = self.selects;
        self.sql.push_str(&build(part));
        self.sql.push_str(";\n");
        self.selects += 1;
        part
    }

    pub(super) fn into_sql(self) -> String {
        self.sql
    }
}

/// All rows that came back.
pub(super) struct Answers(Vec<Vec<PgRow>>);

impl Answers {
    pub(super) fn new(rows: Vec<PgRow>) -> sqlx::Result<Self> {
        let mut parts: Vec<Vec<PgRow>> = Vec::new();
        for row in rows {
            let part = usize::try_from(row.try_get::<i32, _>("part")?).unwrap_or(0);
            if parts.len() <= part {
                parts.resize_with(part + 1, Vec::new);
            }
            if let Some(rows) = parts.get_mut(part) {
                rows.push(row);
            }
        }
        Ok(Self(parts))
    }

    /// The rows of the SELECT with this number.
    pub(super) fn rows(&self, part: usize) -> &[PgRow] {
        self.0.get(part).map_or(&[], Vec::as_slice)
    }
}
