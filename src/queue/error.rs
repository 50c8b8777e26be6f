//! Why the database gave no answer, in words that are safe to show.

use crate::model::secret::redact;
use crate::model::{Duration, Secret};

/// Longest text of an error, in characters.
const MAX_TEXT: usize = 300;

/// Why the database gave no answer; the text is redacted and safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached or refuses us.
    #[error("database unreachable: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("database timed out after {0}")]
    Timeout(Duration),
    /// It refused the statement.
    #[error("database refused: {0}")]
    Refused(String),
}

impl DatabaseError {
    /// Every value that [`Self::reason`] may take.
    pub const REASONS: &'static [&'static str] = &["unreachable", "timeout", "refused"];

    /// The kind of failure as a label value.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::Refused(_) => "refused",
        }
    }
}

/// What an error of the driver means. `limit` is the time-out under which it happened.
pub(super) fn translate(error: &sqlx::Error, limit: Duration, secrets: &[Secret]) -> DatabaseError {
    let safe = |text: &str| redact(text, secrets).chars().take(MAX_TEXT).collect::<String>();
    match error {
        sqlx::Error::Database(database) => {
            // Only message and code: the rest of what the driver prints is about PostgreSQL's C source.
            let code = database.code().unwrap_or_default();
            let text = safe(&format!("{} ({code})", database.message()));
            match code.as_ref() {
                // Statement cancelled by its time-out; lock not granted in time.
                "57014" | "55P03" => DatabaseError::Timeout(limit),
                // Insufficient resources such as connections; wrong password; shutdown; connection failures.
                code if ["53", "28", "57", "08", "3D"].iter().any(|class| code.starts_with(class)) => {
                    DatabaseError::Unreachable(text)
                }
                _ => DatabaseError::Refused(text),
            }
        }
        sqlx::Error::Io(error) => DatabaseError::Unreachable(safe(&error.to_string())),
        sqlx::Error::Tls(error) => DatabaseError::Unreachable(safe(&format!("TLS: {error}"))),
        sqlx::Error::Protocol(text) => DatabaseError::Unreachable(safe(text)),
        sqlx::Error::Configuration(error) => DatabaseError::Unreachable(safe(&error.to_string())),
        other => DatabaseError::Refused(safe(&other.to_string())),
    }
}

/// Whether the connection is of no more use after this error.
pub(super) fn breaks_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            code != "57014" && ["57", "08", "XX", "53", "25"].iter().any(|class| code.starts_with(class))
        }
        sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::RowNotFound => false,
        _ => true,
    }
}

/// Everything in a URL that must not be seen.
pub(super) fn secrets_of(url: &Secret) -> Vec<Secret> {
    let text = url.expose();
    let mut secrets = vec![url.clone()];
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or(""));
    if let Some((user, _)) = authority.rsplit_once('@')
        && let Some((_, password)) = user.split_once(':')
    {
        secrets.push(Secret::new(password.to_owned()));
        secrets.push(Secret::new(percent_decoded(password)));
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    for value in query.split('&').filter_map(|pair| pair.strip_prefix("password=")) {
        secrets.push(Secret::new(value.to_owned()));
        secrets.push(Secret::new(percent_decoded(value)));
    }
    secrets
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(hex.unwrap_or(*byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_as_written_and_as_meant() {
        let url = Secret::new("postgres://u:p%40ss%2Fword@h/d?sslmode=require&password=other%21".into());
        let secrets = secrets_of(&url);
        for shown in ["p%40ss%2Fword", "p@ss/word", "other!", url.expose()] {
            assert_eq!(redact(shown, &secrets), "[redacted]", "{shown}");
        }
        assert_eq!(redact("role u on h", &secrets), "role u on h");
    }
}
