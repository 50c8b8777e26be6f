//! `/alerts/history`: what happened to alerts and who was told, the newest first.

use maud::{Markup, html};

use crate::model::Timestamp;
use crate::notify::history::{Event, Facts, HistoryFilter, HistoryRow};

use super::phrases;

/// Entries on one page.
pub(super) const PAGE: u32 = 100;

/// The page; `rows` is `None` if the store cannot be read.
pub(super) fn body(filter: &HistoryFilter, rows: Option<&[HistoryRow]>, now: Timestamp) -> Markup {
    let (alert, receiver) = (filter.subject.as_deref().unwrap_or(""), filter.receiver.as_deref().unwrap_or(""));
    html! {
        p.quiet { a href="/alerts" { "Alerts" } " › history" }
        h1 { "What happened" }
        form.ask.narrow method="get" action="/alerts/history" {
            label { "Alert" input type="text" name="alert" value=(alert) placeholder="name or fingerprint"; }
            label { "Receiver" input type="text" name="receiver" value=(receiver); }
            p.buttons { button.act type="submit" { "Show" } }
        }
        @match rows {
            None => p.problem { "The store cannot be read now." },
            Some([]) => p.quiet { "Nothing is known." },
            Some(rows) => {
                ol.history { @for row in rows { (entry(row, now)) } }
                @if rows.len() == PAGE as usize {
                    @if let Some(last) = rows.last() {
                        p { a.act href=(older(alert, receiver, last.number)) { "Older" } }
                    }
                }
            }
        }
    }
}

fn older(alert: &str, receiver: &str, before: i64) -> String {
    let (alert, receiver) = (phrases::path_part(alert), phrases::path_part(receiver));
    format!("/alerts/history?alert={alert}&receiver={receiver}&before={before}")
}

/// How loudly an event is said.
fn class(event: &str) -> &'static str {
    let is = |wanted: Event| event == wanted.as_str();
    if is(Event::Firing) || is(Event::GivenUp) || is(Event::Escalated) {
        "state bad"
    } else if is(Event::Failed) {
        "state late"
    } else {
        "state"
    }
}

fn entry(row: &HistoryRow, now: Timestamp) -> Markup {
    let facts = Facts::read(&row.entry);
    let id = facts.fingerprint.as_deref();
    html! {
        li {
            (phrases::clock(row.entry.at, now))
            span class=(class(&row.entry.event)) { (row.entry.event.replace('_', " ")) }
            div {
                @if facts.drill { span.badge { "drill" } " " }
                @match (facts.name(), id) {
                    (Some(name), Some(id)) => a href={ "/alerts/history?alert=" (id) } { (name) },
                    (Some(name), None) => a href={ "/alerts/history?alert=" (phrases::path_part(name)) } { (name) },
                    _ => span { (facts.group_key.as_deref().unwrap_or("")) },
                }
                @if let Some(labels) = &facts.labels {
                    @for (name, value) in labels.iter().filter(|(name, _)| *name == "target" || *name == "severity") {
                        " " span.label { (name) "=" (value) }
                    }
                }
                (detail(row, &facts))
            }
        }
    }
}

fn detail(row: &HistoryRow, facts: &Facts) -> Markup {
    html! {
        @if let Some(receiver) = &row.entry.receiver {
            p.quiet {
                "to " a href={ "/alerts/history?receiver=" (phrases::path_part(receiver)) } { (receiver) }
                @if let Some(notifier) = &facts.notifier { " by " (notifier) }
                @if let Some(attempt) = facts.attempt.filter(|attempt| *attempt > 1) { ", attempt " (attempt) }
                @if let Some((firing, resolved)) = facts.alerts { ": " (firing) " firing, " (resolved) " resolved" }
                @if let Some(reason) = &facts.reason { " (" (reason.replace('_', " ")) ")" }
            }
        }
        @if let Some(summary) = &facts.summary { p.quiet { (summary) } }
        @if let Some(by) = &facts.by {
            p.quiet { "by " (by) @if let Some(comment) = &facts.comment { ": " (comment) } }
        }
        @if let Some(because) = &facts.because { p.quiet { (because) } }
        @if let Some(error) = &facts.error { p.problem { (error) } }
    }
}
