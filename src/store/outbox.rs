//! The outbox: deliveries that wait for their receiver's answer.
//!
//! A row comes in the transaction that records the decision in the notification log, and goes in the one that
//! records its result. In between, a crash repeats the delivery and never loses it.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

use crate::model::Timestamp;

use super::notification_log::{self, NotificationLogRow};
use super::{Applied, HistoryEntry, Job, Store, StoreError, alert_history, deliveries};

/// One delivery that waits for its receiver's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Unique and stable: the idempotency key that receivers see.
    pub id: String,
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// Which of its notifiers, such as `webhook[0]`.
    pub notifier: String,
    /// The alert group's key.
    pub group_key: String,
    /// The notification as JSON; the store does not look inside.
    pub body: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// Not before this time.
    pub next_attempt_at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// Why the last attempt failed; redacted.
    pub last_error: Option<String>,
}

impl FromRow<'_, SqliteRow> for OutboxRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            receiver: row.try_get("receiver")?,
            notifier: row.try_get("notifier")?,
            group_key: row.try_get("group_key")?,
            body: row.try_get("body")?,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
            next_attempt_at: Timestamp::from_millis(row.try_get("next_attempt_at")?),
            attempts: row.try_get("attempts")?,
            last_error: row.try_get("last_error")?,
        })
    }
}

impl Store {
    /// Records in one transaction what is being told and queues its deliveries. A delivery whose id already
    /// waits is left as it is.
    pub async fn commit_notification(
        &self,
        log: Vec<NotificationLogRow>,
        deliveries: Vec<OutboxRow>,
    ) -> Result<(), StoreError> {
        self.write(Commit { log, deliveries }).await
    }

    /// Everything that waits, oldest first.
    pub async fn outbox(&self) -> Result<Vec<OutboxRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = sqlx::query_as("select * from outbox order by created_at, rowid");
        self.bounded(rows.fetch_all(&mut *conn)).await
    }

    /// Records a failed attempt and when the next is due. `error` must be redacted.
    pub async fn postpone(
        &self,
        id: &str,
        attempts: u32,
        next: Timestamp,
        error: &str,
        history: Vec<HistoryEntry>,
    ) -> Result<(), StoreError> {
        self.write(Postpone { id: id.to_owned(), attempts, next, error: error.to_owned(), history }).await
    }

    /// Puts deliveries in the place of those that they tell, all in one transaction.
    pub async fn replace(&self, replacements: Vec<Replacement>, at: Timestamp) -> Result<(), StoreError> {
        self.write(Replace { replacements, at }).await
    }

    /// Removes a delivery in the transaction that records its result (`delivered`, or why it was given up).
    pub async fn finish(
        &self,
        id: &str,
        at: Timestamp,
        result: &str,
        history: Vec<HistoryEntry>,
    ) -> Result<(), StoreError> {
        self.write(Finish { id: id.to_owned(), at, result: result.to_owned(), history }).await
    }
}

/// One delivery in the place of several that it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The ids of those that go.
    pub gone: Vec<String>,
    /// What comes in their place.
    pub row: OutboxRow,
}

struct Replace {
    replacements: Vec<Replacement>,
    at: Timestamp,
}

impl Job for Replace {
    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(async move {
            for Replacement { gone, row } in &self.replacements {
                let result = format!("told as one: {}", row.id);
                for id in gone {
                    deliveries::record(conn, id, self.at, &result).await?;
                    sqlx::query("delete from outbox where id = ?").bind(id).execute(&mut *conn).await?;
                }
                insert(conn, row).await?;
            }
            Ok(())
        })
    }
}

struct Commit {
    log: Vec<NotificationLogRow>,
    deliveries: Vec<OutboxRow>,
}

impl Job for Commit {
    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(async move {
            for row in &self.log {
                notification_log::set(conn, row).await?;
            }
            for row in &self.deliveries {
                insert(conn, row).await?;
            }
            Ok(())
        })
    }
}

async fn insert(conn: &mut SqliteConnection, row: &OutboxRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into outbox (id, receiver, notifier, group_key, body, created_at, next_attempt_at, attempts, last_error)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing",
    )
    .bind(&row.id)
    .bind(&row.receiver)
    .bind(&row.notifier)
    .bind(&row.group_key)
    .bind(&row.body)
    .bind(row.created_at.millis())
    .bind(row.next_attempt_at.millis())
    .bind(row.attempts)
    .bind(&row.last_error)
    .execute(conn)
    .await?;
    Ok(())
}

struct Postpone {
    id: String,
    attempts: u32,
    next: Timestamp,
    error: String,
    history: Vec<HistoryEntry>,
}

impl Job for Postpone {
    // The power takes away at most an answer; the delivery is then made once more, with the same key.
    fn waits_for_the_disk(&self) -> bool {
        false
    }

    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(async move {
            sqlx::query("update outbox set attempts = ?, next_attempt_at = ?, last_error = ? where id = ?")
                .bind(self.attempts)
                .bind(self.next.millis())
                .bind(&self.error)
                .bind(&self.id)
                .execute(&mut *conn)
                .await?;
            alert_history::record(conn, &self.history).await
        })
    }
}

struct Finish {
    id: String,
    at: Timestamp,
    result: String,
    history: Vec<HistoryEntry>,
}

impl Job for Finish {
    // The power takes away at most an answer; the delivery is then made once more, with the same key.
    fn waits_for_the_disk(&self) -> bool {
        false
    }

    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(async move {
            deliveries::record(conn, &self.id, self.at, &self.result).await?;
            sqlx::query("delete from outbox where id = ?").bind(&self.id).execute(&mut *conn).await?;
            alert_history::record(conn, &self.history).await
        })
    }
}
