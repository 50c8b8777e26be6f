//! Tables of the sample history: the series, blocks of time with one chunk per series, and a journal of what came
//! since the last block was closed.
//!
//! The store does not look inside labels, chunks and journal rows. Times inside a block count from its beginning,
//! so that a stepped clock moves a block by changing one row. Everything here lives in the file only: while the
//! disk fails, writes answer with an error at once, because memory has these samples anyway.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};

use crate::model::Timestamp;

use super::{Applied, Job, Store, StoreError};

/// A series that the history knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSeries {
    /// Its number; never used for another series while this one is known.
    pub id: i64,
    /// Its labels, as the time series store writes them.
    pub labels: String,
    /// Oldest block that may hold samples of it.
    pub first_block: i64,
    /// Newest block that may hold samples of it.
    pub last_block: i64,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its number; later blocks have higher ones.
    pub id: i64,
    /// From when its times count.
    pub first: Timestamp,
    /// Its newest sample; `None` while it is open and its samples are in the journal.
    pub last: Option<Timestamp>,
    /// Bytes of its chunks.
    pub bytes: u64,
}

/// The samples of one series in one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChunk {
    /// The block's number.
    pub block: i64,
    /// The series' number.
    pub series: i64,
    /// Its first sample, in milliseconds after the block's `first`.
    pub offset: i64,
    /// How many samples it holds.
    pub count: u32,
    /// The compressed samples.
    pub data: Arc<[u8]>,
}

/// What is written in one transaction, in the order of the fields.
#[derive(Debug, Clone, Default)]
pub struct HistoryWrite {
    /// Moves every block by so many milliseconds.
    pub shift: i64,
    /// A block, and from when its times count, that must be there then. Without it this is another file, and
    /// nothing is written.
    pub expected: Option<(i64, Timestamp)>,
    /// Blocks that are new or have changed.
    pub blocks: Vec<StoredBlock>,
    /// Series that are new or have changed.
    pub series: Vec<StoredSeries>,
    /// Chunks, in place of what is there.
    pub chunks: Vec<StoredChunk>,
    /// One more row of the journal.
    pub journal: Option<Vec<u8>>,
    /// The block that all of the journal has gone into: the journal is emptied.
    pub closed: Option<i64>,
    /// Forgets a block, and the series that no later one holds.
    pub forget: Option<i64>,
}

impl Store {
    /// Writes a part of the sample history. It survives the end of the process at once, and a power cut from the
    /// next durable write or checkpoint on.
    ///
    /// # Errors
    /// The file cannot be used now; nothing was written, or, if there was no answer in time, perhaps later.
    pub async fn write_history(&self, write: HistoryWrite) -> Result<(), StoreError> {
        self.write(write).await
    }

    /// Every series, by number.
    pub async fn history_series(&self) -> Result<Vec<StoredSeries>, StoreError> {
        let mut conn = self.reader().await?;
        self.bounded(sqlx::query_as("select * from history_series order by id").fetch_all(&mut *conn)).await
    }

    /// Every block, oldest first.
    pub async fn history_blocks(&self) -> Result<Vec<StoredBlock>, StoreError> {
        let mut conn = self.reader().await?;
        self.bounded(sqlx::query_as("select * from history_blocks order by id").fetch_all(&mut *conn)).await
    }

    /// The journal, oldest row first.
    pub async fn history_journal(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = sqlx::query_scalar("select data from history_journal order by sequence");
        self.bounded(rows.fetch_all(&mut *conn)).await
    }

    /// All chunks of a block, by series.
    pub async fn history_chunks(&self, block: i64) -> Result<Vec<StoredChunk>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = sqlx::query_as("select * from history_chunks where block = ?1 order by series").bind(block);
        self.bounded(rows.fetch_all(&mut *conn)).await
    }

    /// The chunks of some series in some blocks, in no particular order.
    pub async fn history_chunks_of(
        &self,
        blocks: &BTreeSet<i64>,
        series: &BTreeSet<i64>,
    ) -> Result<Vec<StoredChunk>, StoreError> {
        let list = |ids| serde_json::to_string(ids).map_err(|error| StoreError(error.to_string()));
        let (blocks, series) = (list(blocks)?, list(series)?);
        let mut conn = self.reader().await?;
        // In this order each row is found by its key, the rows of a block one after another.
        let rows = sqlx::query_as(
            "select chunk.* from json_each(?1) block cross join json_each(?2) series
             cross join history_chunks chunk on chunk.block = block.value and chunk.series = series.value",
        );
        self.bounded(rows.bind(blocks).bind(series).fetch_all(&mut *conn)).await
    }
}

