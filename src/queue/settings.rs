//! How to reach one service's database, what its tables are called, and how much may be asked of it.

use std::str::FromStr;

use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;

use crate::model::{Duration, Problem, Secret};

use super::names::MAX_NAME;

/// Parameters that may stand behind the `?` of a URL. Others are refused: an unknown one would be ignored, and
/// its value might be a secret that ends up in a log.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// How to reach one service's database and what its tables are called. A role that may only read is enough.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Postgres URL with user and password, `postgres://user:password@host:5432/database?sslmode=verify-full`.
    pub url: Secret,
    /// Schema of the tables; `public` unless set.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// Names of the tables. Case counts.
    #[serde(default)]
    pub tables: Tables,
    /// Time between reads of the queue; 15s unless set, at least 1s.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// Longest time for one statement; 2s unless set, shorter than `interval`. Past it the database cancels the
    /// statement; a little later memsentry stops waiting, whatever the database does.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// Age from which an open row counts as stuck; 5m unless set.
    #[serde(default = "default_stuck_after")]
    pub stuck_after: Duration,
    /// Rows of one status at which counting stops, 1 to 1000000; 20000 unless set. Beyond it the depth is a
    /// lower bound and `chat_memory_queue_depth_capped` is 1. Bounds what one read costs.
    #[serde(default = "default_max_depth")]
    pub max_depth: u32,
    /// Whether probes may delete the marked conversations that they made; false unless set. Needs the right to
    /// delete from the conversations table.
    #[serde(default)]
    pub cleanup: bool,
    /// URL of a role that may delete, where the one of `url` may only read. Used for nothing else.
    #[serde(default)]
    pub cleanup_url: Option<Secret>,
}

/// Names of the service's tables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tables {
    /// Conversations; unless set `conversations`, or `chats` where that does not exist.
    pub conversations: Option<String>,
    /// The memory of each conversation; `chat_metadata` unless set.
    pub chat_metadata: String,
    /// The queue; `chat_context_queue` unless set.
    pub chat_context_queue: String,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            conversations: None,
            chat_metadata: "chat_metadata".to_owned(),
            chat_context_queue: "chat_context_queue".to_owned(),
        }
    }
}

fn default_schema() -> String {
    "public".to_owned()
}
fn default_interval() -> Duration {
    Duration::from_secs(15)
}
fn default_timeout() -> Duration {
    Duration::from_secs(2)
}
fn default_stuck_after() -> Duration {
    Duration::from_secs(300)
}
fn default_max_depth() -> u32 {
    20_000
}

impl Settings {
    /// Everything at its default, for this URL.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            schema: default_schema(),
            tables: Tables::default(),
            interval: default_interval(),
            timeout: default_timeout(),
            stuck_after: default_stuck_after(),
            max_depth: default_max_depth(),
            cleanup: false,
            cleanup_url: None,
        }
    }

    /// What is wrong with them, all at once.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        url_problem("url", &self.url, &mut problems);
        if let Some(url) = &self.cleanup_url {
            url_problem("cleanup_url", url, &mut problems);
            if !self.cleanup {
                problems.push(
                    Problem::at("cleanup_url", "set, but cleanup is false, so it is never used")
                        .hint("set cleanup: true"),
                );
            }
        }
        name_problem("schema", &self.schema, &mut problems);
        if let Some(conversations) = &self.tables.conversations {
            name_problem("tables.conversations", conversations, &mut problems);
        }
        name_problem("tables.chat_metadata", &self.tables.chat_metadata, &mut problems);
        name_problem("tables.chat_context_queue", &self.tables.chat_context_queue, &mut problems);
        if self.interval < Duration::from_secs(1) {
            problems.push(Problem::at("interval", format!("{} is shorter than 1s", self.interval)));
        }
        if self.timeout.is_zero() {
            problems.push(Problem::at("timeout", "must be longer than 0s"));
        } else if self.timeout >= self.interval {
            let message = format!("{} is not shorter than the interval, {}", self.timeout, self.interval);
            problems.push(Problem::at("timeout", message));
        }
        if self.stuck_after.is_zero() {
            problems.push(Problem::at("stuck_after", "must be longer than 0s"));
        }
        if !(1..=1_000_000).contains(&self.max_depth) {
            problems.push(Problem::at("max_depth", format!("{} is not between 1 and 1000000", self.max_depth)));
        }
        problems
    }
}

/// Connection options from a URL, or `None` if it is none. Unknown parameters are left out.
pub(super) fn connect_options(url: &Secret) -> Option<PgConnectOptions> {
    let url = url.expose();
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return None;
    }
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let known: Vec<&str> = query.split('&').filter(|pair| is_known(pair)).collect();
    PgConnectOptions::from_str(&format!("{base}?{}", known.join("&"))).ok()
}

fn is_known(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or("");
    PARAMETERS.contains(&name) || name.starts_with("options[")
}

/// Says nothing of the URL but the names of its parameters.
fn url_problem(path: &str, url: &Secret, problems: &mut Vec<Problem>) {
    if connect_options(url).is_none() {
        problems
            .push(Problem::at(path, "not a Postgres URL").note("expected postgres://user:password@host:5432/database"));
        return;
    }
    let query = url.expose().split_once('?').map_or("", |(_, query)| query);
    for pair in query.split('&').filter(|pair| !pair.is_empty() && !is_known(pair)) {
        let name = pair.split('=').next().unwrap_or("");
        problems.push(
            Problem::at(path, format!("unknown parameter {name:?} in the URL"))
                .note(format!("known parameters: {}", PARAMETERS.join(", ")))
                .suggest(name, PARAMETERS.iter().copied()),
        );
    }
}

fn name_problem(path: &str, name: &str, problems: &mut Vec<Problem>) {
    if name.is_empty() {
        problems.push(Problem::at(path, "must not be empty"));
    } else if name.len() > MAX_NAME {
        problems.push(Problem::at(path, format!("longer than Postgres's limit of {MAX_NAME} bytes")));
    } else if name.chars().any(char::is_control) {
        problems.push(Problem::at(path, format!("control character in {name:?}")));
    } else if name.contains('.') {
        problems.push(
            Problem::at(path, format!("{name:?} has a dot"))
                .hint("write the schema in `schema`, the table's name here"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_once_and_without_the_password() {
        let settings = Settings {
            cleanup_url: Some(Secret::new("postgres://u:hunter2@h/d?sslpasword=hunter2".into())),
            schema: String::new(),
            tables: Tables {
                conversations: Some("public.chats".into()),
                chat_metadata: "x".repeat(64),
                chat_context_queue: "a\nb".into(),
            },
            interval: Duration::from_millis(500),
            timeout: Duration::from_secs(2),
            stuck_after: Duration::default(),
            max_depth: 0,
            ..Settings::new(Secret::new("mysql://u:hunter2@h/d".into()))
        };
        let problems = settings.problems();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "url",
                "cleanup_url",
                "cleanup_url",
                "schema",
                "tables.conversations",
                "tables.chat_metadata",
                "tables.chat_context_queue",
                "interval",
                "timeout",
                "stuck_after",
                "max_depth"
            ]
        );
        assert!(problems.iter().all(|problem| !problem.to_string().contains("hunter2")));
    }

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(Settings::new(Secret::new("postgres://u@h/d?sslmode=require".into())).problems(), []);
    }
}
