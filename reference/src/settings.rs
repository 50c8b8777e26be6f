//! What can be set, by command line and (secrets only) by environment or file.
//!
//! Every number of the contract has its figure as default; tests shorten them. A quirk is a switch, not a number.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};

use crate::quirks::{self, Quirk, Quirks};
use crate::secret::Secret;

/// Which agent summarises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AgentKind {
    /// Sorts sentences by rules; same input, same memory.
    Deterministic,
    /// A model behind Anthropic's Messages API.
    Anthropic,
}

/// Stand-in chat memory service: HTTP API, Postgres queue, worker and agent.
///
/// Prints one line of JSON on standard output when it is ready: {"api_url", "database_url",
/// "chaos_database_url", "faults_url"}.
/// Everything else goes to standard error.
#[derive(Debug, Clone, Parser)]
#[command(name = "memsentry-reference", version, after_help = format!("Quirks:\n{}", quirks::listing()))]
pub struct Settings {
    /// Address of the API; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// Address of the faults endpoint. It has no password: keep it on loopback. Off unless given.
    #[arg(long, value_name = "ADDRESS")]
    pub faults_listen: Option<SocketAddr>,

    /// Depart from the contract in this way; repeatable. The list stands below.
    #[arg(long = "quirk", value_name = "NAME", value_parser = quirks::parse)]
    quirks: Vec<Quirk>,

    /// Use this Postgres database instead of a throwaway cluster. Its tables stay when the service ends.
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub database_url: Option<Secret>,

    /// Directory with initdb and postgres; otherwise PG_BIN, PATH and the usual places are searched.
    #[arg(long, value_name = "DIRECTORY")]
    pub pg_bin: Option<PathBuf>,

    /// Schema of the tables; created where missing.
    #[arg(long, value_name = "NAME", default_value = "public", value_parser = identifier)]
    pub schema: String,

    /// How long the worker sleeps when it finds nothing to do.
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = duration)]
    idle_sleep: Duration,

    /// How many workers poll the queue.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=32))]
    pub workers: u16,

    /// Retries after a failure of the agent before a row is parked as `failed`.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub max_retries: u16,

    /// Wait before the first retry; doubles each time up to a minute.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub retry_backoff: Duration,

    /// Requests per window and user, GET and POST together.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_limit: u32,

    /// Length of the sliding window of the rate limit.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub rate_window: Duration,

    /// How long a token is good for.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub token_lifetime: Duration,

    /// How long an answer of /health is kept.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub health_cache: Duration,

    /// Tokens (characters / 4) of memory above which a chat is answered with the request to start a new one.
    #[arg(long, value_name = "N", default_value_t = 8_000)]
    pub token_limit: u32,

    /// Who summarises.
    #[arg(long, value_enum, default_value_t = AgentKind::Deterministic)]
    pub agent: AgentKind,

    /// Longest wait for the agent; past it the attempt has failed.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub agent_timeout: Duration,

    /// Time that the deterministic agent takes, to look like a model.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub agent_delay: Duration,

    /// Where the Messages API is.
    #[arg(long, value_name = "URL", default_value = "https://api.anthropic.com")]
    pub anthropic_url: String,

    /// Model to ask.
    #[arg(long, value_name = "NAME", default_value = "claude-haiku-4-5")]
    pub anthropic_model: String,

    /// Environment variable that holds the key.
    #[arg(long, value_name = "NAME", default_value = "ANTHROPIC_API_KEY")]
    anthropic_key_env: String,

    /// File that holds the key; goes before the environment.
    #[arg(long, value_name = "FILE")]
    anthropic_key_file: Option<PathBuf>,

    /// Password of probe@example.com; MEMSENTRY_REFERENCE_PASSWORD goes before the default, memsentry-demo.
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    password: Option<Secret>,

    /// Further users, user-1@example.com and so on, with the password of probe@example.com.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub users: u32,

    /// Password of other@example.com; MEMSENTRY_REFERENCE_OTHER_PASSWORD goes before the default, memsentry-demo.
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    other_password: Option<Secret>,

    /// End when standard input ends, which it does when the parent dies in whatever way.
    #[arg(long)]
    pub exit_with_stdin: bool,

    /// End when the process with this id is gone.
    #[arg(long, value_name = "PID")]
    pub parent_pid: Option<u32>,

    /// What is logged: a level, or tracing's filter syntax.
    #[arg(long, value_name = "FILTER", default_value = "info,sqlx=error")]
    pub log: String,
}

impl Settings {
    /// The quirks that are on.
    pub fn quirks(&self) -> Quirks {
        self.quirks.iter().copied().collect()
    }

    /// The sleep of an idle worker, the quirk included.
    pub fn idle_sleep(&self) -> Duration {
        if self.quirks.contains(&Quirk::SlowIdle) { Duration::from_secs(2) } else { self.idle_sleep }
    }

    /// Password of the first user.
    pub fn password(&self) -> Secret {
        password(self.password.as_ref(), "MEMSENTRY_REFERENCE_PASSWORD")
    }

    /// Password of the second user.
    pub fn other_password(&self) -> Secret {
        password(self.other_password.as_ref(), "MEMSENTRY_REFERENCE_OTHER_PASSWORD")
    }

    /// The key of the Messages API; an error says where it was looked for.
    pub fn anthropic_key(&self) -> anyhow::Result<Secret> {
        let key = match &self.anthropic_key_file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("--anthropic-key-file {} cannot be read", path.display()))?,
            None => environment(&self.anthropic_key_env).unwrap_or_default(),
        };
        if key.trim().is_empty() {
            bail!("--agent anthropic needs a key: set {} or give --anthropic-key-file FILE", self.anthropic_key_env);
        }
        Ok(Secret::new(key.trim()))
    }
}

/// A variable of the environment, if it is set to something.
#[expect(clippy::disallowed_methods, reason = "this function is where the reference reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn password(given: Option<&Secret>, variable: &str) -> Secret {
    let set = given.cloned().or_else(|| environment(variable).map(Secret::new));
    set.unwrap_or_else(|| Secret::new("memsentry-demo"))
}

fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("empty".to_owned()) } else { Ok(Secret::new(text)) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| "not a duration such as 200ms, 2s, 1h".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "negative".to_owned())
}

fn identifier(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if (1..=63).contains(&text.len()) && text.chars().all(plain) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("not a name of lower-case letters, digits and _ with at most 63 characters".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_figures_of_the_contract() {
        let settings = Settings::parse_from(["reference"]);
        assert_eq!(settings.rate_limit, 100);
        assert_eq!(settings.rate_window, Duration::from_secs(60));
        assert_eq!(settings.token_lifetime, Duration::from_secs(3600));
        assert_eq!(settings.health_cache, Duration::from_secs(30));
        assert_eq!(settings.token_limit, 8_000);
        assert_eq!(settings.faults_listen, None);
    }

    #[test]
    fn slow_idle_sleeps_two_seconds_whatever_was_set() {
        let settings = Settings::parse_from(["reference", "--idle-sleep", "10ms", "--quirk", "slow-idle"]);
        assert_eq!(settings.idle_sleep(), Duration::from_secs(2));
    }

    #[test]
    fn a_schema_that_would_need_quoting_is_refused() {
        assert!(identifier("chat_memory").is_ok());
        for bad in ["", "Chat", "a b", "1a", "a\"; drop schema public"] {
            assert!(identifier(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_secret_is_shown_by_debug() {
        let settings =
            Settings::parse_from(["reference", "--password", "hunter2", "--database-url", "postgres://u:hunter2@h/d"]);
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
