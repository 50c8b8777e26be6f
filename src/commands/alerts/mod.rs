//! `memsentry alerts`: what fires, what happened, who takes care; asked of a running daemon.

mod acknowledge;
mod history;
mod list;

use clap::{Args, Subcommand as Actions};

use super::remote::Where;
use super::{Exit, Subcommand, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "alerts",
    about: "List alerts, their history, and acknowledge them, at a running daemon",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: list::Listing,
    #[command(flatten)]
    at: Where,
}

#[derive(Debug, Actions)]
enum Action {
    /// What happened to alerts, and every attempt to tell somebody
    History(history::Arguments),
    /// Say that you take care of alerts: repeats stop, nobody further is told
    Acknowledge(acknowledge::Arguments),
}

fn run(arguments: Arguments) -> Exit {
    let remote = match arguments.at.remote() {
        Ok(remote) => remote,
        Err(exit) => return exit,
    };
    super::run::blocking(async {
        let done = match &arguments.action {
            None => list::run(&remote, &arguments.list).await,
            Some(Action::History(history)) => history::run(&remote, history).await,
            Some(Action::Acknowledge(acknowledge)) => acknowledge::run(&remote, acknowledge).await,
        };
        done.unwrap_or_else(|failure| failure.tell())
    })
}

/// A text in an answer; empty if it is not there.
fn text<'a>(value: &'a serde_json::Value, name: &str) -> &'a str {
    value.get(name).and_then(serde_json::Value::as_str).unwrap_or("")
}

/// The entries of a list in an answer.
fn items<'a>(value: &'a serde_json::Value, name: &str) -> &'a [serde_json::Value] {
    value.get(name).and_then(serde_json::Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Labels as `{a="b"}`, without those that are shown beside it.
fn labels(value: &serde_json::Value, without: &[&str]) -> String {
    let Some(labels) = value.get("labels").and_then(serde_json::Value::as_object) else { return String::new() };
    let shown = labels.iter().filter(|(name, _)| !without.contains(&name.as_str()));
    let shown: Vec<String> =
        shown.map(|(name, value)| format!("{name}={:?}", value.as_str().unwrap_or_default())).collect();
    if shown.is_empty() { String::new() } else { format!("{{{}}}", shown.join(", ")) }
}

/// `2026-11-23 01:02:03` of an RFC 3339 time.
fn clock(text: &str) -> String {
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time}"),
        _ => text.to_owned(),
    }
}
