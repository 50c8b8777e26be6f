//! Opens the store's file: private to its user, held by one process, of a version that we know.
//!
//! Looks before it touches: a file of a newer memsentry or of another program is left as it is. A damaged one
//! is renamed, never deleted, so that a person can still look into it.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration as StdDuration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use crate::model::Timestamp;

use super::migrations;
use super::trouble::Trouble;

/// How long a statement waits for another process that holds the file.
const BUSY_WAIT: StdDuration = StdDuration::from_secs(1);
/// Files up to this size are checked from end to end when they are opened; damage in larger ones shows in use.
const CHECKED_BYTES: u64 = 64 * 1024 * 1024;
/// Size to which the write-ahead log shrinks after a checkpoint.
const WAL_BYTES: &str = "16777216";

/// The open file.
pub(super) struct File {
    /// The writer's connection.
    pub(super) conn: SqliteConnection,
    /// Whether its commits wait for the disk.
    waits: bool,
    /// Two connections for readers.
    pub(super) reads: SqlitePool,
    /// Device and inode, by which a file that was moved or removed behind our back is noticed.
    identity: (u64, u64),
    /// Locked for as long as it is open; the kernel lets go when the process dies.
    _lock: std::fs::File,
}

/// Opens or creates the file and brings its schema up to date.
pub(super) async fn open(path: &Path) -> Result<File, Trouble> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(parent).await?;
    }
    let lock = lock(path).await?;
    make_private(path).await?;
    refuse_foreign(path).await?;
    let mut conn = options(path)
        .busy_timeout(BUSY_WAIT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_BYTES)
        .thread_name(|id| format!("memsentry-store-{id}"))
        .connect()
        .await?;
    let metadata = tokio::fs::metadata(path).await?;
    if metadata.len() <= CHECKED_BYTES {
        let (answer,): (String,) = sqlx::query_as("pragma quick_check(1)").fetch_one(&mut conn).await?;
        if answer != "ok" {
            return Err(Trouble::Corrupt(answer));
        }
    }
    migrations::migrate(&mut conn).await.map_err(|error| match Trouble::from(&error) {
        // Our own steps fail on our own file only if its content is not what its version says.
        Trouble::Statement(text) => Trouble::Corrupt(text),
        other => other,
    })?;
    let reads = SqlitePoolOptions::new()
        .max_connections(2)
        // An open connection can still read a file whose directory is gone, so they are never let go.
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(super::CALLER_WAIT)
        .connect_lazy_with(options(path).busy_timeout(BUSY_WAIT).read_only(true));
    // The first read maps the write-ahead log, which needs the file's name.
    sqlx::raw_sql("select 1 from sqlite_schema limit 1").execute(&mut *reads.acquire().await?).await?;
    Ok(File { conn, waits: true, reads, identity: (metadata.dev(), metadata.ino()), _lock: lock })
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false)
}

/// One process at a time: two would overwrite each other's decisions. A file of its own is locked, because
/// closing any other descriptor of the database would drop SQLite's locks.
async fn lock(path: &Path) -> Result<std::fs::File, Trouble> {
    let path = beside(path, ".lock");
    let file = tokio::fs::OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path).await?;
    let file = file.into_std().await;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Trouble::Disk("in use by another process".to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Creates the file where it is missing. SQLite gives its companions the same mode.
async fn make_private(path: &Path) -> Result<(), Trouble> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) if !metadata.is_file() => Err(Trouble::Disk("not a regular file".to_owned())),
        Ok(metadata) if metadata.mode() & 0o077 != 0 => {
            tokio::fs::set_permissions(path, Permissions::from_mode(0o600)).await?;
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tokio::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

async fn refuse_foreign(path: &Path) -> Result<(), Trouble> {
    if tokio::fs::metadata(path).await?.len() == 0 {
        return Ok(());
    }
    let mut conn = options(path).busy_timeout(BUSY_WAIT).read_only(true).connect().await?;
    let (application, version, tables): (i64, i64, i64) = sqlx::query_as(
        "select application_id, user_version, (select count(*) from sqlite_schema)
         from pragma_application_id, pragma_user_version",
    )
    .fetch_one(&mut conn)
    .await?;
    // Closed before anything is said: the answer must not leave companions of the file behind.
    let _ = conn.close().await;
    if application != migrations::APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(Trouble::Foreign("the file is a database of another program".to_owned()));
    }
    if version > migrations::newest() {
        let newest = migrations::newest();
        return Err(Trouble::Foreign(format!(
            "the file has schema version {version}, made by a newer memsentry; this one knows up to {newest}"
        )));
    }
    Ok(())
}

impl File {
    /// Whether `path` still names this file.
    pub(super) async fn is_at(&self, path: &Path) -> bool {
        match tokio::fs::metadata(path).await {
            Ok(metadata) => self.identity == (metadata.dev(), metadata.ino()),
            // What cannot be seen now may still be there; a write will tell.
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }

    /// The writer's connection; whether commits wait until the disk has them is as asked. Either way a commit
    /// outlives the process and the file stays whole.
    pub(super) async fn waiting_for_the_disk(&mut self, waits: bool) -> sqlx::Result<&mut SqliteConnection> {
        if self.waits != waits {
            let pragma = if waits { "pragma synchronous = full" } else { "pragma synchronous = normal" };
            sqlx::raw_sql(pragma).execute(&mut self.conn).await?;
            self.waits = waits;
        }
        Ok(&mut self.conn)
    }

    /// Closes all connections and lets go of the lock; folds the write-ahead log into the file where that works.
    pub(super) async fn close(self) {
        self.reads.close().await;
        if let Err(error) = self.conn.close().await {
            tracing::debug!(%error, "closing the store's file failed");
        }
    }
}

/// Renames a damaged file and its companions, with the time as suffix; answers the new name.
pub(super) async fn set_aside(path: &Path, at: Timestamp) -> std::io::Result<PathBuf> {
    let suffix = format!(".corrupt-{}", at.rfc3339().replace(':', ""));
    for companion in ["-wal", "-shm"] {
        let from = beside(path, companion);
        match tokio::fs::rename(&from, beside(&beside(path, &suffix), companion)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let aside = beside(path, &suffix);
    tokio::fs::rename(path, &aside).await?;
    Ok(aside)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
