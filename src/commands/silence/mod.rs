//! `memsentry silence add|query|expire|import`: silences of a running daemon.
//!
//! Speaks Alertmanager's API v2 and nothing else. What is about to be silenced is shown first: the preview asks for the
//! alerts that match all matchers, which is what a silence does.

mod add;
mod expire;
mod import;
mod preview;
mod query;

use clap::{Args, Subcommand as Actions};

use super::remote::Where;
use super::{Exit, Subcommand, run, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "silence",
    about: "Make, list, end and import silences of a running daemon",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, start),
};

#[derive(Debug, Args)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Actions)]
enum Action {
    /// Silence the alerts that all matchers match; prints its id, and first what it silences
    Add(add::Arguments),
    /// List silences: those that hold or will, unless asked for others
    Query(query::Arguments),
    /// End silences now
    Expire(expire::Arguments),
    /// Make the silences of a file that amtool or `query --json` wrote
    Import(import::Arguments),
}

fn start(arguments: Arguments) -> Exit {
    let remote = match arguments.place.remote() {
        Ok(remote) => remote,
        Err(exit) => return exit,
    };
    run::blocking(async move {
        let done = match &arguments.action {
            Action::Add(arguments) => add::run(arguments, &remote).await,
            Action::Query(arguments) => query::run(arguments, &remote).await,
            Action::Expire(arguments) => expire::run(arguments, &remote).await,
            Action::Import(arguments) => import::run(arguments, &remote).await,
        };
        done.unwrap_or_else(|failure| failure.tell())
    })
}
