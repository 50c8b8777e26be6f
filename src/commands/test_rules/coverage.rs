//! Which rules no test saw at work: an alert that never fired, a recording rule that never wrote.
//!
//! Files of tests that name the same rule file cover it together.

use std::collections::BTreeMap;
use std::path::Path;

use crate::rule_tests::RuleSeen;

use super::{Ran, count};

/// The rules of one file in their order.
type Rules = BTreeMap<(String, usize), RuleSeen>;

/// By rule file: its name as it was first given, and its rules.
fn by_file(ran: &[Ran]) -> BTreeMap<std::path::PathBuf, (String, Rules)> {
    let mut files: BTreeMap<_, (String, Rules)> = BTreeMap::new();
    for rule in ran.iter().filter_map(|ran| ran.result.as_ref().ok()).flat_map(|report| &report.rules) {
        // Two tests may reach one file by two ways.
        let file = std::fs::canonicalize(&rule.file).unwrap_or_else(|_| Path::new(&rule.file).to_owned());
        let (_, rules) = files.entry(file).or_insert_with(|| (rule.file.clone(), Rules::new()));
        let known = rules.entry((rule.group.clone(), rule.number)).or_insert_with(|| rule.clone());
        known.seen |= rule.seen;
    }
    files
}

fn kind(rule: &RuleSeen) -> &'static str {
    if rule.alerting { "alert" } else { "record" }
}

/// For a person.
pub(super) fn lines(ran: &[Ran]) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, rules) in by_file(ran).into_values() {
        let seen = rules.values().filter(|rule| rule.seen).count();
        lines.push(format!("coverage: {name}: {seen} of {} seen at work", count(rules.len(), "rule")));
        for rule in rules.values().filter(|rule| !rule.seen) {
            lines.push(format!("  never: {} {} (group {})", kind(rule), rule.name, rule.group));
        }
    }
    if lines.is_empty() {
        lines.push("coverage: the tests name no rule".to_owned());
    }
    lines
}

/// For a program: `[{file, rules, seen, never: [{kind, name, group}]}]`.
pub(super) fn json(ran: &[Ran]) -> serde_json::Value {
    let file = |(name, rules): (String, Rules)| {
        let never: Vec<_> = rules
            .values()
            .filter(|rule| !rule.seen)
            .map(|rule| serde_json::json!({"kind": kind(rule), "name": rule.name, "group": rule.group}))
            .collect();
        serde_json::json!({"file": name, "rules": rules.len(), "seen": rules.len() - never.len(), "never": never})
    };
    by_file(ran).into_values().map(file).collect()
}
