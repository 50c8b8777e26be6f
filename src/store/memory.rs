//! The database in memory: for a daemon without a file, and for the time in which the file cannot be used.
//!
//! A pool of exactly one connection, shared by the writer and the readers, because an SQLite database in memory
//! lives and dies with its connection.

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::migrations;

/// Most pages of 4 KiB that it may take, 64 MiB. Past it, writes fail.
const MAX_PAGES: &str = "16384";

/// A database with our schema and nothing in it.
pub(super) async fn open() -> sqlx::Result<SqlitePool> {
    let pool = lazy();
    migrations::migrate(&mut *pool.acquire().await?).await?;
    Ok(pool)
}

/// The same, without the schema and not yet begun.
pub(super) fn lazy() -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .in_memory(true)
        .filename(":memory:")
        .pragma("max_page_count", MAX_PAGES)
        .thread_name(|id| format!("memsentry-memory-{id}"));
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(super::CALLER_WAIT)
        .connect_lazy_with(options)
}
