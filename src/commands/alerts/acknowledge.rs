//! `memsentry alerts acknowledge`: who takes care of what.

use clap::Args;
use serde_json::{Value, json};

use super::super::remote::{Failure, Remote};
use super::super::{Exit, output};
use super::{clock, items, labels, text};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Names of alerts, meaning all that fire under them, or fingerprints
    #[arg(required = true, value_name = "NAME|FINGERPRINT")]
    alerts: Vec<String>,
    /// Who you are
    #[arg(long, value_name = "NAME", required_unless_present = "withdraw")]
    by: Option<String>,
    /// What you do about it
    #[arg(long, default_value = "")]
    comment: String,
    /// How long it lasts though the alert goes on, such as 4h; 0s for as long as the alert. As configured unless given
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Take acknowledgements back instead
    #[arg(long, conflicts_with_all = ["by", "comment", "expires"])]
    withdraw: bool,
    /// The answer as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(remote: &Remote, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.withdraw {
        for alert in &arguments.alerts {
            let path = format!("/api/v1/memsentry/acknowledgements/{}", encoded(alert));
            show(&remote.delete(&path).await?, "no longer acknowledged", arguments.json);
        }
        return Ok(Exit::Fine);
    }
    let request = json!({
        "alerts": arguments.alerts,
        "by": arguments.by,
        "comment": arguments.comment,
        "expires_in": arguments.expires,
    });
    show(&remote.post("/api/v1/memsentry/acknowledgements", &request).await?, "acknowledged", arguments.json);
    Ok(Exit::Fine)
}

fn show(answer: &Value, done: &str, json: bool) {
    let data = answer.get("data").unwrap_or(&Value::Null);
    if json {
        output::data(&data.to_string());
        return;
    }
    for given in items(data, "acknowledgements") {
        let name = given.get("labels").map(|labels| text(labels, "alertname")).unwrap_or("");
        let until = text(given, "expires_at");
        let until = if until.is_empty() { String::new() } else { format!(" until {}", clock(until)) };
        output::data(&format!("{done}: {name}{} by {}{until}", labels(given, &["alertname"]), text(given, "by")));
    }
}

/// A part of a path.
fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
