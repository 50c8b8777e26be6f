//! `memsentry alerts`: one line for each alert that is pending or fires.

use clap::Args;
use serde_json::Value;

use crate::model::{Clock, Duration, Timestamp};

use super::super::remote::{Failure, Remote};
use super::super::{Exit, output};
use super::{items, labels, text};

/// Always fires, to show that alerting works.
const WATCHDOG: &str = "Watchdog";

#[derive(Debug, Args)]
pub(super) struct Listing {
    /// Only what fires, and exit with 1 if anything but the Watchdog does
    #[arg(long)]
    firing: bool,
    /// The answer as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(remote: &Remote, arguments: &Listing) -> Result<Exit, Failure> {
    let answer = remote.get("/api/v1/memsentry/alerts", &[]).await?;
    let data = answer.get("data").unwrap_or(&Value::Null);
    let mut alerts: Vec<&Value> = items(data, "alerts").iter().collect();
    alerts.retain(|alert| !arguments.firing || text(alert, "state") == "firing");
    alerts.sort_by_key(|alert| {
        let pending = text(alert, "state") != "firing";
        (pending, text(alert, "name").to_owned(), labels(alert, &[]))
    });
    if arguments.json {
        output::data(&serde_json::json!({ "alerts": alerts }).to_string());
    } else {
        let now = Clock::system().now();
        let width = alerts.iter().map(|alert| text(alert, "name").len()).max().unwrap_or(0);
        alerts.iter().for_each(|alert| output::data(&line(alert, width, now)));
        if alerts.is_empty() {
            output::talk(if arguments.firing { "nothing fires" } else { "nothing fires and nothing is pending" });
        }
    }
    let fires = alerts.iter().any(|alert| text(alert, "state") == "firing" && text(alert, "name") != WATCHDOG);
    Ok(if arguments.firing && fires { Exit::No } else { Exit::Fine })
}

/// `firing  since 12m  WorkerStalled  7  {target="main"}  [acknowledged by ann]  summary`.
fn line(alert: &Value, width: usize, now: Timestamp) -> String {
    let since = Timestamp::parse_rfc3339(text(alert, "since"));
    let since = since.map_or_else(String::new, |since| {
        let seconds = now.since(since).as_secs();
        // Seconds of an hour ago are noise.
        Duration::from_secs(if seconds >= 3600 { seconds / 60 * 60 } else { seconds }).to_string()
    });
    let (state, name) = (text(alert, "state"), text(alert, "name"));
    let mut line = format!("{state:<8} {since:>8}  {name:<width$}  {}", text(alert, "value"));
    for part in [labels(alert, &["alertname"]), marks(alert), summary(alert).to_owned()] {
        if !part.is_empty() {
            line.push_str("  ");
            line.push_str(&part);
        }
    }
    line
}

fn summary(alert: &Value) -> &str {
    alert.get("annotations").map(|annotations| text(annotations, "summary")).unwrap_or("")
}

/// What keeps it from being told, and who takes care.
fn marks(alert: &Value) -> String {
    let mut marks = Vec::new();
    for (name, words) in [("silenced_by", "silenced"), ("inhibited_by", "inhibited"), ("muted_by", "muted")] {
        if !items(alert, name).is_empty() {
            marks.push(words.to_owned());
        }
    }
    if let Some(given) = alert.get("acknowledged").filter(|given| given.is_object()) {
        marks.push(format!("acknowledged by {}", text(given, "by")));
    }
    if marks.is_empty() { String::new() } else { format!("[{}]", marks.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_since_when_where_and_who_takes_care() {
        let alert = serde_json::json!({
            "name": "QueueStalled", "state": "firing", "since": "2026-11-23T01:00:00.000Z", "value": "142",
            "labels": {"alertname": "QueueStalled", "target": "main"}, "annotations": {"summary": "it stands"},
            "silenced_by": ["x"], "inhibited_by": [], "muted_by": [], "acknowledged": {"by": "ann"},
        });
        let now = Timestamp::parse_rfc3339("2026-11-23T02:30:40Z").expect("a time");
        assert_eq!(
            line(&alert, 14, now),
            "firing      1h30m  QueueStalled    142  {target=\"main\"}  [silenced, acknowledged by ann]  it stands"
        );
    }
}
