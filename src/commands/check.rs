//! `memsentry check`: are the files right, before anything runs.

use std::path::PathBuf;

use clap::Args;

use crate::app::Plan;
use crate::metrics::Registry;
use crate::model::Clock;

use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "check",
    about: "Check the configuration, the rules with their templates, and the runbooks; dials nothing",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "memsentry.yaml")]
    config: PathBuf,
    /// As a JSON object {ok, problems: [{file, line, column, path, message, notes, hint}]} on standard output
    #[arg(long)]
    json: bool,
}

fn run(arguments: Arguments) -> Exit {
    let (problems, fine) = match Plan::load(&arguments.config, &Registry::new(), &Clock::system()) {
        Ok(plan) => (Vec::new(), describe(&plan)),
        Err(problems) => (problems, String::new()),
    };
    if arguments.json {
        let problems: Vec<_> = problems.iter().map(output::json).collect();
        output::data(&serde_json::json!({"ok": problems.is_empty(), "problems": problems}).to_string());
    } else if problems.is_empty() {
        output::data(&fine);
    } else {
        output::problems(&problems);
        output::talk(&format!("\n{} {}", problems.len(), if problems.len() == 1 { "mistake" } else { "mistakes" }));
    }
    if problems.is_empty() { Exit::Fine } else { Exit::Input }
}

fn describe(plan: &Plan) -> String {
    let groups = plan.rules.view();
    let rules: Vec<_> = groups.iter().flat_map(|group| &group.rules).collect();
    let (config, names) = (&plan.config, plan.runbooks.names().count());
    let without = rules.iter().filter(|rule| plan.runbooks.get(&rule.name).is_none() && alerting(rule));
    let without: Vec<&str> = without.map(|rule| rule.name.as_str()).collect();
    let mut told = format!(
        "{}: fine: {} targets, {} probes, {} rules in {} groups, {names} runbooks, {} receivers",
        plan.file.display(),
        config.targets.len(),
        config.probes.len(),
        rules.len(),
        groups.len(),
        config.receivers.len(),
    );
    if !without.is_empty() {
        told.push_str(&format!("\nnote: without a runbook: {}", without.join(", ")));
    }
    if config.route.is_none() {
        told.push_str("\nnote: there is no route, so nobody is told about any alert");
    }
    told
}

fn alerting(rule: &crate::rules::RuleView) -> bool {
    matches!(rule.kind, crate::rules::RuleKind::Alerting { .. })
}
