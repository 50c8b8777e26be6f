//! What is allowed in a rule file and still hardly what was meant.
//!
//! Problems from here are warnings: the file works. Checks that need the registry, the runbooks or the
//! routes come with whoever has them.

use std::collections::BTreeMap;

use crate::model::{Duration, Problem};
use crate::yaml::Document;

use super::file::{self, KindSpec, RuleSpec, Source};

/// Severities that the shipped rules use.
const SEVERITIES: [&str; 5] = ["critical", "warning", "info", "none", "error"];

/// Every doubt about a file that could be read, with its place; nothing for a file that could not.
#[must_use]
pub fn lint(source: &Source, evaluation_interval: Duration) -> Vec<Problem> {
    let (Ok(groups), Ok(document)) = (file::read(source), Document::parse(source.name.as_str(), source.text.as_str()))
    else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (g, group) in groups.iter().enumerate() {
        let interval = group.interval.unwrap_or(evaluation_interval);
        for (r, rule) in group.rules.iter().enumerate() {
            let path = format!("groups[{g}].rules[{r}]");
            let labels: Vec<String> = rule.labels.iter().map(|(name, text)| format!("{name}={}", text.raw())).collect();
            if let Some(first) = seen.insert(format!("{} {}", rule.name, labels.join(",")), path.clone()) {
                problems.push(Problem::at(&path, format!("repeats name and labels of the rule at {first}")));
            }
            if let KindSpec::Alert { .. } = rule.kind {
                alert(rule, &path, interval, &mut problems);
            }
        }
        if group.rules.is_empty() {
            problems.push(Problem::at(format!("groups[{g}]"), "the group has no rules"));
        }
    }
    document.placed(problems)
}

fn alert(rule: &RuleSpec, path: &str, interval: Duration, problems: &mut Vec<Problem>) {
    let KindSpec::Alert { hold, keep_firing_for, annotations } = &rule.kind else { return };
    for (key, duration) in [("for", hold), ("keep_firing_for", keep_firing_for)] {
        if !duration.is_zero() && *duration < interval {
            let message = format!("{duration} is shorter than the interval {interval}, so it makes no difference");
            problems.push(Problem::at(format!("{path}.{key}"), message));
        }
    }
    for wanted in ["summary", "description"] {
        if !annotations.iter().any(|(name, _)| name == wanted) {
            problems.push(Problem::at(path, format!("the alert has no annotation {wanted:?}")));
        }
    }
    match rule.labels.iter().find(|(name, _)| name == "severity") {
        None => problems.push(Problem::at(path, "the alert has no label \"severity\"")),
        Some((_, text)) if text.is_plain() && !SEVERITIES.contains(&text.raw()) => {
            let problem = Problem::at(format!("{path}.labels.severity"), format!("unusual severity {:?}", text.raw()))
                .note(format!("usual severities: {}", SEVERITIES.join(", ")))
                .suggest(text.raw(), SEVERITIES);
            problems.push(problem);
        }
        Some(_) => {}
    }
    for (name, text) in rule.labels.iter().filter(|(_, text)| text.raw().contains("$value")) {
        let message = format!("{:?} makes a new alert of every value", text.raw());
        let problem = Problem::at(format!("{path}.labels.{name}"), message);
        problems.push(problem.hint("put the value into an annotation"));
    }
}
