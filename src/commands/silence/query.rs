//! `memsentry silence query`: a table for people, or the daemon's own JSON, which `import` reads.

use clap::Args;
use serde_json::Value;

use crate::commands::remote::{Failure, Remote};
use crate::commands::{Exit, output};
use crate::model::{Clock, Duration, Timestamp};

use super::preview;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only silences that have these matchers
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Those that are over, instead of those that hold or will; they are kept for 120 hours
    #[arg(long)]
    expired: bool,
    /// Only those of this author
    #[arg(long)]
    author: Option<String>,
    /// One JSON array, as amtool writes it
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments, remote: &Remote) -> Result<Exit, Failure> {
    let matchers = match preview::matchers(&arguments.matchers) {
        Ok(matchers) => matchers,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| output::talk(&format!("error: {mistake}")));
            return Ok(Exit::Input);
        }
    };
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    let mut query: Vec<(&str, &str)> = texts.iter().map(|text| ("filter", text.as_str())).collect();
    query.extend(arguments.author.iter().map(|author| ("creator", author.as_str())));
    query.extend(match arguments.expired {
        true => vec![("active", "false"), ("pending", "false")],
        false => vec![("expired", "false")],
    });
    let answer = remote.get("/api/v2/silences", &query).await?;
    if arguments.json {
        output::data(&answer.to_string());
        return Ok(Exit::Fine);
    }
    let silences = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let now = Clock::system().now();
    silences.iter().for_each(|silence| output::data(&line(silence, now)));
    if silences.is_empty() {
        output::talk("no such silence");
    }
    Ok(Exit::Fine)
}

/// `id  active, ends in 1h  {alertname="X"}  ann: deployment`.
fn line(silence: &Value, now: Timestamp) -> String {
    let text = |name: &str| silence[name].as_str().unwrap_or_default();
    let time = |name: &str| Timestamp::parse_rfc3339(text(name)).unwrap_or(now);
    let rough = |from: Timestamp, to: Timestamp| {
        let seconds = to.since(from).as_secs();
        Duration::from_secs(if seconds < 3600 { seconds } else { seconds / 60 * 60 }).to_string()
    };
    let state = silence["status"]["state"].as_str().unwrap_or_default();
    let when = match state {
        "pending" => format!("begins in {}", rough(now, time("startsAt"))),
        "expired" => format!("ended {} ago", rough(time("endsAt"), now)),
        _ => format!("ends in {}", rough(now, time("endsAt"))),
    };
    let matchers = preview::of_json(silence).unwrap_or_default();
    let matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    let comment = text("comment").split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "{}  {:<24}  {{{}}}  {}: {comment}",
        text("id"),
        format!("{state}, {when}"),
        matchers.join(", "),
        text("createdBy")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_until_when_what_by_whom_and_why() {
        let silence = serde_json::json!({
            "id": "a-b", "matchers": [{"name": "alertname", "value": "X", "isRegex": false, "isEqual": true}],
            "startsAt": "2026-11-23T00:00:00Z", "endsAt": "2026-11-23T02:30:59Z", "createdBy": "ann",
            "comment": "new\nrelease", "status": {"state": "active"},
        });
        let now = Timestamp::parse_rfc3339("2026-11-23T01:00:00Z").expect("a time");
        assert_eq!(line(&silence, now), "a-b  active, ends in 1h30m     {alertname=\"X\"}  ann: new release");
    }
}
