//! `memsentry demo`: everything at once on this machine, broken and healed on demand.
//!
//! A real reference service with a real Postgres, this daemon with the shipped rules, a mail server and a
//! webhook receiver that only keep what arrives; all on loopback, all gone at the end.

mod config;
mod mail_text;
mod reference;
mod smtp_sink;
mod story;
mod tally;
mod webhook_sink;

use std::path::PathBuf;

use clap::Args;

use crate::model::Duration;

use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "demo",
    about: "Run a memory service, memsentry and the receivers of its pages on this machine, and break it",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Break the service in this way once all is well, show the page, heal it and show the resolve
    #[arg(long = "break", value_name = "WAY")]
    fault: Option<reference::Break>,
    /// End by itself after this time, such as 60s, with a summary; without it the demo runs until Ctrl-C
    #[arg(long = "for", value_name = "TIME")]
    length: Option<Duration>,
    /// Print the summary as one line of JSON at the end
    #[arg(long)]
    json: bool,
    /// How many times shorter than in production the rules' times are, so that a page takes seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    speed: u32,
    /// The reference service's binary; looked for beside this one and on the path unless given
    #[arg(long, value_name = "PATH")]
    reference: Option<PathBuf>,
}

fn run(arguments: Arguments) -> Exit {
    super::run::blocking(async {
        match story::tell(arguments).await {
            Ok(exit) => exit,
            Err(error) => {
                output::talk(&format!("error: {error:#}"));
                Exit::Bug
            }
        }
    })
}
