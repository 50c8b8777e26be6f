//! The notification log: what each receiver's notifier was last told about each alert group.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

use crate::model::Timestamp;

use super::{Applied, Job, Store, StoreError};

/// What a receiver's notifier was last told about one alert group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationLogRow {
    /// Group key, receiver and notifier.
    pub key: String,
    /// Hashes of the label sets told as firing.
    pub firing: Vec<u64>,
    /// Hashes of the label sets told as firing whose end, or next firing, has still to be told.
    pub owed: Vec<u64>,
    /// When.
    pub sent_at: Timestamp,
    /// When the entry may be forgotten.
    pub expires_at: Timestamp,
}

impl FromRow<'_, SqliteRow> for NotificationLogRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let hashes = |column: &str| -> sqlx::Result<Vec<u64>> {
            let text: String = row.try_get(column)?;
            serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
        };
        Ok(Self {
            key: row.try_get("key")?,
            firing: hashes("firing")?,
            // The column was named when it held what was told as resolved, which nobody needs to know again.
            owed: hashes("resolved")?,
            sent_at: Timestamp::from_millis(row.try_get("sent_at")?),
            expires_at: Timestamp::from_millis(row.try_get("expires_at")?),
        })
    }
}

impl Store {
    /// The notification log, by key.
    pub async fn notification_log(&self) -> Result<Vec<NotificationLogRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = sqlx::query_as("select * from notification_log order by key");
        self.bounded(rows.fetch_all(&mut *conn)).await
    }

    /// Forgets log entries that expired before `at`.
    pub async fn expire_notification_log(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write(Expire(at)).await
    }
}

/// Replaces what is known under the row's key.
pub(super) async fn set(conn: &mut SqliteConnection, row: &NotificationLogRow) -> sqlx::Result<()> {
    let json = |hashes: &[u64]| serde_json::to_string(hashes).map_err(|error| sqlx::Error::Encode(Box::new(error)));
    sqlx::query(
        "insert or replace into notification_log (key, firing, resolved, sent_at, expires_at) values (?, ?, ?, ?, ?)",
    )
    .bind(&row.key)
    .bind(json(&row.firing)?)
    .bind(json(&row.owed)?)
    .bind(row.sent_at.millis())
    .bind(row.expires_at.millis())
    .execute(conn)
    .await?;
    Ok(())
}

struct Expire(Timestamp);

impl Job for Expire {
    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(async move {
            sqlx::query("delete from notification_log where expires_at < ?")
                .bind(self.0.millis())
                .execute(conn)
                .await?;
            Ok(())
        })
    }
}
