//! What stands behind a message, in the mail: the failed run, the chart, the answers of the diagnostics.

use maud::{Markup, html};

use super::super::super::super::evidence::{Chart, Diagnosis, Evidence, ProbeRun, Table, Unit};
use super::super::super::story::{self, Story};
use super::{DIM, wrapping};

/// Colours of a chart's lines, as the picture has them.
const LINES: [&str; 4] = ["#2f7fd6", "#d97706", "#0d9488", "#9664dc"];

/// Everything that was found; nothing if there is no evidence at all.
pub(super) fn all(story: &Story<'_>, picture: Option<&str>) -> Markup {
    let Some(evidence) = story.evidence else { return html! {} };
    let runs = evidence.runs();
    html! {
        @for run in runs.iter().take(3) { (self::run(run, story)) }
        @if let Some(chart) = &evidence.chart { (self::chart(chart, picture)) }
        @for diagnosis in &evidence.diagnostics { (self::diagnosis(diagnosis)) }
        (missing(evidence))
        @if !runs.is_empty() || evidence.chart.is_some() || !evidence.diagnostics.is_empty() {
            p class="dim" style=(format!("margin:0 0 4px;font-size:13px;line-height:19px;{DIM}")) {
                "Gathered at " (story::clock(evidence.gathered_at, story.notification.decided_at)) "."
            }
        }
    }
}

fn heading(text: &str) -> Markup {
    html! { div style="font-size:16px;line-height:22px;font-weight:600;margin:14px 0 6px;overflow-wrap:anywhere" { (text) } }
}

fn dim(text: &str) -> Markup {
    html! { div class="dim" style=(format!("font-size:13px;line-height:19px;overflow-wrap:anywhere;{DIM}")) { (text) } }
}

fn run(run: &ProbeRun, story: &Story<'_>) -> Markup {
    let now = story.notification.decided_at;
    html! {
        (heading("What failed"))
        p style="margin:0 0 4px;overflow-wrap:anywhere" { strong { (run.headline()) } }
        p style="margin:0 0 6px;overflow-wrap:anywhere" { (run.message) }
        @if let Some(request) = &run.request { (dim(request)) }
        @if let Some(excerpt) = &run.excerpt {
            pre style="background:#f3f4f6;border-radius:6px;padding:10px;margin:6px 0;font:12px/17px ui-monospace,Menlo,Consolas,monospace;\
                white-space:pre-wrap;overflow-wrap:anywhere" { (excerpt) }
        }
        @if let Some(queue) = &run.queue { (dim(&format!("In the queue: {queue}"))) }
        (dim(&facts(run, now)))
        @if let Some(id) = &run.request_id { (dim(&format!("Request id {id}"))) }
        @if story::is_link(&run.url) {
            p style="margin:4px 0 12px" { a href=(run.url) style="display:inline-block;padding:8px 0;color:#0b57d0" { "All runs of " (run.probe) } }
        }
    }
}

/// `Took 5.02 s at 02:39 UTC. 4 of the last 30 runs failed.`
pub(in super::super) fn facts(run: &ProbeRun, now: crate::model::Timestamp) -> String {
    let took = Unit::Seconds.show(run.took.as_secs_f64());
    let failed = format!("{} of the last {} runs failed.", run.failed, run.of);
    format!("Took {took} at {}. {}", story::clock(run.started_at, now), if run.of > 1 { failed } else { String::new() })
        .trim_end()
        .to_owned()
}

/// The picture with what its axes mean in words around it.
fn chart(chart: &Chart, picture: Option<&str>) -> Markup {
    let (low, high) = chart.scale();
    let edge = |at| story::clock(at, at);
    html! {
        (heading("The last hour"))
        @if let Some(picture) = picture {
            table role="presentation" style="width:100%;border-collapse:collapse" {
                tr {
                    td class="dim" style=(format!("font-size:12px;line-height:16px;padding:0;border:0;{DIM}")) { (chart.unit.show(rounded(high))) }
                    td class="dim" style=(format!("font-size:12px;line-height:16px;padding:0;border:0;text-align:right;{DIM}")) {
                        @if let Some(threshold) = chart.threshold {
                            span style="color:#d93025" { "- - " } "threshold " (chart.unit.show(threshold))
                        }
                        @if chart.fired_at.is_some() { " " span style="color:#e9a9a3" { "▮" } " firing" }
                    }
                }
            }
            img src=(picture) alt=(chart.words()) width="604"
                style="display:block;width:100%;max-width:604px;height:auto;margin:2px 0;border:0;font-size:13px";
            table role="presentation" style="width:100%;max-width:604px;border-collapse:collapse" {
                tr {
                    td class="dim" style=(format!("font-size:12px;line-height:16px;padding:0;border:0;{DIM}")) { (edge(chart.from)) }
                    td class="dim" style=(format!("font-size:12px;line-height:16px;padding:0;border:0;text-align:center;{DIM}")) {
                        @if low != 0.0 { "lower edge " (chart.unit.show(rounded(low))) }
                    }
                    td class="dim" style=(format!("font-size:12px;line-height:16px;padding:0;border:0;text-align:right;{DIM}")) { (edge(chart.to)) }
                }
            }
            @if chart.lines.len() > 1 {
                div style="margin:4px 0 0" {
                    @for (number, line) in chart.lines.iter().enumerate() {
                        span style="display:inline-block;margin:0 12px 2px 0;font-size:13px;line-height:19px" {
                            span style=(format!("color:{}", LINES.get(number % 4).unwrap_or(&""))) { "●" } " " (line.name)
                        }
                    }
                }
            }
        } @else {
            p style="margin:0 0 8px" { (chart.words()) }
        }
        div class="dim" style=(format!("font:12px/17px ui-monospace,Menlo,Consolas,monospace;margin:4px 0 12px;overflow-wrap:anywhere;{DIM}")) {
            (chart.title)
        }
    }
}

/// To three digits, as far as an edge is read.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn diagnosis(diagnosis: &Diagnosis) -> Markup {
    html! {
        (heading(&diagnosis.title))
        @match &diagnosis.answer {
            Ok(table) if table.rows.is_empty() => p style="margin:0 0 12px" { "Nothing found." },
            Ok(table) => (self::table(table)),
            Err(why) => p class="dim" style=(format!("margin:0 0 12px;overflow-wrap:anywhere;{DIM}")) { "No answer: " (why) "." },
        }
    }
}

/// Wider than a phone it can be moved sideways; mail clients that cannot do that make it narrower.
fn table(table: &Table) -> Markup {
    let cell = "border:1px solid #d0d7de;padding:4px 7px;text-align:left;vertical-align:top;";
    let cell = |text: &str| format!("{cell}{}", wrapping(text, 12));
    html! {
        div style="overflow-x:auto;margin:0 0 4px" {
            table style="border-collapse:collapse;font-size:13px;line-height:18px" {
                thead { tr { @for name in &table.columns { th style=(cell(name)) { (name) } } } }
                tbody { @for row in &table.rows { tr { @for value in row { td style=(cell(value)) { (value) } } } } }
            }
        }
        div style="margin:0 0 12px" { @if table.more { (dim(&format!("The first {} rows; there are more.", table.rows.len()))) } }
    }
}

fn missing(evidence: &Evidence) -> Markup {
    html! {
        @for why in &evidence.missing {
            p class="dim" style=(format!("margin:0 0 8px;overflow-wrap:anywhere;{DIM}")) { "Evidence could not be gathered: " (why) "." }
        }
    }
}
