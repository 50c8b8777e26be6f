//! `/`: the one sentence first, then what fires, then the targets, then the daemon itself.

use maud::{Markup, html};

use crate::model::Timestamp;
use crate::model::labels::ALERT_NAME;
use crate::probes::{History, Outcome};
use crate::rules::{AlertView, GroupView, RuleKind};

use super::super::load::Word;
use super::super::numbers::Numbers;
use super::super::{ConfigState, ProbePlan, Sources, Target};
use super::{alert_rows, phrases};

pub(super) fn body(sources: &Sources) -> Markup {
    let now = sources.clock.now();
    let numbers = Numbers::of(&sources.registry);
    let (view, groups) = (&sources.view, sources.view.rule_groups());
    let (targets, config, waiting) = (view.targets(), view.config(), view.not_ready());
    let runbooks = view.runbooks();
    let alerts = alert_rows::in_order(&groups);
    html! {
        (headline(&alerts, &waiting))
        @for alert in &alerts { (alert_rows::row(alert, alert_rows::what_to_do(alert, &runbooks).as_deref(), sources)) }
        @if !waiting.is_empty() {
            section.problem { h2 { "Not ready yet" } ul { @for line in &waiting { li { (line) } } } }
        }
        @if let Some(reload) = config.last_reload.as_ref().filter(|reload| !reload.problems.is_empty()) {
            section.problem {
                h2 { "The configuration was refused" }
                p { "Read " (phrases::ago(reload.at, now)) "; the one from before goes on." }
                @for problem in &reload.problems { pre { (problem) } }
            }
        }
        h2 { "Targets" }
        @if targets.is_empty() { p.quiet { "No target is configured." } }
        div.cards { @for target in &targets { (card(target, sources, &numbers, now)) } }
        h2 { "memsentry itself" }
        (daemon(&numbers, &config, &groups, now))
    }
}

fn headline(alerts: &[&AlertView], waiting: &[String]) -> Markup {
    let firing = alerts.iter().filter(|alert| alert_rows::is_trouble(alert)).count();
    let critical = alerts.iter().any(|a| alert_rows::is_trouble(a) && alert_rows::severity(a) == "critical");
    let pending = alerts.iter().filter(|alert| !alert_rows::fires(alert)).count();
    let class = match (critical, firing, pending, waiting.is_empty()) {
        (true, ..) => "headline critical",
        (_, 1.., ..) => "headline warning",
        (_, _, 1.., _) | (.., false) => "headline pending",
        _ => "headline calm",
    };
    let sentence = match (firing, pending, waiting.is_empty()) {
        (0, 0, false) => "Starting".to_owned(),
        (0, 0, true) => "No alert is firing".to_owned(),
        (0, _, _) => format!("{} pending", phrases::count(pending, "alert", "alerts")),
        (_, 0, _) => format!("{} firing", phrases::count(firing, "alert", "alerts")),
        _ => format!("{} firing, {pending} pending", phrases::count(firing, "alert", "alerts")),
    };
    html! { h1 class=(class) { (sentence) } }
}

fn card(target: &Target, sources: &Sources, numbers: &Numbers, now: Timestamp) -> Markup {
    let history = &sources.history;
    let label = [("target", target.name.as_str())];
    let number = |name| numbers.get(name, &label);
    let depth = number("chat_memory_queue_depth");
    let oldest = numbers.greatest("chat_memory_queue_oldest_age_seconds", &label);
    html! {
        section.card {
            h3 { (target.name) }
            p.quiet.url { (target.url) }
            ul.probes { @for probe in &target.probes { (probe_line(target, probe, history, now)) } }
            dl {
                @if number("chat_memory_database_up") == Some(0.0) {
                    dt { "Database" } dd.bad { "unreachable" }
                }
                @if let Some(load) = sources.loads.on(&target.name) {
                    dt { "Load run" } dd { (load.run) ": " (load_line(&load)) }
                }
                @if let Some(depth) = depth {
                    dt { "Queue depth" } dd { (phrases::number(depth)) }
                }
                @if let Some(oldest) = oldest.filter(|_| depth != Some(0.0)) {
                    dt { "Oldest entry" } dd { (seconds(oldest)) }
                }
                @for (name, words) in [
                    ("chat_memory_queue_stuck_entries", "Stuck entries"),
                    ("chat_memory_queue_retrying_entries", "Entries tried again"),
                    ("chat_memory_synthetic_leftovers", "Synthetic data left behind"),
                ] {
                    @if let Some(count) = number(name).filter(|count| *count > 0.0) {
                        dt { (words) } dd.bad { (phrases::number(count)) }
                    }
                }
            }
        }
    }
}

