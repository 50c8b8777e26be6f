//! What is allowed in rules, dashboards, runbooks and routes, and still hardly what was meant.
//!
//! [`run`] looks at files that were read without a mistake and at what memsentry exposes, and answers with
//! findings; it opens no file and dials nothing. A lint is one file in `lints/` and one row in [`LINTS`]. It
//! finds mistakes that a person would call so: the shipped files have none, and a test holds that.

mod ignore;
mod known;
mod lints;
mod output_labels;
mod routes;
mod sites;
mod world;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::model::Problem;

pub use known::LabelValues;
pub use world::{Input, RouteNode};

use ignore::Ignored;
use world::World;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot do what it is there for.
    Error,
    /// It works, but hardly as meant.
    Warning,
}

impl Severity {
    /// As it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One row of [`LINTS`].
pub struct Lint {
    /// Its name, by which a finding is told and ignored.
    pub name: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// What it finds, in one line.
    pub about: &'static str,
    find: fn(&World<'_>) -> Vec<Found>,
}

/// A place that a lint found wanting, and the rule that it belongs to.
struct Found {
    problem: Problem,
    rule: Option<usize>,
}

impl Found {
    fn new(problem: Problem) -> Self {
        Self { problem, rule: None }
    }

    fn of_rule(problem: Problem, rule: usize) -> Self {
        Self { problem, rule: Some(rule) }
    }
}

/// What a lint found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The lint's name.
    pub lint: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong and where.
    pub problem: Problem,
}

macro_rules! rows {
    ($($module:ident $name:literal $severity:ident $about:literal;)*) => {
        &[$(Lint { name: $name, severity: Severity::$severity, about: $about, find: lints::$module::find }),*]
    };
}

/// Every lint.
pub const LINTS: &[Lint] = rows! {
    unknown_metric "unknown-metric" Error "a metric that neither memsentry exposes nor a rule records";
    unknown_label "unknown-label" Warning "a label that the metric does not have, in a matcher, by, on or group_left";
    never_matches "never-matches" Error "a selector that no series can match";
    unknown_value "unknown-value" Warning "a value that a label of a closed set never has";
    bad_query "bad-query" Error "a query of a dashboard or runbook that is not PromQL";
    raw_counter "raw-counter" Warning "a counter that is compared without rate or increase";
    rate_of_gauge "rate-of-gauge" Warning "rate, irate, increase or resets of what is not a counter";
    quantile_without_le "quantile-without-le" Error "histogram_quantile of what has no label le";
    short_window "short-window" Warning "a rate over a range too short to hold two samples";
    no_comparison "no-comparison" Warning "an alert that fires for any value";
    record_name "record-name" Error "a recording rule with the name of an exposed metric";
    duplicate_rule "duplicate-rule" Warning "two rules with the same name and labels";
    empty_group "empty-group" Warning "a group without rules";
    short_hold "short-hold" Warning "for or keep_firing_for shorter than the group's interval";
    missing_summary "missing-summary" Warning "an alert without the annotation summary";
    missing_severity "missing-severity" Warning "an alert without the label severity";
    unusual_severity "unusual-severity" Warning "a severity that is neither usual nor named by a route";
    template_label "template-label" Warning "a template that shows a label that the expression's answer never has";
    value_in_label "value-in-label" Warning "a value in a label, which makes a new alert of every value";
    missing_runbook "missing-runbook" Warning "an alert without a runbook";
    orphan_runbook "orphan-runbook" Warning "a runbook in your directory without an alert";
    broken_link "broken-link" Error "a link or anchor of a runbook, or a runbook_url, that leads nowhere";
    no_route "no-route" Warning "no route, so nobody is told about any alert";
    nobody_told "nobody-told" Warning "a severity that no route takes to a receiver with a notifier";
    unused_route "unused-route" Warning "a route that no alert of the rules reaches";
    unused_receiver "unused-receiver" Warning "a receiver that no route names";
    unknown_lint "unknown-lint" Warning "a comment or annotation that ignores a lint that there is not";
};

/// Everything that is found and not ignored, by file and place.
#[must_use]
pub fn run(input: &Input<'_>) -> Vec<Finding> {
    let world = World::new(input);
    let ignored = Ignored::new(&world);
    let mut findings = Vec::new();
    for lint in LINTS {
        let found = (lint.find)(&world).into_iter();
        let kept = found.filter(|found| !ignored.ignores(lint.name, found));
        findings.extend(kept.map(|found| Finding { lint: lint.name, severity: lint.severity, problem: found.problem }));
    }
    let place = |finding: &Finding| (finding.problem.file.clone(), finding.problem.place);
    findings.sort_by(|a, b| place(a).cmp(&place(b)).then(a.severity.cmp(&b.severity)));
    let mut told = BTreeSet::new();
    // One selector may be reached twice, such as a template of a group's label.
    findings.retain(|finding| told.insert((finding.lint, finding.problem.to_string())));
    findings
}

/// The file of a runbook as a person finds it: the user's own, or the shipped one.
fn runbook_file(input: &Input<'_>, runbook: &str) -> String {
    input.own_runbooks.get(runbook).cloned().unwrap_or_else(|| format!("runbooks/{runbook}.md"))
}
