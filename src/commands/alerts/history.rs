//! `memsentry alerts history`: what happened, the newest last, so that it ends where the eye is.

use clap::Args;
use serde_json::Value;

use crate::model::{Clock, Duration, Timestamp};

use super::super::remote::{Failure, Remote};
use super::super::{Exit, output};
use super::{clock, items, labels, text};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How far back, such as 6h, or a time such as 2026-11-23T01:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to when, the same forms
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// About this alert: its name or its fingerprint
    #[arg(long, value_name = "NAME")]
    alert: Option<String>,
    /// About this receiver
    #[arg(long)]
    receiver: Option<String>,
    /// Only such events: pending, inactive, firing, resolved, muted, unmuted, acknowledged, unacknowledged, escalated,
    /// delivered, failed, given_up; may repeat
    #[arg(long)]
    event: Vec<String>,
    /// Most entries, the newest ones; 1 to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Older entries than this one: the `next` of an earlier answer
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// The answer as one JSON object, the newest first
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(remote: &Remote, arguments: &Arguments) -> Result<Exit, Failure> {
    let now = Clock::system().now();
    let mut query: Vec<(&str, String)> = vec![("limit", arguments.limit.to_string())];
    for (name, given) in [("since", &arguments.since), ("until", &arguments.until)] {
        let Some(given) = given else { continue };
        let Some(at) = moment(given, now) else {
            output::talk(&format!("error: --{name}: {given:?} is neither a time ago such as 6h nor RFC 3339"));
            return Ok(Exit::Input);
        };
        query.push((name, at.rfc3339()));
    }
    query.extend(arguments.alert.iter().map(|alert| ("alert", alert.clone())));
    query.extend(arguments.receiver.iter().map(|receiver| ("receiver", receiver.clone())));
    query.extend(arguments.event.iter().map(|event| ("event", event.clone())));
    query.extend(arguments.before.iter().map(|before| ("before", before.to_string())));
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = remote.get("/api/v1/memsentry/history", &query).await?;
    let data = answer.get("data").unwrap_or(&Value::Null);
    if arguments.json {
        output::data(&data.to_string());
        return Ok(Exit::Fine);
    }
    let entries = items(data, "entries");
    entries.iter().rev().for_each(|entry| output::data(&line(entry)));
    if entries.is_empty() {
        output::talk("nothing is known");
    } else if let Some(next) = data.get("next").filter(|next| next.is_number()) {
        output::talk(&format!("there is more: --before {next}"));
    }
    Ok(Exit::Fine)
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let ago = text.parse::<Duration>().ok().map(|ago| now - ago.std());
    ago.or_else(|| Timestamp::parse_rfc3339(text))
}

/// `2026-11-23 01:02:03  failed        oncall/webhook[0]  WorkerStalled{…}  503 Service Unavailable`.
fn line(entry: &Value) -> String {
    let mut line = format!("{}  {:<14}", clock(text(entry, "at")), text(entry, "event"));
    if entry.get("drill").is_some() {
        line.push_str(" DRILL");
    }
    let receiver = text(entry, "receiver");
    if !receiver.is_empty() {
        let notifier = text(entry, "notifier");
        line.push_str(&format!(" {receiver}{}{notifier}", if notifier.is_empty() { "" } else { "/" }));
    }
    line.push_str(&format!(" {}{}", text(entry, "alert"), labels(entry, &["alertname", crate::notify::drill::LABEL])));
    if let Some(alerts) = entry.get("alerts") {
        let count = |name: &str| alerts.get(name).and_then(Value::as_u64).unwrap_or(0);
        line.push_str(&format!(" ({} firing, {} resolved)", count("firing"), count("resolved")));
    }
    if let Some(attempt) = entry.get("attempt").and_then(Value::as_u64).filter(|attempt| *attempt > 1) {
        line.push_str(&format!(" attempt {attempt}"));
    }
    let by = text(entry, "by");
    if !by.is_empty() {
        line.push_str(&format!(" by {by}"));
    }
    for name in ["comment", "because", "summary", "error"] {
        let said = text(entry, name);
        if !said.is_empty() {
            line.push_str(&format!(": {said}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_what_to_whom_and_why() {
        let entry = serde_json::json!({
            "at": "2026-11-23T01:02:03.004Z", "event": "failed", "receiver": "oncall", "notifier": "webhook[0]",
            "alert": "Slow", "labels": {"alertname": "Slow", "target": "main"}, "attempt": 2,
            "alerts": {"firing": 1, "resolved": 0}, "error": "503 Service Unavailable",
        });
        assert_eq!(
            line(&entry),
            "2026-11-23 01:02:03  failed         oncall/webhook[0] Slow{target=\"main\"} (1 firing, 0 resolved) \
             attempt 2: 503 Service Unavailable"
        );
    }

    #[test]
    fn a_moment_is_a_time_ago_or_a_time() {
        let now = Timestamp::from_millis(7_200_000);
        assert_eq!(moment("1h", now).map(Timestamp::millis), Some(3_600_000));
        assert_eq!(moment("1970-01-01T00:00:01Z", now).map(Timestamp::millis), Some(1000));
        assert_eq!(moment("yesterday", now), None);
    }
}