/// How a load run goes, in one line.
fn load_line(load: &Word) -> String {
    let now = &load.progress;
    let p99 = now.latency_seconds.map_or_else(String::new, |[.., p99]| format!(", p99 {:.0} ms", p99 * 1e3));
    let failed: u64 = now.failures.values().sum();
    format!(
        "{}, {:.1} a second{p99}, {failed} failed, {} refused by the rate limit",
        load.scenario, now.rate, now.limited
    )
}

fn probe_line(target: &Target, probe: &ProbePlan, history: &History, now: Timestamp) -> Markup {
    let path = format!("/probes/{}/{}", phrases::path_part(&target.name), phrases::path_part(&probe.name));
    let recent = history.recent(&target.name, &probe.name);
    let last: Option<&Outcome> = recent.first().map(AsRef::as_ref);
    // A run that should have come twice since says more than the outcome of the old one.
    let late = |at: Timestamp| now.since(at) > probe.interval.std() * 3;
    let (class, sign) = match last {
        None => ("unknown", "…"),
        Some(run) if !run.is_success() => ("bad", "✗"),
        Some(run) if late(run.started_at) => ("late", "?"),
        Some(_) => ("good", "✓"),
    };
    html! {
        li class=(class) {
            span.sign aria-hidden="true" { (sign) }
            a href=(path) { (probe.name) }
            span.outcome {
                @match last {
                    None => "no run yet",
                    Some(run) => {
                        @match &run.failure {
                            Some(failure) => strong { (failure.reason.as_str().replace('_', " ")) },
                            None if late(run.started_at) => strong { "overdue" },
                            None => (phrases::took(run.took)),
                        }
                        " · " (phrases::ago(run.started_at, now))
                    }
                }
            }
            @if let Some(failure) = last.and_then(|run| run.failure.as_ref()) {
                span.detail { (failure.step) ": " (failure.message) }
            }
        }
    }
}

fn daemon(numbers: &Numbers, config: &ConfigState, groups: &[GroupView], now: Timestamp) -> Markup {
    let number = |name| numbers.get(name, &[]);
    let waiting = number("memsentry_outbox_entries");
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    let failing = groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.last_error.is_some()).count();
    html! {
        dl.daemon {
            @if let Some(at) = number("memsentry_start_timestamp_seconds") {
                dt { "Running for" } dd { (phrases::rough(now.since(Timestamp::from_seconds(at)))) }
            }
            dt { "Configuration" }
            dd { (config.file) @if let Some(at) = config.loaded_at { ", loaded " (phrases::ago(at, now)) } }
            dt { "Rules" }
            dd {
                a href="/alerts" { (phrases::count(rules, "rule", "rules")) }
                @if failing > 0 { ", " span.bad { (failing) " failing" } }
            }
            dt { "Watchdog" }
            @if watchdog_fires(groups) { dd { "firing, as it should" } } @else { dd.bad { "not firing" } }
            @if let Some(waiting) = waiting {
                dt { "Notifications waiting" }
                dd {
                    (phrases::number(waiting))
                    @if let Some(age) = number("memsentry_outbox_oldest_age_seconds").filter(|_| waiting > 0.0) {
                        ", the oldest for " (seconds(age))
                    }
                }
            }
            @match number("memsentry_store_up") {
                Some(up) if up < 1.0 => { dt { "Store" } dd.bad { "cannot be written, going on in memory" } }
                Some(_) => { dt { "Store" } dd { "on disk" } }
                None => {}
            }
            @if let (Some(series), Some(bytes)) = (number("memsentry_tsdb_series"), number("memsentry_tsdb_bytes")) {
                dt { "Series" } dd { (phrases::number(series)) ", " (phrases::bytes(bytes)) }
            }
            @if let Some(memory) = number("memsentry_resident_memory_bytes") {
                dt { "Memory" } dd { (phrases::bytes(memory)) }
            }
        }
    }
}

fn watchdog_fires(groups: &[GroupView]) -> bool {
    groups.iter().flat_map(|group| &group.rules).any(|rule| match &rule.kind {
        RuleKind::Alerting { alerts, .. } => {
            alerts.iter().any(|a| alert_rows::fires(a) && a.labels.get(ALERT_NAME) == Some(alert_rows::WATCHDOG))
        }
        RuleKind::Recording => false,
    })
}

fn seconds(value: f64) -> String {
    let seconds = if value.is_finite() { value.clamp(0.0, 1e12) } else { 0.0 };
    phrases::rough(std::time::Duration::from_secs_f64(seconds))
}
