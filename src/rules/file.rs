//! Rule files: Prometheus's format, every mistake at once, each with its line and column.
//!
//! Follows `model/rulefmt` of Prometheus: unknown keys are refused, a rule is an alert or a record, labels are
//! checked, expressions and templates are parsed. Templates are also tried against sample alerts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::model::labels::METRIC_NAME;
use crate::model::{Duration, Problem};
use crate::promql;
use crate::yaml::Document;

use super::no_data::{self, NoData};
use super::text::Text;

/// One rule file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in messages and in the API.
    pub name: String,
    /// Its text.
    pub text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    groups: Vec<RawGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: String,
    interval: Option<Duration>,
    query_offset: Option<Duration>,
    #[serde(default)]
    limit: usize,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    rules: Vec<RawRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    record: Option<String>,
    alert: Option<String>,
    expr: Option<String>,
    #[serde(rename = "for")]
    hold: Option<Duration>,
    keep_firing_for: Option<Duration>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// A checked group.
#[derive(Debug, Clone)]
pub(super) struct GroupSpec {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) interval: Option<Duration>,
    pub(super) query_offset: Duration,
    /// Most alerts or series of one rule; 0 for any number.
    pub(super) limit: usize,
    pub(super) rules: Vec<RuleSpec>,
}

/// A checked rule; labels of the group are among its own.
#[derive(Debug, Clone)]
pub(super) struct RuleSpec {
    pub(super) name: String,
    pub(super) expression: Expression,
    pub(super) labels: Vec<(String, Text)>,
    pub(super) kind: KindSpec,
}

/// What an alerting rule has beside name, expression and labels.
#[derive(Debug, Clone)]
pub(super) enum KindSpec {
    Record,
    Alert { hold: Duration, keep_firing_for: Duration, annotations: Vec<(String, Text)>, no_data: Option<NoData> },
}

/// An expression with its text.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) parsed: promql::Expr,
}

/// Reads and checks one file.
pub(super) fn read(source: &Source) -> Result<Vec<GroupSpec>, Vec<Problem>> {
    let document = Document::parse(source.name.as_str(), source.text.as_str())?;
    let raw: RawFile = document.decode()?;
    let mut reader = Reader { document: &document, problems: Vec::new() };
    let mut names = BTreeSet::new();
    let mut groups = Vec::new();
    for (i, group) in raw.groups.into_iter().enumerate() {
        let path = format!("groups[{i}]");
        if group.name.is_empty() {
            reader.add(format!("{path}.name"), "group name must not be empty");
        } else if !names.insert(group.name.clone()) {
            let message = format!("group name {:?} is repeated in the same file", group.name);
            reader.add(format!("{path}.name"), message);
        }
        groups.push(reader.group(&path, group, &source.name));
    }
    if reader.problems.is_empty() { Ok(groups) } else { Err(document.placed(reader.problems)) }
}

