//! Where the log goes: standard error, as text for people or JSON for programs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat, LogLevel, env};

/// Starts logging. `MEMSENTRY_LOG` takes a filter of tracing-subscriber's and wins over `level`.
pub(super) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // Libraries below us log what we already say better.
    let usual = format!("warn,memsentry={level}");
    let filter = EnvFilter::try_new(env::variable("MEMSENTRY_LOG").unwrap_or_else(|| usual.clone()))
        .unwrap_or_else(|_| EnvFilter::new(usual));
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as in a test, keeps the first.
    let _ = match log.format {
        LogFormat::Json => base.json().flatten_event(true).with_target(false).try_init(),
        LogFormat::Text => base.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
}
