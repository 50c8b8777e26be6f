//! The history of alerts: what became of them, and every attempt to tell somebody.
//!
//! Entries ride in the transactions that they are about. Their numbers grow with time, also across a detour through
//! memory, so the newest come first without another index, and a number is a place to go on reading from. Bounded by
//! age and by number ([`Store::prune_history`]); in memory also by what fits, because history must never be why an alert
//! cannot be stored.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Row, SqliteConnection};

use crate::model::Timestamp;

use super::{Applied, Job, Store, StoreError};

/// Numbers that one millisecond has room for; a number stays below 2^53, which JSON readers can hold.
const A_MILLISECOND: i64 = 4096;
/// Most entries that one transaction removes, so that nobody waits long behind it.
const PRUNED_AT_ONCE: i64 = 1_000;
/// Most entries that one read answers with.
pub const MOST_READ: u32 = 1_000;

/// Something that happened, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// What, in one word, such as `firing` or `attempt`.
    pub event: String,
    /// Names and fingerprints of the alerts it is about, under which it is found.
    pub subjects: Vec<String>,
    /// The receiver it is about.
    pub receiver: Option<String>,
    /// The rest as JSON; the store does not look inside.
    pub body: String,
}

/// Something that happened, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// Its number; later ones are greater.
    pub number: i64,
    /// What happened.
    pub entry: HistoryEntry,
}

impl FromRow<'_, SqliteRow> for HistoryRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let subjects: String = row.try_get("subjects")?;
        let subjects = serde_json::from_str(&subjects).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Self {
            number: row.try_get("sequence")?,
            entry: HistoryEntry {
                at: Timestamp::from_millis(row.try_get("at")?),
                event: row.try_get("event")?,
                subjects,
                receiver: row.try_get("receiver")?,
                body: row.try_get("body")?,
            },
        })
    }
}

/// Which part of the history is asked for; what is `None` or empty asks for all.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    /// Below this number: the page after one that ended there.
    pub before: Option<i64>,
    /// Not earlier.
    pub since: Option<Timestamp>,
    /// Not later.
    pub until: Option<Timestamp>,
    /// About an alert with this name or fingerprint.
    pub subject: Option<String>,
    /// About this receiver.
    pub receiver: Option<String>,
    /// One of these words.
    pub events: Vec<String>,
    /// Most entries in the answer, from 1 to [`MOST_READ`].
    pub limit: u32,
}

impl Store {
    /// Records what is in no other transaction.
    pub async fn record_history(&self, entries: Vec<HistoryEntry>) -> Result<(), StoreError> {
        if entries.is_empty() { Ok(()) } else { self.write(Record(entries)).await }
    }