struct Reader<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::at(path, message));
    }

    fn group(&mut self, path: &str, raw: RawGroup, file: &str) -> GroupSpec {
        self.label_names(&format!("{path}.labels"), raw.labels.keys());
        let mut rules = Vec::new();
        for (i, rule) in raw.rules.into_iter().enumerate() {
            rules.extend(self.rule(&format!("{path}.rules[{i}]"), rule, &raw.labels, path));
        }
        GroupSpec {
            name: raw.name,
            file: file.to_owned(),
            interval: raw.interval.filter(|interval| !interval.is_zero()),
            query_offset: raw.query_offset.unwrap_or_default(),
            limit: raw.limit,
            rules,
        }
    }

    fn rule(
        &mut self,
        path: &str,
        raw: RawRule,
        group_labels: &BTreeMap<String, String>,
        group: &str,
    ) -> Option<RuleSpec> {
        let (name, is_alert) = self.name(path, &raw);
        if !is_alert {
            self.refuse_for_record(path, &raw);
        }
        self.label_names(&format!("{path}.labels"), raw.labels.keys());
        let annotations_path = format!("{path}.annotations");
        for name in raw.annotations.keys().filter(|name| !is_label_name(name)) {
            self.add(format!("{annotations_path}.{name}"), format!("invalid annotation name: {name:?}"));
        }
        let expression = self.expression(path, raw.expr.as_deref().unwrap_or(""));
        let mut labels = Vec::new();
        for (label, text) in group_labels.iter().filter(|(label, _)| !raw.labels.contains_key(*label)) {
            labels.extend(self.label(is_alert, &format!("{group}.labels"), label, text));
        }
        for (label, text) in &raw.labels {
            labels.extend(self.label(is_alert, &format!("{path}.labels"), label, text));
        }
        let mut annotations = Vec::new();
        for (annotation, text) in raw.annotations.iter().filter(|_| is_alert) {
            annotations.extend(self.text(&annotations_path, annotation, text));
        }
        let kind = match is_alert {
            true => KindSpec::Alert {
                hold: raw.hold.unwrap_or_default(),
                keep_firing_for: raw.keep_firing_for.unwrap_or_default(),
                annotations,
                no_data: self.no_data(&annotations_path, raw.annotations.get(no_data::ANNOTATION)),
            },
            false => KindSpec::Record,
        };
        Some(RuleSpec { name, expression: expression?, labels, kind })
    }

    /// The rule's name, and whether it is an alert.
    fn name(&mut self, path: &str, raw: &RawRule) -> (String, bool) {
        let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
        match (given(&raw.record), given(&raw.alert)) {
            (Some(_), Some(alert)) => {
                self.add(path, "only one of \"record\" and \"alert\" must be set");
                (alert, true)
            }
            (None, None) => {
                self.add(path, "one of \"record\" or \"alert\" must be set");
                (String::new(), raw.record.is_none())
            }
            (None, Some(alert)) => (alert, true),
            (Some(record), None) => {
                if !is_metric_name(&record) {
                    let problem =
                        Problem::at(format!("{path}.record"), format!("invalid recording rule name: {record:?}"));
                    self.problems.push(match record.contains(['{', '}']) {
                        true => problem.hint("braces belong into expr"),
                        false => problem,
                    });
                }
                (record, false)
            }
        }
    }

    /// What the rule says about missing data.
    fn no_data(&mut self, path: &str, written: Option<&String>) -> Option<NoData> {
        let written = written?.trim();
        let policy = NoData::from_name(written);
        if policy.is_none() {
            let message = format!("unknown way to treat missing data: {written:?}");
            let problem = Problem::at(format!("{path}.{}", no_data::ANNOTATION), message)
                .note(format!("known ways: {}", NoData::NAMES.join(", ")))
                .suggest(written, NoData::NAMES);
            self.problems.push(problem);
        }
        policy
    }

    fn refuse_for_record(&mut self, path: &str, raw: &RawRule) {
        for (key, present) in [
            ("for", raw.hold.is_some()),
            ("keep_firing_for", raw.keep_firing_for.is_some()),
            ("annotations", !raw.annotations.is_empty()),
        ] {
            if present {
                self.add(format!("{path}.{key}"), format!("invalid field {key:?} in recording rule"));
            }
        }
    }

    fn label_names<'b>(&mut self, path: &str, names: impl Iterator<Item = &'b String>) {
        for name in names.filter(|name| !is_label_name(name) || *name == METRIC_NAME) {
            self.add(format!("{path}.{name}"), format!("invalid label name: {name:?}"));
        }
    }

    fn expression(&mut self, path: &str, text: &str) -> Option<Expression> {
        if text.trim().is_empty() {
            self.add(path, "field \"expr\" must be set in rule");
            return None;
        }
        match promql::parse(text) {
            Ok(parsed) => Some(Expression { text: text.to_owned(), parsed }),
            Err(error) => {
                let path = format!("{path}.expr");
                let mut problem = Problem::at(&path, format!("could not parse expression: {error}"));
                problem.place = self.document.place_in_scalar(&path, error.span.start);
                self.problems.push(problem);
                None
            }
        }
    }

    /// Only alerts expand templates in labels.
    fn label(&mut self, is_alert: bool, path: &str, name: &str, raw: &str) -> Option<(String, Text)> {
        if is_alert { self.text(path, name, raw) } else { Some((name.to_owned(), Text::literal(raw))) }
    }

    fn text(&mut self, path: &str, name: &str, raw: &str) -> Option<(String, Text)> {
        match Text::new(raw) {
            Ok(text) => Some((name.to_owned(), text)),
            Err(error) => {
                let path = format!("{path}.{name}");
                let mut problem = Problem::at(&path, format!("template does not work: {error}"));
                problem.place = self.document.place_in_scalar(&path, error.offset);
                // A template in a group's label is met once for every rule.
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                None
            }
        }
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
pub(super) fn is_label_name(name: &str) -> bool {
    is_name(name, |c| c == '_')
}

fn is_metric_name(name: &str) -> bool {
    is_name(name, |c| c == '_' || c == ':')
}

fn is_name(name: &str, also: impl Fn(char) -> bool) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || also(c))
        && name.chars().all(|c| c.is_ascii_alphanumeric() || also(c))
}

#[cfg(test)]
mod tests;
