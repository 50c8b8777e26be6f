//! What became of past deliveries, the newest ten thousand.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

use crate::model::Timestamp;

use super::{Store, StoreError};

/// Past deliveries that are kept; older ones go as new ones come.
pub(super) const KEPT: i64 = 10_000;

/// A delivery that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The outbox row's id, the idempotency key that receivers saw.
    pub id: String,
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// Which of its notifiers, such as `webhook[0]`.
    pub notifier: String,
    /// The alert group's key.
    pub group_key: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Timestamp,
    /// Failed attempts before the last one.
    pub attempts: u32,
    /// `delivered`, or why it was given up.
    pub result: String,
}

impl FromRow<'_, SqliteRow> for DeliveryRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            receiver: row.try_get("receiver")?,
            notifier: row.try_get("notifier")?,
            group_key: row.try_get("group_key")?,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
            finished_at: Timestamp::from_millis(row.try_get("finished_at")?),
            attempts: row.try_get("attempts")?,
            result: row.try_get("result")?,
        })
    }
}

impl Store {
    /// The newest `limit` finished deliveries, newest first.
    pub async fn deliveries(&self, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = sqlx::query_as("select * from deliveries order by sequence desc limit ?").bind(limit);
        self.bounded(rows.fetch_all(&mut *conn)).await
    }
}

/// Copies a waiting delivery with its result and forgets the oldest beyond [`KEPT`].
pub(super) async fn record(conn: &mut SqliteConnection, id: &str, at: Timestamp, result: &str) -> sqlx::Result<()> {
    sqlx::query(
        "insert into deliveries (id, receiver, notifier, group_key, created_at, finished_at, attempts, result)
         select id, receiver, notifier, group_key, created_at, ?2, attempts, ?3 from outbox where id = ?1",
    )
    .bind(id)
    .bind(at.millis())
    .bind(result)
    .execute(&mut *conn)
    .await?;
    sqlx::query("delete from deliveries where sequence <= (select max(sequence) from deliveries) - ?")
        .bind(KEPT)
        .execute(conn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory;

    #[tokio::test]
    async fn the_history_keeps_the_newest_ten_thousand() {
        let pool = memory::open().await.unwrap();
        let mut conn = pool.acquire().await.unwrap();
        sqlx::raw_sql(
            "insert into deliveries (id, receiver, notifier, group_key, created_at, finished_at, attempts, result)
             select 'old' || value, 'r', 'n', 'g', 0, 0, 0, 'delivered' from
             (with recursive n(value) as (select 1 union all select value + 1 from n where value < 10005)
              select value from n);
             insert into outbox values ('new', 'r', 'n', 'g', '{}', 0, 0, 3, null)",
        )
        .execute(&mut *conn)
        .await
        .unwrap();
        record(&mut conn, "new", Timestamp::from_millis(9), "delivered").await.unwrap();
        let (count, oldest): (i64, String) =
            sqlx::query_as("select count(*), (select id from deliveries order by sequence limit 1) from deliveries")
                .fetch_one(&mut *conn)
                .await
                .unwrap();
        assert_eq!((count, oldest.as_str()), (KEPT, "old7"));
    }
}
