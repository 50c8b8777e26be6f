//! The command line of the stand-in service. Exit codes: 0 ended as asked, 1 could not go on, 2 the command line.

use std::process::ExitCode;

use clap::Parser as _;
use memsentry_reference::{run, settings::Settings};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
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
