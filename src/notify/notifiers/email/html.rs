//! The mail as HTML: calm, one column, readable on a phone at 3 a.m.
//!
//! What is wrong, since when, what to do first, then the rest. Styles stand inline, because mail clients drop
//! style sheets; the one sheet there is only adds the dark colours for clients that know them.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::AlertStatus;

use super::super::super::message::Told;
use super::super::story::{self, MOST_SHOWN, Story};

const FONT: &str = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const DARK: &str = "@media (prefers-color-scheme:dark){.bg{background:#111418!important}.card{background:#1c2127!important}\
.ink,.ink h1,.ink h2,.ink h3,.ink p,.ink li,.ink td,.ink th{color:#e6e8eb!important}.dim{color:#9aa4af!important}\
.ink a{color:#8ab4f8!important}.ink pre,.chip,.steps{background:#2a3038!important}.line{border-color:#363d46!important}}";

/// Renders.
pub(super) fn render(story: &Story<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                title { (story.subject()) }
                style { (PreEscaped(DARK)) }
            }
            body class="bg" style=(format!("margin:0;padding:0;background:#eef0f2;{FONT}")) {
                // What lists of mails and lock screens show under the subject.
                div style="display:none;max-height:0;overflow:hidden" { (story.headline()) }
                div class="card" style="max-width:640px;margin:0 auto;background:#ffffff" {
                    (banner(story))
                    div class="ink" style="padding:16px 18px 22px;font-size:15px;line-height:22px;color:#1f2328" {
                        (times(story))
                        (alerts(story))
                        (first_steps(story))
                        (links(story))
                        (runbook(story))
                        (footer(story))
                    }
                }
            }
        }
    };
    page.into_string()
}

