//! `/acknowledge?alert=…`: where messages lead whoever takes care of an alert.
//!
//! The page shows what fires and asks; only its form changes anything, because mail scanners and previews follow every
//! link. `alert` is a fingerprint or a name and may repeat.

use maud::{Markup, html};

use crate::model::Timestamp;
use crate::notify::AlertView;
use crate::notify::acknowledge::{Acknowledgement, Refused};

use super::super::Sources;
use super::phrases;

/// How long one may say that it lasts: what the form sends, and what it says.
const LASTS: [(&str, &str); 5] =
    [("", "as usual here"), ("1h", "1 hour"), ("8h", "8 hours"), ("1d", "1 day"), ("0s", "as long as it fires")];

/// What the form was filled with, to be shown again.
#[derive(Debug, Default, Clone)]
pub(super) struct Filled {
    pub by: String,
    pub comment: String,
}

/// The page about these alerts.
pub(super) fn body(sources: &Sources, wanted: &[String], filled: &Filled, refused: Option<&Refused>) -> Markup {
    let now = sources.clock.now();
    let fires = |view: &AlertView| {
        let id = view.alert.fingerprint().to_string();
        wanted.iter().any(|word| *word == id || word == view.alert.name())
    };
    let views: Vec<AlertView> = sources.notify.alert_views(&|_| true).into_iter().filter(fires).collect();
    let any = views.iter().any(|view| view.acknowledged.is_some());
    html! {
        p.quiet { a href="/alerts" { "Alerts" } " › acknowledge" }
        h1 { "Acknowledge" }
        @if let Some(refused) = refused { p.problem { (refused) } }
        @if views.is_empty() {
            p { "Nothing of this fires any more: there is nothing to acknowledge." }
            p { a.act href=(history_link(wanted)) { "What happened" } }
        } @else {
            @for view in &views { (alert(view, now)) }
            (form(&views, filled, any))
            p.quiet { a href=(history_link(wanted)) { "What happened so far" } }
        }
    }
}

fn history_link(wanted: &[String]) -> String {
    match wanted {
        [one] => format!("/alerts/history?alert={}", phrases::path_part(one)),
        _ => "/alerts/history".to_owned(),
    }
}

fn alert(view: &AlertView, now: Timestamp) -> Markup {
    let alert = &view.alert;
    let severity = alert.labels.get("severity").unwrap_or("");
    let class = match severity {
        "critical" => "alert critical",
        "info" => "alert info",
        _ => "alert warning",
    };
    html! {
        article class=(class) {
            h3 { (alert.name()) " " span.badge { (if severity.is_empty() { "firing" } else { severity }) } }
            @if let Some(summary) = alert.annotations.get("summary") { p.summary { (summary) } }
            p.facts {
                span { "for " (phrases::rough(now.since(alert.starts_at))) ", since " (phrases::clock(alert.starts_at, now)) }
                @if let Some(target) = alert.labels.get("target") { span.label { "target=" (target) } }
            }
            @if let Some(given) = &view.acknowledged { (taken(given, now)) }
        }
    }
}

/// Who takes care already.
pub(super) fn taken(given: &Acknowledgement, now: Timestamp) -> Markup {
    html! {
        p.taken {
            strong { (given.by) } " takes care, since " (phrases::clock(given.at, now))
            @if let Some(end) = given.expires_at { ", for another " (phrases::rough(end.since(now))) }
            @if !given.comment.is_empty() { ": " (given.comment) }
        }
    }
}

fn form(views: &[AlertView], filled: &Filled, any: bool) -> Markup {
    html! {
        form.ask method="post" action="/acknowledge" {
            @for view in views { input type="hidden" name="alert" value=(view.alert.fingerprint()); }
            label { "Your name" input type="text" name="by" required maxlength="100" autocomplete="name" value=(filled.by); }
            label {
                "What you do about it (may stay empty)"
                input type="text" name="comment" maxlength="2000" value=(filled.comment);
            }
            label {
                "For"
                select name="expires_in" { @for (value, words) in LASTS { option value=(value) { (words) } } }
            }
            p.quiet {
                "Repeats stop and nobody further is told. News and the end are still told. It ends with the alert."
            }
            p.buttons {
                button.act.main type="submit" name="action" value="acknowledge" {
                    @if any { "I take over" } @else { "I take care of it" }
                }
                @if any {
                    button.act type="submit" name="action" value="withdraw" formnovalidate { "Take back" }
                }
            }
        }
    }
}