impl Job for HistoryWrite {
    fn is_for_the_file(&self) -> bool {
        true
    }

    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(async move {
            if self.shift != 0 {
                sqlx::query("update history_blocks set first = first + ?1, last = last + ?1")
                    .bind(self.shift)
                    .execute(&mut *conn)
                    .await?;
            }
            if let Some((id, first)) = self.expected {
                let there = sqlx::query("select 1 from history_blocks where id = ? and first = ?");
                if there.bind(id).bind(first.millis()).fetch_optional(&mut *conn).await?.is_none() {
                    return Err(sqlx::Error::Configuration("the file is not the one that was read".into()));
                }
            }
            self.insert(conn).await?;
            if let Some(data) = &self.journal {
                sqlx::query("insert into history_journal (data) values (?)").bind(data).execute(&mut *conn).await?;
            }
            if let Some(block) = self.closed {
                sqlx::raw_sql("delete from history_journal").execute(&mut *conn).await?;
                sqlx::query(
                    "update history_series set last_block = ?1
                     where id in (select series from history_chunks where block = ?1)",
                )
                .bind(block)
                .execute(&mut *conn)
                .await?;
            }
            if let Some(block) = self.forget {
                forget(conn, block).await?;
            }
            Ok(())
        })
    }
}

impl HistoryWrite {
    async fn insert(&self, conn: &mut SqliteConnection) -> sqlx::Result<()> {
        for block in &self.blocks {
            sqlx::query("insert or replace into history_blocks (id, first, last, bytes) values (?, ?, ?, ?)")
                .bind(block.id)
                .bind(block.first.millis())
                .bind(block.last.map(Timestamp::millis))
                .bind(i64::try_from(block.bytes).unwrap_or(i64::MAX))
                .execute(&mut *conn)
                .await?;
        }
        for series in &self.series {
            sqlx::query(
                "insert or replace into history_series (id, labels, first_block, last_block) values (?, ?, ?, ?)",
            )
            .bind(series.id)
            .bind(&series.labels)
            .bind(series.first_block)
            .bind(series.last_block)
            .execute(&mut *conn)
            .await?;
        }
        for chunk in &self.chunks {
            sqlx::query(
                "insert or replace into history_chunks (block, series, offset, count, data) values (?, ?, ?, ?, ?)",
            )
            .bind(chunk.block)
            .bind(chunk.series)
            .bind(chunk.offset)
            .bind(chunk.count)
            .bind(&chunk.data[..])
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}

async fn forget(conn: &mut SqliteConnection, block: i64) -> sqlx::Result<()> {
    for sql in [
        "delete from history_chunks where block = ?",
        "delete from history_blocks where id = ?",
        "delete from history_series where last_block <= ?",
    ] {
        sqlx::query(sql).bind(block).execute(&mut *conn).await?;
    }
    Ok(())
}

impl FromRow<'_, SqliteRow> for StoredSeries {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            labels: row.try_get("labels")?,
            first_block: row.try_get("first_block")?,
            last_block: row.try_get("last_block")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for StoredBlock {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            first: Timestamp::from_millis(row.try_get("first")?),
            last: row.try_get::<Option<i64>, _>("last")?.map(Timestamp::from_millis),
            bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
        })
    }
}

impl FromRow<'_, SqliteRow> for StoredChunk {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            block: row.try_get("block")?,
            series: row.try_get("series")?,
            offset: row.try_get("offset")?,
            count: row.try_get("count")?,
            data: row.try_get::<&[u8], _>("data")?.into(),
        })
    }
}
