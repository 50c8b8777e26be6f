//! Alerts in order of urgency, and one of them as a person needs it: what, where, how bad, since when, what to do.

use maud::{Markup, html};

use crate::model::labels::ALERT_NAME;
use crate::rules::{AlertView, GroupView, RuleKind, State};
use crate::runbooks::Runbooks;

use super::super::Sources;
use super::phrases;

/// The alert that always fires, to show that alerting works.
pub(super) const WATCHDOG: &str = "Watchdog";

/// How urgent a severity is; smaller is more.
fn rank(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "warning" => 1,
        "info" => 3,
        // One that we do not know is not taken lightly.
        _ => 2,
    }
}

pub(super) fn severity(alert: &AlertView) -> &str {
    alert.labels.get("severity").unwrap_or("")
}

/// Whether it fires, or is still pending.
pub(super) fn fires(alert: &AlertView) -> bool {
    alert.state == State::Firing
}

/// Whether somebody should do something about it now.
pub(super) fn is_trouble(alert: &AlertView) -> bool {
    fires(alert) && severity(alert) != "info" && alert.labels.get(ALERT_NAME) != Some(WATCHDOG)
}

/// Every alert of these groups but the watchdog: firing before pending, the worst first, then the latest.
pub(super) fn in_order(groups: &[GroupView]) -> Vec<&AlertView> {
    let rules = groups.iter().flat_map(|group| &group.rules);
    let alerts = rules.flat_map(|rule| match &rule.kind {
        RuleKind::Alerting { alerts, .. } => alerts.as_slice(),
        RuleKind::Recording => &[],
    });
    let mut alerts: Vec<&AlertView> = alerts.filter(|a| a.labels.get(ALERT_NAME) != Some(WATCHDOG)).collect();
    alerts.sort_by_key(|alert| (!fires(alert), rank(severity(alert)), std::cmp::Reverse(alert.active_at)));
    alerts
}

/// Where it says what to do: the rule's own `runbook_url` before the runbook of the alert's name.
pub(super) fn what_to_do(alert: &AlertView, runbooks: &Runbooks) -> Option<String> {
    let own = alert.annotations.get("runbook_url").filter(|url| is_web(url));
    let known = alert.labels.get(ALERT_NAME).filter(|name| runbooks.get(name).is_some());
    own.cloned().or_else(|| known.map(|name| format!("/runbooks/{}", phrases::path_part(name))))
}

/// One alert, with a link to what to do.
pub(super) fn row(alert: &AlertView, todo: Option<&str>, sources: &Sources) -> Markup {
    let now = sources.clock.now();
    let name = alert.labels.get(ALERT_NAME).unwrap_or("(no name)");
    let severity = severity(alert);
    let class = match (fires(alert), rank(severity)) {
        (false, _) => "alert pending",
        (true, 0) => "alert critical",
        (true, 3) => "alert info",
        (true, _) => "alert warning",
    };
    let annotation = |name: &str| alert.annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    html! {
        article class=(class) {
            h3 {
                (name) " "
                @if fires(alert) { span.badge { (if severity.is_empty() { "firing" } else { severity }) } }
                @else { span.badge { "pending" } }
                @if let Some(until) = sources.notify.silenced_until(&alert.labels) {
                    " " span.badge.quiet { "silenced until " (phrases::clock(until, now)) }
                }
            }
            @if let Some(summary) = annotation("summary") { p.summary { (summary) } }
            @if let Some(description) = annotation("description") { p { (description) } }
            p.facts {
                span { "for " (phrases::rough(now.since(alert.active_at))) ", since " (phrases::clock(alert.active_at, now)) }
                span { "value " (phrases::number(alert.value)) }
                @if alert.keep_firing_since.is_some() { span { "condition is over, still firing" } }
                @for (label, value) in alert.labels.iter().filter(|(l, _)| *l != ALERT_NAME && *l != "severity") {
                    span.label { (label) "=" (value) }
                }
            }
            p.todo {
                @if let Some(url) = todo { a.act href=(url) { "What to do" } " " }
                a.act.minor href=(super::silence_form::link(&alert.labels)) { "Silence" }
            }
        }
    }
}

/// Annotations come from files and metrics; no other scheme becomes a link.
fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Labels, Timestamp};

    #[test]
    fn a_rules_own_runbook_goes_before_ours_and_no_other_scheme_becomes_a_link() {
        let runbooks = Runbooks::load(None).expect("the shipped ones are right");
        let target = |name: &str, url: &str| {
            let alert = AlertView {
                labels: Labels::from_pairs([("alertname", name)]),
                annotations: BTreeMap::from([("runbook_url".to_owned(), url.to_owned())]),
                state: State::Firing,
                active_at: Timestamp::default(),
                keep_firing_since: None,
                value: 1.0,
            };
            what_to_do(&alert, &runbooks)
        };
        assert_eq!(target("WorkerStalled", "https://wiki.example/x").as_deref(), Some("https://wiki.example/x"));
        assert_eq!(target("WorkerStalled", "javascript:alert(1)").as_deref(), Some("/runbooks/WorkerStalled"));
        assert_eq!(target("Other", "javascript:alert(1)"), None);
    }
}
