//! `memsentry slo`: what the objectives of the configuration stand for.

use std::path::PathBuf;

use clap::{Args, Subcommand as Choice};

use crate::config;
use crate::rules::slo;

use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "slo",
    about: "Print the rules that the service level objectives stand for",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Choice)]
enum What {
    /// Recording rules and burn-rate alerts, as a rule file for Prometheus
    Rules {
        /// The configuration; the shipped objectives unless given
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

fn run(arguments: Arguments) -> Exit {
    let What::Rules { config } = arguments.what;
    let slos = match config.map(|path| config::load(&path)) {
        None => slo::shipped(),
        Some(Ok(loaded)) => loaded.config.slos,
        Some(Err(problems)) => {
            problems.iter().for_each(|problem| output::talk(&format!("error: {problem}")));
            return Exit::Input;
        }
    };
    output::data(slo::rules_text(&slos).trim_end());
    Exit::Fine
}
