//! `memsentry silence import FILE`: silences that `amtool silence query -o json` or `query --json` wrote.
//!
//! One that the daemon knows by its id is changed, others are made anew; what is over by now is left out.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use http::StatusCode;
use serde_json::{Value, json};

use crate::commands::remote::{Failure, Remote};
use crate::commands::{Exit, output};
use crate::model::{Clock, Timestamp};

use super::preview;

/// Longest file.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A JSON array of silences; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only show what they would silence
    #[arg(long)]
    dry_run: bool,
    /// What became of each as one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments, remote: &Remote) -> Result<Exit, Failure> {
    let silences = match read(arguments) {
        Ok(silences) => silences,
        Err(mistake) => {
            output::talk(&format!("error: {}: {mistake}", arguments.file.display()));
            return Ok(Exit::Input);
        }
    };
    let now = Clock::system().now();
    let mut results = Vec::new();
    let (mut refused, mut made, mut over) = (0, 0, 0);
    for (index, silence) in silences.iter().enumerate() {
        let ends_at = silence["endsAt"].as_str().and_then(Timestamp::parse_rfc3339);
        if ends_at.is_some_and(|end| end <= now) {
            over += 1;
            continue;
        }
        match one(silence, arguments.dry_run, remote).await {
            Ok(result) => {
                made += 1;
                results.push(result);
            }
            Err(Failure::Refused { said, .. }) => {
                refused += 1;
                output::talk(&format!("error: silence {index}: {said}"));
                results.push(json!({"silenceID": null, "error": said}));
            }
            Err(failure) => return Err(failure),
        }
    }
    if arguments.json {
        output::data(&Value::Array(results).to_string());
    } else {
        results.iter().filter_map(|result| result["silenceID"].as_str()).for_each(output::data);
    }
    let verb = if arguments.dry_run { "would be made" } else { "made or changed" };
    output::talk(&format!("{made} {verb}, {over} over by now and left out, {refused} refused"));
    Ok(if refused == 0 { Exit::Fine } else { Exit::No })
}

fn read(arguments: &Arguments) -> Result<Vec<Value>, String> {
    let mut text = String::new();
    let read = match arguments.file.to_str() {
        Some("-") => std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text),
        _ => std::fs::File::open(&arguments.file).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text)),
    };
    read.map_err(|error| format!("cannot be read: {error}"))?;
    let silences: Vec<Value> = serde_json::from_str(&text).map_err(|error| {
        format!("not a JSON array of silences, as `amtool silence query -o json` writes it: {error}")
    })?;
    match silences.iter().position(|silence| !silence.is_object()) {
        Some(index) => Err(format!("entry {index} is no silence")),
        None => Ok(silences),
    }
}

async fn one(silence: &Value, dry_run: bool, remote: &Remote) -> Result<Value, Failure> {
    let refused = |said: String| Failure::Refused { status: StatusCode::BAD_REQUEST, said };
    let matchers = preview::of_json(silence).map_err(refused)?;
    if matchers.is_empty() {
        return Err(Failure::Refused { status: StatusCode::BAD_REQUEST, said: "at least one matcher required".into() });
    }
    let alerts = preview::alerts(remote, &matchers).await?;
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    preview::show(&alerts, &format!("{{{}}} {}", texts.join(", "), if dry_run { "would silence" } else { "silences" }));
    let mut id = Value::Null;
    if !dry_run {
        let answer = match remote.post("/api/v2/silences", silence).await {
            // It comes from another daemon.
            Err(Failure::Refused { status: StatusCode::NOT_FOUND, .. }) => {
                let mut silence = silence.clone();
                silence["id"] = Value::String(String::new());
                remote.post("/api/v2/silences", &silence).await?
            }
            answer => answer?,
        };
        id = answer["silenceID"].clone();
    }
    Ok(json!({"silenceID": id, "count": alerts.len(), "alerts": alerts}))
}
