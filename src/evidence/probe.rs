//! The probe run behind an alert about a probe or a target.

use std::time::Duration as StdDuration;

use crate::model::Timestamp;
use crate::notify::evidence::ProbeRun;
use crate::notify::links;
use crate::notify::message::Told;
use crate::probes::{History, Outcome, QueueTrace, StepExchange};

/// How old a failure may be to say something about an alert that names only its target.
const RECENT: StdDuration = StdDuration::from_secs(15 * 60);

/// Longest excerpt of an answer, in characters.
const LONGEST_EXCERPT: usize = 300;

/// The last failed run of the alert's probe, or the last one of its target if it is recent; nothing for an alert that is
/// about neither. `show_texts` allows what users wrote in an answer.
pub(super) fn run(
    alert: &Told,
    history: &History,
    now: Timestamp,
    external_url: &str,
    show_texts: bool,
) -> Option<ProbeRun> {
    let target = alert.labels.get("target")?;
    match alert.labels.get("probe") {
        Some(probe) => {
            let failure = history.failures(target, probe).into_iter().next()?;
            Some(told(&failure, history, external_url, show_texts))
        }
        None => {
            let entries = history.all();
            let of_target = entries.iter().filter(|entry| entry.target == target);
            let last = of_target.filter_map(|entry| entry.failures.first()).max_by_key(|run| run.started_at)?;
            let failure = last.failure.as_ref()?;
            let says_something = !failure.reason.says_nothing();
            let recent = now.since(last.started_at) <= RECENT;
            (recent && says_something).then(|| told(last, history, external_url, show_texts))
        }
    }
}

fn told(run: &Outcome, history: &History, external_url: &str, show_texts: bool) -> ProbeRun {
    let (step, reason, message) = run
        .failure
        .as_ref()
        .map_or(("", "", String::new()), |failure| (failure.step, failure.reason.as_str(), failure.message.clone()));
    let exchange = exchange(run, step);
    let recent = history.recent(&run.target, &run.probe);
    ProbeRun {
        target: run.target.clone(),
        probe: run.probe.clone(),
        started_at: run.started_at,
        took: run.took,
        step: step.to_owned(),
        reason: reason.to_owned(),
        message,
        request: exchange.map(request),
        request_id: exchange.map(|exchange| exchange.exchange.request_id.clone()),
        excerpt: exchange.and_then(|exchange| excerpt(run, exchange, show_texts)),
        queue: run.queue.as_ref().map(queue),
        failed: recent.iter().filter(|run| !run.is_success()).count(),
        of: recent.len(),
        url: links::probe(external_url, &run.target, &run.probe),
    }
}

/// The last exchange of the failed step; the last of all where the step made none.
fn exchange<'a>(run: &'a Outcome, step: &str) -> Option<&'a StepExchange> {
    let of_step = run.exchanges.iter().rev().find(|exchange| exchange.step == step);
    of_step.or_else(|| run.exchanges.last())
}

fn request(exchange: &StepExchange) -> String {
    let record = &exchange.exchange;
    let answer = record.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let took = crate::notify::evidence::Unit::Seconds.show(record.timings.total.as_secs_f64());
    format!("{} {}, {answer} after {took}", record.method, record.path)
}

fn excerpt(run: &Outcome, exchange: &StepExchange, show_texts: bool) -> Option<String> {
    let record = &exchange.exchange;
    // A probe that reads an existing conversation gets somebody's memory. Errors are the service's own words.
    let somebodys = run.kind == "retrieval" && record.status.is_some_and(|status| status < 400);
    let text = record.body_excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return None;
    }
    if somebodys && !show_texts {
        return Some(format!("[text, {} characters]", text.chars().count()));
    }
    Some(super::cells::cut(&text, LONGEST_EXCERPT))
}

fn queue(trace: &QueueTrace) -> String {
    let mut words = match &trace.status {
        Some(status) => format!("row {} is {status}", trace.queue_id),
        None => format!("row {} was not seen", trace.queue_id),
    };
    if let Some(retries) = trace.retry_count.filter(|retries| *retries > 0) {
        words.push_str(&format!(", {retries} failed attempts"));
    }
    if let Some(error) = &trace.error_message {
        words.push_str(&format!(", last error: {}", super::cells::cut(error, 160)));
    }
    words
}
