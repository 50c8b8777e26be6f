//! What kind of failure an SQLite error is, because each kind is met differently.

/// A failure of the store's database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// The file's content is damaged or no database: set aside, begin anew.
    #[error("{0}")]
    Corrupt(String),
    /// The disk does not take or give data, or somebody else holds the file: wait, try again.
    #[error("{0}")]
    Disk(String),
    /// The file was removed or replaced while it was open: make it anew at once.
    #[error("the file was removed or replaced")]
    Gone,
    /// The file belongs to a newer memsentry or to another program: leave it alone.
    #[error("{0}")]
    Foreign(String),
    /// The statement itself failed; the database is fine.
    #[error("{0}")]
    Statement(String),
}

impl Trouble {
    /// Whether the file rather than the statement is at fault.
    pub(super) fn is_storage(&self) -> bool {
        !matches!(self, Self::Statement(_))
    }
}

impl From<&sqlx::Error> for Trouble {
    fn from(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                // The low byte of SQLite's extended code is its primary code.
                let code = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(1) & 0xff;
                let text = database.message().to_owned();
                match code {
                    // CORRUPT, NOTADB
                    11 | 26 => Self::Corrupt(text),
                    // PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL, NOLFS, AUTH
                    3 | 5..=8 | 10 | 13..=15 | 22 | 23 => Self::Disk(text),
                    _ => Self::Statement(text),
                }
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Disk(error.to_string())
            }
            _ => Self::Statement(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::from(&error)
    }
}
