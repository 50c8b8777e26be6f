//! Where expressions stand: in rules, in the panels and variables of dashboards, in `promql` blocks of runbooks.

use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

use crate::promql::Expr;
use crate::rules::{GroupView, Source};

use super::world::{Asker, Input, Site};

/// Stands for a variable whose value is not known.
pub(super) const VARIABLE: &str = "memsentry_variable";

/// The text of an expression and where it stands.
pub(super) struct Query {
    pub(super) asker: Asker,
    pub(super) text: String,
    pub(super) file: String,
    pub(super) path: String,
    pub(super) line: usize,
}

impl Query {
    pub(super) fn site(self, expr: Expr) -> Site {
        Site { asker: self.asker, expr, file: self.file, path: self.path, line: self.line }
    }
}

pub(super) fn of_rules(groups: &[GroupView]) -> Vec<Query> {
    let mut queries = Vec::new();
    let mut numbers = std::collections::BTreeMap::new();
    for group in groups {
        let number = numbers.entry(group.file.as_str()).or_insert(0_usize);
        for (r, rule) in group.rules.iter().enumerate() {
            queries.push(Query {
                asker: Asker::Rule(queries.len()),
                text: rule.query.clone(),
                file: group.file.clone(),
                path: format!("groups[{number}].rules[{r}].expr"),
                line: 0,
            });
        }
        *number += 1;
    }
    queries
}

/// All texts under `expr`, and the metric of `label_values(metric, label)`.
pub(super) fn of_dashboard(source: &Source) -> Vec<Query> {
    let mut queries = Vec::new();
    if let Ok(dashboard) = serde_json::from_str::<Value>(&source.text) {
        walk(&dashboard, String::new(), source, &mut queries);
    }
    queries
}

fn walk(value: &Value, path: String, source: &Source, queries: &mut Vec<Query>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                if let Some(text) = value.as_str() {
                    let text = match key.as_str() {
                        "expr" if !text.trim().is_empty() => Some(without_variables(text)),
                        "definition" => selector_of(text),
                        _ => None,
                    };
                    queries.extend(text.map(|text| Query {
                        asker: Asker::Dashboard,
                        text,
                        file: source.name.clone(),
                        path: below.clone(),
                        line: 0,
                    }));
                }
                walk(value, below, source, queries);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| walk(item, format!("{path}[{i}]"), source, queries));
        }
        _ => {}
    }
}

/// What `label_values(selector, label)` or `query_result(expression)` asks for.
fn selector_of(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix("query_result(") {
        return Some(without_variables(inside.strip_suffix(')')?));
    }
    let (selector, _label) = text.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(',')?;
    Some(without_variables(selector))
}

/// Grafana fills in variables before it asks. A range is some time, everything else a word nobody knows.
fn without_variables(text: &str) -> String {
    static PATTERNS: OnceLock<Option<[Regex; 3]>> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| {
        let range = r"([\[:] *)(?:\$\w+|\$\{[^}]*\}|\[\[\w+\]\])";
        let time = r"\$__(?:rate_interval|interval|range)\b|\$\{__(?:rate_interval|interval|range)[^}]*\}";
        let other = r"\$\w+|\$\{[^}]*\}|\[\[\w+\]\]";
        Some([Regex::new(range).ok()?, Regex::new(time).ok()?, Regex::new(other).ok()?])
    });
    let Some([range, time, other]) = patterns else { return text.to_owned() };
    let text = range.replace_all(text, "${1}5m");
    let text = time.replace_all(&text, "5m");
    other.replace_all(&text, VARIABLE).into_owned()
}

/// A diagnostic is filled in with the labels of the alert before it is asked.
fn without_templates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, action)) = rest.split_once("{{") {
        let Some((_, after)) = action.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(VARIABLE);
        rest = after;
    }
    out + rest
}

/// The `promql` blocks of every runbook.
pub(super) fn of_runbooks(input: &Input<'_>) -> Vec<Query> {
    let mut queries = Vec::new();
    for name in input.runbooks.names() {
        let Some(runbook) = input.runbooks.get(name) else { continue };
        let mut block: Option<(usize, usize, String)> = None;
        for (number, line) in runbook.markdown.lines().enumerate() {
            let trimmed = line.trim_start();
            match &mut block {
                None => {
                    let ticks = trimmed.chars().take_while(|c| *c == '`').count();
                    let language = trimmed.get(ticks..).unwrap_or("").split_whitespace().next();
                    if ticks >= 3 && language == Some("promql") {
                        block = Some((ticks, number + 2, String::new()));
                    }
                }
                Some((ticks, start, text)) if trimmed.starts_with(&"`".repeat(*ticks)) => {
                    queries.push(Query {
                        asker: Asker::Runbook,
                        text: without_templates(text),
                        file: super::runbook_file(input, name),
                        path: String::new(),
                        line: *start,
                    });
                    block = None;
                }
                Some((_, _, text)) => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    queries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_dashboard_are_filled_in() {
        for (text, expected) in [
            ("rate(a[$__rate_interval])", "rate(a[5m])"),
            ("rate(a[${window}])", "rate(a[5m])"),
            ("max_over_time(a[1h:$step])", "max_over_time(a[1h:5m])"),
            ("a{t=~\"$target\"}", "a{t=~\"memsentry_variable\"}"),
            ("a{t=~\"${target:regex}|\"}", "a{t=~\"memsentry_variable|\"}"),
        ] {
            assert_eq!(without_variables(text), expected);
        }
        assert_eq!(selector_of("label_values(a{x=\"1\"}, target)").as_deref(), Some("a{x=\"1\"}"));
        assert_eq!(selector_of("label_values(target)"), None);
    }
}
