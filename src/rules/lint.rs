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
    let KindSpec::Alert { hold, keep_firing_for, annotations, .. } = &rule.kind else { return };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(rule: &str) -> Vec<String> {
        let text = format!("groups:\n  - name: g\n    rules:\n      - {rule}\n");
        let source = Source { name: "r.yaml".into(), text };
        lint(&source, Duration::from_secs(15)).iter().map(ToString::to_string).collect()
    }

    const WHOLE: &str = "labels: {severity: page}, annotations: {summary: s, description: d}";

    #[test]
    fn the_shipped_rules_raise_no_doubt() {
        let source = Source { name: super::super::SHIPPED_NAME.into(), text: super::super::SHIPPED.into() };
        assert_eq!(lint(&source, Duration::from_secs(15)), []);
    }

    #[test]
    fn a_hold_shorter_than_the_interval_makes_no_difference() {
        let told = doubts(&format!("{{alert: A, expr: up, for: 10s, {}}}", WHOLE.replace("page", "info")));
        let expected =
            "r.yaml:4:35: groups[0].rules[0].for: 10s is shorter than the interval 15s, so it makes no difference";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn what_a_person_would_miss_in_an_alert_is_told() {
        let told = doubts("{alert: A, expr: up}").join("\n");
        for missing in ["annotation \"summary\"", "annotation \"description\"", "label \"severity\""] {
            assert!(told.contains(missing), "{told}");
        }
        let told = doubts(&format!("{{alert: A, expr: up, {}}}", WHOLE.replace("page", "criticl"))).join("\n");
        assert!(told.contains("unusual severity") && told.contains("did you mean \"critical\"?"), "{told}");
    }

    #[test]
    fn a_value_in_a_label_makes_an_alert_of_every_value() {
        let told = doubts("{alert: A, expr: up, labels: {severity: info, v: '{{ $value }}'}}").join("\n");
        assert!(told.contains("makes a new alert of every value"), "{told}");
    }
}
