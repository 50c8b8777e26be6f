//! The mail's plain text, for those who read text and for watches and lock screens that show its beginning.
//!
//! The same in the same order as the HTML: what is wrong, since when, how bad, what to do first, then the rest.

use crate::model::{AlertStatus, Labels};

use super::super::super::evidence::{Diagnosis, ProbeRun, Table};
use super::super::super::message::Told;
use super::super::story::{self, MOST_SHOWN, Story};
use super::html::facts as run_facts;

/// Width of a line, where it can be kept.
const WIDTH: usize = 78;

/// Renders.
pub(super) fn render(story: &Story<'_>) -> String {
    let mut out = String::new();
    let mut say = |text: &str| {
        if !text.trim().is_empty() {
            out.push_str(text.trim_end());
            out.push_str("\n\n");
        }
    };
    say(&story.headline());
    say(&facts(story));
    let book = story.runbook.filter(|_| story.fires());
    if let Some(steps) = book.and_then(|book| book.section("First steps")) {
        say(&format!("WHAT TO DO FIRST\n\n{}", steps.text()));
    }
    say(&actions(story));
    let alerts = &story.notification.alerts;
    for alert in alerts.iter().take(MOST_SHOWN) {
        say(&one(story, alert));
    }
    let more = alerts.len().saturating_sub(MOST_SHOWN) + story.notification.truncated_alerts;
    if more > 0 {
        say(&format!("... and {more} more"));
    }
    proof(story).iter().for_each(|part| say(part));
    if let Some(book) = book {
        say(&format!("RUNBOOK\n\n{}", book.body().without("First steps").text()));
    }
    say(&format!("-- \nmemsentry told {} because: {}", story.notification.receiver, story.occasion()));
    format!("{}\n", out.trim_end())
}

fn facts(story: &Story<'_>) -> String {
    let now = story.notification.decided_at;
    let mut lines = vec![story.subject()];
    if let Some((start, end)) = story.lasted() {
        let (from, to) = (story::clock(start, now), story::clock(end, now));
        lines.push(format!("Lasted {}, from {from} to {to}", story::length(end.since(start))));
    } else if let Some(since) = story.since() {
        lines.push(format!("Since {}, for {}", story::clock(since, now), story::length(now.since(since))));
    }
    if let [only] = story.notification.alerts.as_slice() {
        let name = if only.status == AlertStatus::Resolved { "Ended at" } else { "Value" };
        lines.extend(story.values(only).map(|values| format!("{name}: {values}")));
    }
    if let Some((low, high, limit)) = story.spread() {
        let limit = limit.map_or_else(String::new, |limit| format!(", fires at {limit}"));
        lines.push(format!("Values: {low} to {high}{limit}"));
    }
    lines.extend(story.severity().map(|severity| format!("Severity: {severity}")));
    lines.extend(story.place().map(|place| format!("Target: {place}")));
    lines.join("\n")
}

fn one(story: &Story<'_>, alert: &Told) -> String {
    let now = story.notification.decided_at;
    let over = alert.status == AlertStatus::Resolved;
    let single = story.notification.alerts.len() == 1;
    let mut lines = Vec::new();
    if single {
        match over {
            true => lines.extend(story::summary(alert).map(|text| format!("While it fired: {text}"))),
            false => lines.extend(story::description(alert).map(str::to_owned)),
        }
    } else {
        let mark = if over { "OVER" } else { "FIRING" };
        let summary = story::summary(alert).unwrap_or_else(|| alert.name());
        lines.push(format!("* {mark}: {summary}"));
        lines
            .extend(story.values(alert).map(|values| format!("{}: {values}", if over { "Ended at" } else { "Value" })));
        lines.push(match alert.ends_at {
            Some(end) => format!("Lasted {}", story::length(end.since(alert.starts_at))),
            None => format!("Since {}", story::clock(alert.starts_at, now)),
        });
    }
    lines.push(labels(&alert.labels));
    lines.join("\n")
}

fn labels(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn actions(story: &Story<'_>) -> String {
    let mut lines: Vec<String> =
        story.actions().into_iter().map(|(name, url)| format!("{:<12} {url}", format!("{name}:"))).collect();
    let home = Some(story.notification.external_url.as_str()).filter(|url| story::is_link(url));
    lines.extend(home.map(|url| format!("{:<12} {url}", "memsentry:")));
    lines.join("\n")
}

/// What stands behind the message, part by part.
fn proof(story: &Story<'_>) -> Vec<String> {
    let Some(evidence) = story.evidence else { return Vec::new() };
    let now = story.notification.decided_at;
    let mut parts: Vec<String> = evidence.runs().into_iter().take(3).map(|one| run(one, now)).collect();
    parts.extend(evidence.chart.as_ref().map(|chart| format!("THE LAST HOUR\n\n{}\n{}", chart.words(), chart.title)));
    parts.extend(evidence.diagnostics.iter().map(diagnosis));
    parts.extend(evidence.missing.iter().map(|why| format!("Evidence could not be gathered: {why}.")));
    if !parts.is_empty() {
        parts.push(format!("Gathered at {}.", story::clock(evidence.gathered_at, now)));
    }
    parts
}

fn run(run: &ProbeRun, now: crate::model::Timestamp) -> String {
    let mut lines = vec![format!("WHAT FAILED\n\n{}", run.headline()), run.message.clone()];
    lines.extend(run.request.clone());
    lines.extend(run.excerpt.as_ref().map(|excerpt| format!("Answer: {excerpt}")));
    lines.extend(run.queue.as_ref().map(|queue| format!("In the queue: {queue}")));
    lines.push(run_facts(run, now));
    lines.extend(run.request_id.as_ref().map(|id| format!("Request id {id}")));
    lines.extend(Some(run.url.clone()).filter(|url| story::is_link(url)));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn diagnosis(diagnosis: &Diagnosis) -> String {
    let answer = match &diagnosis.answer {
        Ok(table) if table.rows.is_empty() => "Nothing found.".to_owned(),
        Ok(table) => self::table(table),
        Err(why) => format!("No answer: {why}."),
    };
    format!("{}\n\n{answer}", diagnosis.title.to_uppercase())
}

/// Columns side by side if they fit, otherwise each row as a list.
fn table(table: &Table) -> String {
    let width = |column: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(column)).chain(table.columns.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let mut lines: Vec<String> = Vec::new();
    if widths.iter().sum::<usize>() + 2 * widths.len() <= WIDTH {
        let line = |cells: &Vec<String>| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        lines.push(line(&table.columns));
        lines.push(widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "));
        lines.extend(table.rows.iter().map(line));
    } else {
        for row in &table.rows {
            let cells = table.columns.iter().zip(row).filter(|(_, value)| !value.is_empty());
            lines.extend(
                cells
                    .enumerate()
                    .map(|(number, (name, value))| format!("{} {name}: {value}", if number == 0 { "*" } else { " " })),
            );
        }
    }
    if table.more {
        lines.push(format!("The first {} rows; there are more.", table.rows.len()));
    }
    lines.join("\n")
}
