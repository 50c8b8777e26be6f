//! The mail's plain text, for those who read text and for watches and lock screens that show its beginning.

use crate::model::{AlertStatus, Labels};

use super::super::super::message::Told;
use super::super::story::{self, MOST_SHOWN, Story};

/// Renders.
pub(super) fn render(story: &Story<'_>) -> String {
    let mut out = String::new();
    let mut say = |text: &str| {
        out.push_str(text.trim_end());
        out.push_str("\n\n");
    };
    say(&story.headline());
    say(&facts(story));
    let alerts = &story.notification.alerts;
    for alert in alerts.iter().take(MOST_SHOWN) {
        say(&one(story, alert));
    }
    let more = alerts.len().saturating_sub(MOST_SHOWN) + story.notification.truncated_alerts;
    if more > 0 {
        say(&format!("... and {more} more"));
    }
    if let Some(book) = story.runbook.filter(|_| story.fires()) {
        if let Some(steps) = book.section("First steps") {
            say(&format!("WHAT TO DO FIRST\n\n{}", steps.text()));
        }
        say(&format!("RUNBOOK\n\n{}", book.body().without("First steps").text()));
    }
    say(&links(story));
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
    lines.extend(story.severity().map(|severity| format!("Severity: {severity}")));
    lines.extend(story.place().map(|place| format!("Target: {place}")));
    lines.join("\n")
}

fn one(story: &Story<'_>, alert: &Told) -> String {
    let now = story.notification.decided_at;
    let over = alert.status == AlertStatus::Resolved;
    let single = story.notification.alerts.len() == 1;
    let mut lines = Vec::new();
    if !single {
        let mark = if over { "OVER" } else { "FIRING" };
        let summary = story::summary(alert).unwrap_or_else(|| alert.name());
        lines.push(format!("* {mark}: {summary}"));
    }
    if single && over {
        lines.extend(story::summary(alert).map(|text| format!("While it fired: {text}")));
    } else if single {
        lines.extend(story::description(alert).map(str::to_owned));
    }
    if let Some(value) = alert.value {
        let when = if over { "Last value while it fired" } else { "Value" };
        lines.push(format!("{when}: {}", story::value(value)));
    }
    if !single {
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

fn links(story: &Story<'_>) -> String {
    let mut lines = Vec::new();
    lines.extend(story.runbook_url().map(|url| format!("Runbook:   {url}")));
    let rule = story.notification.alerts.first().map(|alert| alert.generator_url.as_str());
    lines.extend(rule.filter(|url| story::is_link(url)).map(|url| format!("Rule:      {url}")));
    let home = Some(story.notification.external_url.as_str()).filter(|url| story::is_link(url));
    lines.extend(home.map(|url| format!("memsentry: {url}")));
    lines.join("\n")
}
