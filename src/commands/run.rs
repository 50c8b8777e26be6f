//! `memsentry run`: the daemon.

use std::path::PathBuf;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::app::{Daemon, Plan};
use crate::config::LogFormat;
use crate::metrics::Registry;
use crate::model::Clock;

use super::{Exit, Subcommand, logging, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "run",
    about: "Run the daemon",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "memsentry.yaml")]
    config: PathBuf,
    /// The form of the log, instead of the configuration's log.format
    #[arg(long, value_name = "text|json", value_parser = ["text", "json"])]
    log_format: Option<String>,
}

fn run(arguments: Arguments) -> Exit {
    let registry = Registry::new();
    let plan = match Plan::load(&arguments.config, &registry, &Clock::system()) {
        Ok(plan) => plan,
        Err(problems) => {
            output::problems(&problems);
            return Exit::Input;
        }
    };
    let mut log = plan.config.log.clone();
    match arguments.log_format.as_deref() {
        Some("json") => log.format = LogFormat::Json,
        Some(_) => log.format = LogFormat::Text,
        None => {}
    }
    logging::start(&log);
    blocking(async move {
        match Daemon::start(plan, registry).await {
            Ok(daemon) => match daemon.run_until_asked_to_end().await {
                Ok(()) => Exit::Fine,
                Err(error) => {
                    output::talk(&format!("error: {error:#}"));
                    Exit::Bug
                }
            },
            Err(error) => {
                output::talk(&format!("error: {error:#}"));
                Exit::Input
            }
        }
    })
}

/// Runs a command's asynchronous part.
pub(super) fn blocking(work: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(work);
            // A reader of standard input may hang in its thread for ever.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            output::talk(&format!("error: cannot start: {error}"));
            Exit::Bug
        }
    }
}

/// As many open connections as this process may have; a thousand at once need more than most shells give.
pub(super) fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    // Refused or not, the run goes on with what there is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
