//! Stand-in for the chat memory service that memsentry watches, for its demo and its tests.
//!
//! One process with an HTTP API, a Postgres queue (its own throwaway cluster or a given database), workers and an
//! agent; built from the service's public contract alone. Exit codes: 0 ended as asked, 1 could not go on, 2 the
//! command line.

mod agent;
mod api;
mod clock;
mod database;
mod faults;
mod memory;
mod postgres;
mod quirks;
mod run;
mod secret;
mod settings;
mod sql;
mod stop;
mod tasks;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = settings::Settings::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(EnvFilter::new(&settings.log))
        .init();
    match run::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word goes to the terminal, whatever the log level")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
