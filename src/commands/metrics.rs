//! `memsentry metrics`: the reference of every metric, as `docs/metrics.md` has it.

use clap::Args;

use crate::app::catalogue;

use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "metrics",
    about: "Print the reference of every metric, in markdown",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    /// As a JSON array of {name, type, labels, help}
    #[arg(long)]
    json: bool,
}

fn run(arguments: Arguments) -> Exit {
    if !arguments.json {
        output::data(catalogue::markdown().trim_end());
        return Exit::Fine;
    }
    let all = catalogue::areas().into_iter().flat_map(|(_, definitions)| definitions);
    let all: Vec<_> = all
        .map(|definition| {
            serde_json::json!({
                "name": definition.name,
                "type": definition.kind.as_str(),
                "labels": definition.labels,
                "help": definition.help,
            })
        })
        .collect();
    output::data(&serde_json::Value::from(all).to_string());
    Exit::Fine
}