    /// What happened, the newest first.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryRow>, StoreError> {
        let mut conn = self.reader().await?;
        let from = match filter.subject {
            Some(_) => "alert_history_subjects s cross join alert_history h on h.sequence = s.sequence",
            None => "alert_history h",
        };
        let mut conditions = vec!["h.sequence < ?1 and h.sequence >= ?2 and h.at >= ?3 and h.at <= ?4"];
        if filter.subject.is_some() {
            conditions.push("s.subject = ?5 and s.sequence < ?1 and s.sequence >= ?2");
        }
        if filter.receiver.is_some() {
            conditions.push("h.receiver = ?6");
        }
        if !filter.events.is_empty() {
            conditions.push("h.event in (select value from json_each(?7))");
        }
        let order = if filter.subject.is_some() { "s.sequence" } else { "h.sequence" };
        let sql = format!("select h.* from {from} where {} order by {order} desc limit ?8", conditions.join(" and "));
        let since = filter.since.map_or(i64::MIN, Timestamp::millis);
        let rows = sqlx::query_as(AssertSqlSafe(sql))
            .bind(filter.before.unwrap_or(i64::MAX))
            // A clock that was set back numbers higher than its time, never lower.
            .bind(since.saturating_mul(A_MILLISECOND))
            .bind(since)
            .bind(filter.until.map_or(i64::MAX, Timestamp::millis))
            .bind(filter.subject.as_deref().unwrap_or(""))
            .bind(filter.receiver.as_deref().unwrap_or(""))
            .bind(serde_json::to_string(&filter.events).unwrap_or_default())
            .bind(filter.limit.clamp(1, MOST_READ));
        self.bounded(rows.fetch_all(&mut *conn)).await
    }

    /// Forgets what is older than `before`, and the oldest beyond `most` entries; in small transactions.
    pub async fn prune_history(&self, before: Timestamp, most: u32) -> Result<(), StoreError> {
        let nth = "select sequence from alert_history order by sequence desc limit 1 offset ?";
        let beyond: Option<(i64,)> = {
            let mut conn = self.reader().await?;
            self.bounded(sqlx::query_as(nth).bind(most).fetch_optional(&mut *conn)).await?
        };
        let old = before.millis().saturating_mul(A_MILLISECOND);
        let end = beyond.map_or(old, |(sequence,)| old.max(sequence.saturating_add(1)));
        loop {
            let left: Option<(i64,)> = {
                let mut conn = self.reader().await?;
                let any = sqlx::query_as("select sequence from alert_history where sequence < ? limit 1").bind(end);
                self.bounded(any.fetch_optional(&mut *conn)).await?
            };
            if left.is_none() {
                return Ok(());
            }
            self.write(Prune(end)).await?;
        }
    }
}

/// Adds entries to the history, within somebody's transaction.
pub(super) async fn record(conn: &mut SqliteConnection, entries: &[HistoryEntry]) -> sqlx::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    make_room(conn, entries.len()).await?;
    let (last,): (i64,) =
        sqlx::query_as("select coalesce(max(sequence), 0) from alert_history").fetch_one(&mut *conn).await?;
    let mut number = last;
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            number = (number + 1).max(entry.at.millis().saturating_mul(A_MILLISECOND));
            (number, entry.at.millis(), &entry.event, &entry.receiver, &entry.subjects, &entry.body)
        })
        .collect();
    let rows = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query(
        "insert into alert_history (sequence, at, event, receiver, subjects, body)
         select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value -> 4, value ->> 5 from json_each(?)",
    )
    .bind(&rows)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert or ignore into alert_history_subjects (subject, sequence)
         select subject.value, entry.value ->> 0 from json_each(?) entry, json_each(entry.value, '$[4]') subject",
    )
    .bind(&rows)
    .execute(conn)
    .await?;
    Ok(())
}

/// Where the database may not grow, history takes at most half of it.
async fn make_room(conn: &mut SqliteConnection, entries: usize) -> sqlx::Result<()> {
    let full = "select p.page_count - f.freelist_count > m.max_page_count / 2
                from pragma_page_count() p, pragma_freelist_count() f, pragma_max_page_count() m";
    let (is_full,): (bool,) = sqlx::query_as(full).fetch_one(&mut *conn).await?;
    if is_full {
        let many = i64::try_from(entries).unwrap_or(i64::MAX).saturating_mul(2).max(PRUNED_AT_ONCE);
        remove_oldest(conn, i64::MAX, many).await?;
    }
    Ok(())
}

async fn remove_oldest(conn: &mut SqliteConnection, end: i64, many: i64) -> sqlx::Result<()> {
    sqlx::query(
        "delete from alert_history where sequence in
         (select sequence from alert_history where sequence < ? order by sequence limit ?)",
    )
    .bind(end)
    .bind(many)
    .execute(conn)
    .await?;
    Ok(())
}

struct Record(Vec<HistoryEntry>);

impl Job for Record {
    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(record(conn, &self.0))
    }
}

struct Prune(i64);

impl Job for Prune {
    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(remove_oldest(conn, self.0, PRUNED_AT_ONCE))
    }
}

#[cfg(test)]
mod tests;
