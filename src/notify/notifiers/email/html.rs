//! The mail as HTML: calm, one column, readable on a phone at 3 a.m.
//!
//! What is wrong, how bad, since when, what to do first and where to do it fill the first screen; then what stands behind
//! it (`proof`), the labels and the whole runbook. Styles stand inline, because mail clients drop style sheets; the one
//! sheet there is only adds the dark colours for clients that know them. Without pictures nothing is lost.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::AlertStatus;

use super::super::super::message::Told;
use super::super::story::{self, MOST_SHOWN, Story};

mod proof;

pub(super) use proof::facts;

const FONT: &str = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const DARK: &str = ":root{color-scheme:light dark}@media (prefers-color-scheme:dark){.bg{background:#111418!important}\
.card{background:#1c2127!important}.ink,.ink h1,.ink h2,.ink h3,.ink p,.ink li,.ink td,.ink th{color:#e6e8eb!important}\
.ink .dim{color:#9aa4af!important}.ink a{color:#8ab4f8!important}.ink a.main{color:#ffffff!important}\
.ink pre,.chip,.steps,.box,.ink a.plain{background:#2a3038!important}.line,.ink td,.ink th{border-color:#363d46!important}}";

/// Style of secondary text.
const DIM: &str = "color:#57606a";

/// Renders. `picture` is where the chart's picture is found.
pub(super) fn render(story: &Story<'_>, picture: Option<&str>) -> String {
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
                // What lists of mails and lock screens show under the subject; the blanks keep the rest out of it.
                div style="display:none;max-height:0;overflow:hidden" {
                    (story.headline()) @for _ in 0..40 { "\u{a0}\u{200c}" }
                }
                div class="card" style="max-width:640px;margin:0 auto;background:#ffffff" {
                    (banner(story))
                    div class="ink" style="padding:16px 18px 22px;font-size:15px;line-height:22px;color:#1f2328" {
                        (times(story))
                        (values(story))
                        (first_steps(story))
                        (actions(story))
                        (alerts(story))
                        (proof::all(story, picture))
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
    let count = story.count();
    html! {
        div style=(format!("background:{};color:#ffffff;padding:16px 18px 18px", colour(story))) {
            div style="font-size:13px;line-height:18px;letter-spacing:.04em;text-transform:uppercase;opacity:.92;overflow-wrap:anywhere" {
                @if let Some(severity) = story.severity().filter(|_| story.fires()) { (severity) " · " }
                (state)
                @if count > 1 { " · " (count) " alerts" }
                @if let Some(place) = story.place() { " · " span style="text-transform:none" { (place) } }
            }
            div style="font-size:22px;line-height:28px;font-weight:600;margin-top:4px;overflow-wrap:anywhere" { (story.title()) }
            @let headline = short(&story.headline());
            @if !headline.is_empty() {
                div style="font-size:16px;line-height:23px;margin-top:8px;overflow-wrap:anywhere" { (headline) }
            }
        }
    }
}

fn times(story: &Story<'_>) -> Markup {
    let now = story.notification.decided_at;
    html! {
        p style="margin:0 0 12px;font-size:16px;line-height:23px" {
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

/// Values against their threshold, large: that of the only alert, or from where to where those of a group go.
fn values(story: &Story<'_>) -> Markup {
    let mut cells: Vec<(&str, String)> = Vec::new();
    if let [only] = story.notification.alerts.as_slice() {
        let over = only.status == AlertStatus::Resolved;
        let now = story.value(only).map(|value| (if over { "Ended at" } else { "Value" }, value));
        let before = only.value.filter(|_| over && now.is_some()).map(|value| ("Was", story.show(only, value)));
        let limit = story.measured(only).and_then(|measured| measured.limit()).map(|limit| ("Fires at", limit));
        cells.extend([now, before, limit].into_iter().flatten());
    } else if let Some((low, high, limit)) = story.spread() {
        cells.push(("Lowest", low));
        cells.push(("Highest", high));
        cells.extend(limit.map(|limit| ("Fires at", limit)));
    }
    html! {
        @if !cells.is_empty() {
            div class="box" style="background:#f3f4f6;border-radius:8px;margin:0 0 14px;padding:2px 2px 4px" {
                // Beside each other as far as there is room.
                @for (name, value) in &cells {
                    div style="display:inline-block;vertical-align:top;max-width:100%;box-sizing:border-box;padding:6px 10px" {
                        div class="dim" style=(format!("font-size:13px;line-height:18px;{DIM}")) { (name) }
                        div style=(format!("font-size:19px;line-height:25px;font-weight:600;{}", wrapping(value, 14))) { (value) }
                    }
                }
            }
        }
    }
}

/// What a first screen has room for; the whole of it stands further below.
fn short(text: &str) -> String {
    match text.char_indices().nth(180) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// Short text stays in one piece, long text breaks anywhere rather than widen the page.
fn wrapping(text: &str, short: usize) -> &'static str {
    if text.chars().count() <= short { "white-space:nowrap" } else { "overflow-wrap:anywhere" }
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

/// Large enough for a thumb; the first one in colour.
fn actions(story: &Story<'_>) -> Markup {
    let shape = "display:inline-block;box-sizing:border-box;min-width:46%;padding:13px 14px;margin:0 2% 10px 0;border-radius:8px;\
        text-align:center;text-decoration:none;font-size:16px;line-height:20px;font-weight:600";
    html! {
        div style="margin:0 0 8px;font-size:0" {
            @for (number, (name, url)) in story.actions().iter().enumerate() {
                @if number == 0 {
                    a class="main" href=(url) style=(format!("{shape};background:{};color:#ffffff", colour(story))) { (name) }
                } @else {
                    a class="plain" href=(url) style=(format!("{shape};background:#e7eaee;color:#0b57d0")) { (name) }
                }
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
                @if let Some(text) = story::description(only) { p style="margin:0 0 12px;overflow-wrap:anywhere" { (text) } }
            } @else if let Some(text) = story::summary(only) {
                p class="dim" style=(format!("margin:0 0 12px;overflow-wrap:anywhere;{DIM}")) { "While it fired: " (text) }
            }
            (chips(only, story))
        } @else {
            @for alert in all.iter().take(MOST_SHOWN) { (one_of_many(story, alert)) }
            @if more > 0 { p class="dim" style=(format!("margin:0 0 12px;{DIM}")) { "… and " (more) " more." } }
        }
    }
}

fn one_of_many(story: &Story<'_>, alert: &Told) -> Markup {
    let now = story.notification.decided_at;
    let over = alert.status == AlertStatus::Resolved;
    let edge = if over { "#1a7f4b" } else { colour(story) };
    html! {
        div style=(format!("border-left:4px solid {edge};padding:2px 0 2px 12px;margin:0 0 14px")) {
            div style="font-weight:600;overflow-wrap:anywhere" {
                @if over { "Over · " }
                (story::summary(alert).map_or_else(|| alert.name().to_owned(), str::to_owned))
            }
            div class="dim" style=(format!("font-size:14px;overflow-wrap:anywhere;{DIM}")) {
                @match alert.ends_at {
                    Some(end) => { "lasted " (story::length(end.since(alert.starts_at))) }
                    None => { "since " (story::clock(alert.starts_at, now)) }
                }
                @if let Some(values) = story.values(alert) { " · " (values) }
            }
            (chips(alert, story))
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
                    span class="chip dim" style=(format!("display:inline-block;max-width:100%;box-sizing:border-box;background:#eef0f2;\
                        border-radius:4px;padding:1px 7px;margin:0 4px 4px 0;font-size:13px;line-height:20px;overflow-wrap:anywhere;{DIM}")) {
                        (name) "=" (value)
                    }
                }
            }
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
    let home = story.notification.external_url.as_str();
    html! {
        p class="dim line" style=(format!("border-top:1px solid #d8dee4;margin:16px 0 0;padding-top:12px;font-size:13px;line-height:19px;{DIM}")) {
            (story.occasion()) " Sent to receiver " (story.notification.receiver) " by "
            @if story::is_link(home) { a href=(home) style="color:#0b57d0" { "memsentry" } } @else { "memsentry" }
            "."
        }
    }
}
