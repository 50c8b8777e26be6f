//! `memsentry silence add`: matchers, how long, why, by whom; what it silences is shown before it is made.

use clap::Args;
use serde_json::{Value, json};

use crate::commands::remote::{Failure, Remote};
use crate::commands::{Exit, output};
use crate::config::env;
use crate::model::{Clock, Duration, MatchOp, Matcher, Timestamp};
use crate::notify::matches_every_value;

use super::preview;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Such as severity=critical or target=~"a|b"; the first may be an alert's name alone
    #[arg(required = true, value_name = "MATCHER")]
    matchers: Vec<String>,
    /// How long it holds
    #[arg(long, short, value_name = "DURATION", default_value = "1h", conflicts_with = "end")]
    duration: Duration,
    /// When it begins, as 2026-11-23T01:02:03Z; now unless given
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// When it is over, instead of a duration
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// Why; whoever is on call next reads it
    #[arg(long, short)]
    comment: String,
    /// Who asks; your user name unless given
    #[arg(long, short)]
    author: Option<String>,
    /// Also if it silences everything
    #[arg(long)]
    force: bool,
    /// Only show what it would silence
    #[arg(long)]
    dry_run: bool,
    /// The id, the count and the alerts as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments, remote: &Remote) -> Result<Exit, Failure> {
    let now = Clock::system().now();
    let (matchers, starts_at, ends_at) = match checked(arguments, now) {
        Ok(checked) => checked,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| output::talk(&format!("error: {mistake}")));
            return Ok(Exit::Input);
        }
    };
    let alerts = preview::alerts(remote, &matchers).await?;
    let verb = if arguments.dry_run || starts_at > now { "it would silence" } else { "it silences" };
    preview::show(&alerts, verb);
    let mut id = Value::Null;
    if !arguments.dry_run {
        let author = arguments.author.clone().or_else(|| env::variable("USER")).or_else(|| env::variable("LOGNAME"));
        let silence = json!({
            "matchers": matchers.iter().map(matcher).collect::<Vec<_>>(),
            "startsAt": starts_at.rfc3339(),
            "endsAt": ends_at.rfc3339(),
            "createdBy": author.unwrap_or_else(|| "unknown".to_owned()),
            "comment": arguments.comment,
        });
        id = remote.post("/api/v2/silences", &silence).await?["silenceID"].clone();
    }
    if arguments.json {
        output::data(&json!({"silenceID": id, "count": alerts.len(), "alerts": alerts}).to_string());
    } else if let Some(id) = id.as_str() {
        output::data(id);
    }
    Ok(Exit::Fine)
}

fn checked(arguments: &Arguments, now: Timestamp) -> Result<(Vec<Matcher>, Timestamp, Timestamp), Vec<String>> {
    let mut mistakes = Vec::new();
    let mut time = |option: &str, text: &Option<String>| match text.as_deref().map(Timestamp::parse_rfc3339) {
        Some(None) => {
            mistakes.push(format!("--{option} is not a time, write for example {}", now.rfc3339()));
            None
        }
        given => given.flatten(),
    };
    let starts_at = time("start", &arguments.start).unwrap_or(now);
    let ends_at = time("end", &arguments.end).unwrap_or(starts_at + arguments.duration.std());
    if mistakes.is_empty() && ends_at <= starts_at.max(now) {
        mistakes.push(format!("it would be over at {}, before it holds", ends_at.rfc3339()));
    }
    if arguments.comment.trim().is_empty() {
        mistakes.push("--comment is empty; say why, for whoever is on call next".to_owned());
    }
    let matchers = match preview::matchers(&arguments.matchers) {
        Ok(matchers) => matchers,
        Err(wrong) => {
            mistakes.extend(wrong);
            Vec::new()
        }
    };
    if !arguments.force && !matchers.is_empty() && matches_every_value(&matchers) {
        let all = arguments.matchers.join(" ");
        mistakes.push(format!("{all} matches everything\nhint: narrow it, or say --force if you mean it"));
    }
    if mistakes.is_empty() { Ok((matchers, starts_at, ends_at)) } else { Err(mistakes) }
}

fn matcher(matcher: &Matcher) -> Value {
    json!({
        "name": matcher.name(),
        "value": matcher.value(),
        "isRegex": matcher.is_regex(),
        "isEqual": matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex),
    })
}
