//! `memsentry drill RECEIVER`: does a message arrive? A marked alert through the real templates and notifiers.

use std::time::Duration as StdDuration;

use clap::Args;
use serde_json::json;

use crate::app::Plan;
use crate::metrics::Registry;
use crate::model::labels::ALERT_NAME;
use crate::model::{Clock, Duration, Labels, Stopwatch};
use crate::notify::drill::{Answer, Report, Request};

use super::remote::{Failure, Where};
use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "drill",
    about: "Send a marked test alert to a receiver and see whether it arrives",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

/// Between two questions how it goes.
const ASK_EVERY: StdDuration = StdDuration::from_millis(100);

#[derive(Debug, Args)]
struct Arguments {
    /// The receiver's name
    receiver: String,
    /// The alert's severity; info unless given
    #[arg(long)]
    severity: Option<String>,
    /// A label of the alert, name=value; may repeat. alertname=… shows that alert's runbook
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Longest wait for all answers
    #[arg(long, default_value = "2m", value_name = "TIME")]
    timeout: Duration,
    /// Without a daemon: set the notifiers up from the configuration, here
    #[arg(long)]
    offline: bool,
    /// The report as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

fn run(arguments: Arguments) -> Exit {
    let labels = match labels(&arguments) {
        Ok(labels) => labels,
        Err(problem) => {
            output::talk(&format!("error: {problem}"));
            return Exit::Input;
        }
    };
    let request = Request { receiver: arguments.receiver.clone(), labels };
    super::run::blocking(async {
        let report = if arguments.offline {
            offline(&arguments, &request).await
        } else {
            match arguments.at.remote() {
                Ok(remote) => asked(&remote, &arguments, &request).await.map_err(|failure| failure.tell()),
                Err(exit) => Err(exit),
            }
        };
        match report {
            Ok(report) => {
                show(&report, arguments.json);
                if report.is_delivered() { Exit::Fine } else { Exit::No }
            }
            Err(exit) => exit,
        }
    })
}

fn labels(arguments: &Arguments) -> Result<Labels, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for label in &arguments.labels {
        let (name, value) = label.split_once('=').ok_or_else(|| format!("--label: {label:?} is not name=value"))?;
        let mut chars = name.chars();
        let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !begins || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("--label: {name:?} is not a label name"));
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    pairs.extend(arguments.severity.iter().map(|severity| ("severity".to_owned(), severity.clone())));
    Ok(Labels::from_pairs(pairs))
}

/// Has the daemon do it and asks how it goes until it is done.
async fn asked(remote: &super::remote::Remote, arguments: &Arguments, request: &Request) -> Result<Report, Failure> {
    let body = json!({ "receiver": request.receiver, "labels": request.labels });
    let read = |answer: &serde_json::Value| {
        let report = answer.get("data").cloned().unwrap_or_default();
        serde_json::from_value::<Report>(report).unwrap_or_default()
    };
    let mut report = read(&remote.post("/api/v1/memsentry/drills", &body).await?);
    let watch = Stopwatch::start();
    let path = format!("/api/v1/memsentry/drills/{}", report.id);
    while !report.done && watch.elapsed() < arguments.timeout.std() {
        tokio::time::sleep(ASK_EVERY).await;
        report = read(&remote.get(&path, &[]).await?);
    }
    Ok(report)
}

async fn offline(arguments: &Arguments, request: &Request) -> Result<Report, Exit> {
    let (registry, clock) = (Registry::new(), Clock::system());
    let plan = Plan::load(&arguments.at.configuration(), &registry, &clock).map_err(|problems| {
        output::problems(&problems);
        Exit::Input
    })?;
    let drill = plan.notify.drill(request, clock.now()).map_err(|problem| {
        output::talk(&format!("error: {problem}"));
        Exit::Input
    })?;
    let heard = std::sync::Mutex::new(drill.report.clone());
    let report = || heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let perform = drill.perform(&clock, |index, tried, _| {
        if let Some(place) = report().notifiers.get_mut(index) {
            *place = tried;
        }
    });
    let done = tokio::time::timeout(arguments.timeout.std(), perform).await.is_ok();
    let mut report = report().clone();
    report.done = done;
    Ok(report)
}

fn show(report: &Report, json: bool) {
    if json {
        output::data(&serde_json::to_string(report).unwrap_or_default());
        return;
    }
    let name = report.labels.get(ALERT_NAME).unwrap_or("");
    output::data(&format!("drill {} of receiver {} with alert {name}", report.id, report.receiver));
    if report.notifiers.is_empty() {
        output::data("  it has no notifier: nobody would be told");
    }
    let width = report.notifiers.iter().map(|tried| tried.notifier.len()).max().unwrap_or(0);
    for tried in &report.notifiers {
        output::data(&format!("  {:<width$}  alert  {}", tried.notifier, said(tried.firing.as_ref())));
        if tried.wants_end && tried.firing.as_ref().is_some_and(|answer| answer.error.is_none()) {
            output::data(&format!("  {:<width$}  end    {}", tried.notifier, said(tried.over.as_ref())));
        }
    }
    for sentence in &report.really {
        output::data(&format!("a real alert with these labels: {sentence}"));
    }
}

fn said(answer: Option<&Answer>) -> String {
    match answer {
        None => "no answer in time".to_owned(),
        Some(Answer { error: None, took }) => format!("delivered in {:.0} ms", took * 1000.0),
        Some(Answer { error: Some(error), took }) => format!("FAILED after {:.0} ms: {error}", took * 1000.0),
    }
}