/// The colour says it before the words do.
fn colour(story: &Story<'_>) -> &'static str {
    match (story.fires(), story.severity()) {
        (false, _) => "#1a7f4b",
        (true, Some("info")) => "#3b5b8c",
        (true, Some("warning")) => "#9a5b00",
        (true, _) => "#b3261e",
    }
}

fn banner(story: &Story<'_>) -> Markup {
    let state = if story.fires() { "Firing" } else { "Resolved" };
    let count = story.notification.firing().count();
    html! {
        div style=(format!("background:{};color:#ffffff;padding:16px 18px 18px", colour(story))) {
            div style="font-size:13px;line-height:18px;letter-spacing:.04em;text-transform:uppercase;opacity:.92" {
                (state)
                @if count > 1 { " · " (count) " alerts" }
                @if let Some(severity) = story.severity().filter(|_| story.fires()) { " · " (severity) }
                @if let Some(place) = story.place() { " · " span style="text-transform:none" { (place) } }
            }
            div style="font-size:22px;line-height:28px;font-weight:600;margin-top:4px;overflow-wrap:anywhere" { (story.title()) }
            @let headline = story.headline();
            @if !headline.is_empty() {
                div style="font-size:16px;line-height:23px;margin-top:8px" { (headline) }
            }
        }
    }
}

fn times(story: &Story<'_>) -> Markup {
    let now = story.notification.decided_at;
    html! {
        p style="margin:0 0 14px;font-size:16px;line-height:23px" {
            @if let Some((start, end)) = story.lasted() {
                strong { "Lasted " (story::length(end.since(start))) }
                ", from " (story::clock(start, now)) " to " (story::clock(end, now)) "."
            } @else if let Some(since) = story.since() {
                strong { "Since " (story::clock(since, now)) }
                " (" (story::length(now.since(since))) ")"
            }
        }
    }
}

fn alerts(story: &Story<'_>) -> Markup {
    let all = &story.notification.alerts;
    let more = all.len().saturating_sub(MOST_SHOWN) + story.notification.truncated_alerts;
    html! {
        @if let [only] = all.as_slice() {
            @if only.status == AlertStatus::Firing {
                @if let Some(text) = story::description(only) { p style="margin:0 0 12px" { (text) } }
            } @else if let Some(text) = story::summary(only) {
                p class="dim" style="margin:0 0 12px;color:#57606a" { "While it fired: " (text) }
            }
            (value(only))
            (chips(only, story))
        } @else {
            @for alert in all.iter().take(MOST_SHOWN) { (one_of_many(story, alert)) }
            @if more > 0 { p class="dim" style="margin:0 0 12px;color:#57606a" { "… and " (more) " more." } }
        }
    }
}

fn one_of_many(story: &Story<'_>, alert: &Told) -> Markup {
    let now = story.notification.decided_at;
    let over = alert.status == AlertStatus::Resolved;
    let edge = if over { "#1a7f4b" } else { colour(story) };
    html! {
        div style=(format!("border-left:4px solid {edge};padding:2px 0 2px 12px;margin:0 0 14px")) {
            div style="font-weight:600" {
                @if over { "Over · " }
                (story::summary(alert).map_or_else(|| alert.name().to_owned(), str::to_owned))
            }
            div class="dim" style="color:#57606a;font-size:14px" {
                @match alert.ends_at {
                    Some(end) => { "lasted " (story::length(end.since(alert.starts_at))) }
                    None => { "since " (story::clock(alert.starts_at, now)) }
                }
                @if let Some(value) = alert.value.filter(|_| !over) { " · value " (story::value(value)) }
            }
            (chips(alert, story))
        }
    }
}

fn value(alert: &Told) -> Markup {
    let over = alert.status == AlertStatus::Resolved;
    html! {
        @if let Some(value) = alert.value {
            p style="margin:0 0 12px" {
                @if over { "Last value while it fired: " } @else { "Value " }
                strong { (story::value(value)) }
            }
        }
    }
}

/// The labels, small; what the banner says already is left out.
fn chips(alert: &Told, story: &Story<'_>) -> Markup {
    let shown = story.further_labels(alert);
    html! {
        @if !shown.is_empty() {
            div style="margin:0 0 12px" {
                @for (name, value) in shown.iter() {
                    span class="chip dim" style="display:inline-block;background:#eef0f2;border-radius:4px;padding:1px 7px;\
                        margin:0 4px 4px 0;font-size:13px;line-height:20px;color:#57606a;overflow-wrap:anywhere" {
                        (name) "=" (value)
                    }
                }
            }
        }
    }
}

fn first_steps(story: &Story<'_>) -> Markup {
    let steps = story.runbook.filter(|_| story.fires()).and_then(|book| book.section("First steps"));
    html! {
        @if let Some(steps) = steps {
            div class="steps" style="background:#f3f4f6;border-radius:8px;padding:14px 16px 6px;margin:4px 0 16px" {
                div style="font-size:16px;font-weight:600;margin:0 0 8px" { "What to do first" }
                (PreEscaped(steps.mail_html(&story.runbook_base())))
            }
        }
    }
}

fn links(story: &Story<'_>) -> Markup {
    let rule = story.notification.alerts.first().map(|alert| alert.generator_url.as_str());
    let home = story.notification.external_url.as_str();
    let runbook = story.runbook_url();
    let plain = "display:inline-block;padding:10px 2px;margin-right:14px;font-size:15px;color:#0b57d0";
    html! {
        div style="margin:0 0 6px" {
            @if let Some(url) = runbook {
                a href=(url) style=(format!("display:inline-block;background:{};color:#ffffff!important;text-decoration:none;\
                    border-radius:6px;padding:10px 16px;margin:0 14px 6px 0;font-size:15px;font-weight:600", colour(story))) {
                    "Open runbook"
                }
            }
            @if let Some(url) = rule.filter(|url| story::is_link(url)) { a href=(url) style=(plain) { "Rule" } }
            @if story::is_link(home) { a href=(home) style=(plain) { "memsentry" } }
        }
    }
}

fn runbook(story: &Story<'_>) -> Markup {
    html! {
        @if let Some(book) = story.runbook.filter(|_| story.fires()) {
            div class="line" style="border-top:1px solid #d8dee4;margin:14px 0 0;padding-top:6px;font-size:14px;line-height:21px" {
                div style="font-size:16px;font-weight:600;margin:8px 0" { "Runbook" }
                (PreEscaped(book.body().without("First steps").mail_html(&story.runbook_base())))
            }
        }
    }
}

fn footer(story: &Story<'_>) -> Markup {
    html! {
        p class="dim line" style="border-top:1px solid #d8dee4;margin:16px 0 0;padding-top:12px;font-size:13px;line-height:19px;color:#57606a" {
            (story.occasion()) " Sent to receiver " (story.notification.receiver) "."
        }
    }
}
