//! `memsentry route`: the tree of routes, and who would be told about an alert, and why. Offline.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::config;
use crate::model::{Clock, Labels, Problem, Timestamp};
use crate::notify;
use crate::notify::explain::{Explanation, Inhibition, Outcome, RouteView, Step};

use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "route",
    about: "Show the tree of routes, or who would be told about an alert, and why; dials nothing",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the tree
    Show {
        #[command(flatten)]
        given: Given,
    },
    /// Say who would be told about an alert with these labels, and why; exits with 1 if nobody would
    Test {
        /// The alert's labels, such as alertname=QueueStalled severity=critical
        #[arg(required = true, value_name = "LABEL=VALUE")]
        labels: Vec<String>,
        /// At this time, RFC 3339; now unless given
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        #[command(flatten)]
        given: Given,
    },
}

#[derive(Debug, Args)]
struct Given {
    /// The configuration file
    #[arg(long, default_value = "memsentry.yaml")]
    config: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn run(arguments: Arguments) -> Exit {
    let done = match &arguments.action {
        Action::Show { given } => plan(&given.config).map(|plan| show(&plan.tree(), given.json)),
        Action::Test { labels, at, given } => instant(at.as_deref())
            .and_then(|at| Ok((labels_of(labels)?, at, plan(&given.config)?)))
            .map(|(labels, at, plan)| test(&plan.explain(&labels, at), given.json)),
    };
    done.unwrap_or_else(|problems| {
        output::problems(&problems);
        Exit::Input
    })
}

fn plan(file: &Path) -> Result<notify::Plan, Vec<Problem>> {
    let config::Loaded { config, .. } = config::load(file)?;
    if config.route.is_none() {
        let problem = Problem::at("route", "there is no route, so nobody is told about any alert");
        return Err(vec![problem.hint("add one: route: {receiver: NAME}")]);
    }
    Ok(notify::Plan::new(&config.notify(), &config.external_url(), Arc::default()))
}

fn instant(text: Option<&str>) -> Result<Timestamp, Vec<Problem>> {
    let Some(text) = text else { return Ok(Clock::system().now()) };
    let wrong = || vec![Problem::at("--at", format!("{text:?} is no time; write 2026-11-23T03:00:00Z"))];
    Timestamp::parse_rfc3339(text).ok_or_else(wrong)
}

fn labels_of(texts: &[String]) -> Result<Labels, Vec<Problem>> {
    let mut pairs = Vec::new();
    let mut problems = Vec::new();
    for text in texts {
        match text.split_once('=').filter(|(name, _)| !name.is_empty()) {
            Some((name, value)) => pairs.push((name, value.trim_matches('"'))),
            None => problems.push(Problem::at(text.as_str(), "a label is written NAME=VALUE")),
        }
    }
    if problems.is_empty() { Ok(Labels::from_pairs(pairs)) } else { Err(problems) }
}

fn show(tree: &[RouteView], json: bool) -> Exit {
    if json {
        output::data(&serde_json::json!(tree).to_string());
    } else {
        tree.iter().for_each(|route| output::data(&line(route)));
    }
    Exit::Fine
}

/// `  {severity="page"} → pager, continue   by alertname, wait 30s, …`
fn line(route: &RouteView) -> String {
    let mut line = format!("{}{}", name(route), if route.goes_on { ", continue" } else { "" });
    let by = match route.group_by.as_slice() {
        [] => "all together".to_owned(),
        [all] if all == "..." => "each alone".to_owned(),
        names => format!("by {}", names.join(", ")),
    };
    let (wait, interval, repeat) = (route.group_wait, route.group_interval, route.repeat_interval);
    line = format!("{line}   {by}; wait {wait}, interval {interval}, repeat {repeat}");
    for (word, names) in [("muted", &route.mute_time_intervals), ("active", &route.active_time_intervals)] {
        if !names.is_empty() {
            line = format!("{line}; {word} in {}", names.join(", "));
        }
    }
    if !route.escalate.is_empty() {
        line = format!("{line}; if nobody acknowledges, {}", route.escalate.join(", "));
    }
    line
}

fn name(route: &RouteView) -> String {
    let matchers =
        if route.depth == 0 { "every alert".to_owned() } else { format!("{{{}}}", route.matchers.join(", ")) };
    format!("{}{matchers} → {}", "  ".repeat(route.depth), route.receiver)
}

fn test(explanation: &Explanation, json: bool) -> Exit {
    let nobody = explanation.receivers.is_empty();
    if json {
        output::data(&serde_json::json!(explanation).to_string());
    } else {
        explanation.steps.iter().for_each(|step| output::data(&format!("{}   {}", name(&step.route), why(step))));
        output::data("");
        for inhibition in &explanation.inhibited_by {
            output::data(&format!("not told while an alert fires that inhibits it: {}", side(inhibition)));
        }
        for inhibition in &explanation.inhibits {
            output::data(&format!("while it fires, these are not told: {}", side(inhibition)));
        }
        if nobody {
            output::data("nobody would be told");
        } else {
            output::data(&format!("told: {}", explanation.receivers.join(", ")));
        }
    }
    if nobody { Exit::No } else { Exit::Fine }
}

fn why(step: &Step) -> String {
    let failed: Vec<&str> = step.conditions.iter().filter(|(_, holds)| !holds).map(|(text, _)| text.as_str()).collect();
    match step.outcome {
        Outcome::NoMatch => {
            format!("no: {} {} not hold", failed.join(", "), if failed.len() == 1 { "does" } else { "do" })
        }
        Outcome::NotReached => "not reached: an earlier route took it".to_owned(),
        Outcome::PassedOn => "passed on to a route below".to_owned(),
        Outcome::Taken if step.notifiers.is_empty() => {
            "takes it and tells nobody: its receiver has no notifier".to_owned()
        }
        Outcome::Taken if !step.muted_by.is_empty() => {
            format!("takes it and is silent at this time: {}", step.muted_by.join(", "))
        }
        Outcome::Taken => {
            let RouteView { group_wait, group_interval, repeat_interval, .. } = &step.route;
            let (group, by) = (step.group_key.as_deref().unwrap_or_default(), step.notifiers.join(", "));
            format!(
                "takes it: group {group}, by {by}; told {group_wait} after the group begins, changes at least \
                 {group_interval} apart, again after {repeat_interval} unchanged"
            )
        }
    }
}

fn side(inhibition: &Inhibition) -> String {
    let name = if inhibition.name.is_empty() { String::new() } else { format!(" {:?}", inhibition.name) };
    let equal: Vec<String> = inhibition.equal.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let equal = if equal.is_empty() { String::new() } else { format!(" with {}", equal.join(", ")) };
    format!("{{{}}}{equal} (inhibit_rules[{}]{name})", inhibition.other_side.join(", "), inhibition.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_without_a_name_is_told() {
        let problems = labels_of(&["a=b".into(), "c".into(), "=d".into()]).expect_err("wrong");
        assert_eq!(problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), ["c", "=d"]);
        assert_eq!(labels_of(&["a=b=c".into(), "d=\"e\"".into()]).expect("labels").to_string(), r#"{a="b=c", d="e"}"#);
    }
}
