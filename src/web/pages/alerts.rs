//! `/alerts`: what fires or is pending, then every rule with its condition.

use maud::{Markup, html};

use crate::rules::{GroupView, Health, RuleKind, RuleView};

use super::super::Sources;
use super::{alert_rows, phrases};

/// How a rule stands, and how loudly that is said.
struct Standing {
    words: &'static str,
    class: &'static str,
}

pub(super) fn body(sources: &Sources) -> Markup {
    let now = sources.clock.now();
    let groups = sources.view.rule_groups();
    let runbooks = sources.view.runbooks();
    let alerts = alert_rows::in_order(&groups);
    html! {
        h1 { "Alerts" }
        p.quiet { a href="/alerts/history" { "What happened, and who was told" } }
        @if alerts.is_empty() { p.quiet { "Nothing fires and nothing is pending." } }
        @for alert in &alerts { (alert_rows::row(alert, alert_rows::what_to_do(alert, &runbooks).as_deref(), sources)) }
        h2 { "Rules" }
        @if groups.is_empty() { p.quiet { "No rules are loaded." } }
        @for group in &groups {
            section.group {
                h3 { (group.name) }
                p.facts {
                    span { (group.file) }
                    span { "every " (group.interval) }
                    @match group.last_evaluation {
                        Some(at) => {
                            span { "evaluated " (super::phrases::ago(at, now)) }
                            span { "in " (phrases::took(group.evaluation_time)) }
                        }
                        None => span { "not evaluated yet" },
                    }
                }
                @for rule in &group.rules { (one(rule, group)) }
            }
        }
    }
}

fn standing(rule: &RuleView) -> Standing {
    let (words, class) = match &rule.kind {
        _ if rule.health == Health::Err => ("error", "state bad"),
        RuleKind::Recording => ("recording", "state"),
        RuleKind::Alerting { alerts, .. } if alerts.iter().any(alert_rows::is_trouble) => ("firing", "state bad"),
        RuleKind::Alerting { alerts, .. } if alerts.iter().any(alert_rows::fires) => ("firing", "state"),
        RuleKind::Alerting { alerts, .. } if !alerts.is_empty() => ("pending", "state late"),
        RuleKind::Alerting { .. } if rule.last_evaluation.is_none() => ("no result yet", "state"),
        RuleKind::Alerting { .. } => ("inactive", "state"),
    };
    Standing { words, class }
}

fn one(rule: &RuleView, group: &GroupView) -> Markup {
    let standing = standing(rule);
    let id = format!("{}/{}", group.name, rule.name);
    html! {
        details.rule id=(id) open[rule.last_error.is_some()] {
            summary { span class=(standing.class) { (standing.words) } " " span.name { (rule.name) } }
            @if let Some(error) = &rule.last_error { p.problem { (error) } }
            pre { (rule.query) }
            @if let RuleKind::Alerting { duration: hold, keep_firing_for, annotations, .. } = &rule.kind {
                p.facts {
                    @if !hold.is_zero() { span { "holds for " (hold) } }
                    @if !keep_firing_for.is_zero() { span { "goes on for " (keep_firing_for) } }
                    @for (name, value) in &rule.labels { span.label { (name) "=" (value) } }
                }
                @if let Some(summary) = annotations.get("summary") { p.quiet { (summary) } }
            }
        }
    }
}
