//! `memsentry silence expire ID…`: ends silences now; what is over already stays over.

use clap::Args;
use serde_json::json;

use crate::commands::remote::{Failure, Remote};
use crate::commands::{Exit, output};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Ids, as `query` shows them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// What became of each as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments, remote: &Remote) -> Result<Exit, Failure> {
    let (mut ended, mut missing) = (Vec::new(), Vec::new());
    for id in &arguments.ids {
        let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !id.is_empty();
        let answer = match plain {
            true => remote.delete(&format!("/api/v2/silence/{id}")).await,
            false => Err(Failure::Refused { status: http::StatusCode::NOT_FOUND, said: String::new() }),
        };
        match answer {
            Ok(_) => ended.push(id),
            // The others are ended all the same.
            Err(Failure::Refused { status, .. }) if status == http::StatusCode::NOT_FOUND => {
                output::talk(&format!("error: there is no silence {id:?}"));
                missing.push(id);
            }
            Err(failure) => return Err(failure),
        }
    }
    if arguments.json {
        output::data(&json!({"ended": ended, "unknown": missing}).to_string());
    } else {
        ended.iter().for_each(|id| output::data(id));
    }
    Ok(if missing.is_empty() { Exit::Fine } else { Exit::No })
}
