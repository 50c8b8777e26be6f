//! `/probes/<target>/<probe>`: the last failures first, because they bring somebody here, then the last runs.

use std::time::Duration as StdDuration;

use maud::{Markup, html};

use crate::model::Timestamp;
use crate::probes::{Failure, Outcome, QueueTrace, Step, StepExchange};

use super::super::Sources;
use super::phrases;

/// `None` if there is no such target or probe.
pub(super) fn body(sources: &Sources, target: &str, probe: &str) -> Option<Markup> {
    let targets = sources.view.targets();
    targets.iter().find(|known| known.name == target)?.probes.iter().find(|known| known.name == probe)?;
    let now = sources.clock.now();
    let (runs, failures) = (sources.history.recent(target, probe), sources.history.failures(target, probe));
    Some(html! {
        p.quiet { a href="/" { "Overview" } " › " (target) }
        h1 { (probe) " on " (target) }
        @if runs.is_empty() && failures.is_empty() { p.quiet { "No run has ended yet." } }
        @if !failures.is_empty() {
            h2 { "Last failures" }
            @for (i, run) in failures.iter().enumerate() { (one(run, now, i == 0)) }
        }
        @if !runs.is_empty() {
            h2 { "Last runs" }
            @for run in &runs { (one(run, now, false)) }
        }
    })
}

fn one(run: &Outcome, now: Timestamp, open: bool) -> Markup {
    let (class, sign) = if run.is_success() { ("good", "✓") } else { ("bad", "✗") };
    html! {
        details.run open[open] {
            summary class=(class) {
                span.sign aria-hidden="true" { (sign) }
                span.name {
                    @match &run.failure {
                        Some(failure) => (failure.reason.as_str().replace('_', " ")),
                        None => "succeeded",
                    }
                }
                span.outcome { (phrases::took(run.took)) " · " (phrases::ago(run.started_at, now)) }
            }
            p.facts {
                span { "began " (phrases::exact(run.started_at)) }
                @if let Some(took) = run.update_took { span { "update visible after " (phrases::took(took)) } }
                @if let Some(chat) = &run.chat_id { span.label { "chat_id=" (chat) } }
            }
            @for note in &run.notes { p.quiet { (note) } }
            (waterfall(run))
            @if let Some(queue) = &run.queue { (row(queue)) }
            @for exchange in &run.exchanges { (asked(exchange)) }
        }
    }
}

/// Each step as a bar on the time of the run.
fn waterfall(run: &Outcome) -> Markup {
    let end = run.steps.iter().map(|step| step.offset + step.took).max().unwrap_or_default();
    let whole = end.max(run.took).max(StdDuration::from_micros(1));
    let known = |failure: &&Failure| run.steps.iter().any(|step| step.name == failure.step);
    html! {
        // A failure before or between the steps has no bar to stand under.
        @if let Some(failure) = run.failure.as_ref().filter(|failure| !known(failure)) {
            p.problem { (failure.step) ": " (failure.message) }
        }
        ol.waterfall { @for step in &run.steps { (bar(step, run.failure.as_ref(), whole)) } }
    }
}

fn bar(step: &Step, failure: Option<&Failure>, whole: StdDuration) -> Markup {
    let percent = |part: StdDuration| 100.0 * part.as_secs_f64() / whole.as_secs_f64();
    // A step too short to see still shows where it was.
    let width = percent(step.took).clamp(1.2, 100.0);
    let x = percent(step.offset).clamp(0.0, 100.0 - width);
    let class = if step.ok { "step" } else { "step bad" };
    html! {
        li class=(class) {
            span.name { (step.name.replace('_', " ")) }
            svg viewBox="0 0 100 10" preserveAspectRatio="none" role="presentation" {
                rect.track x="0" y="0" width="100" height="10" {}
                rect.bar x=(format!("{x:.2}")) y="0" width=(format!("{width:.2}")) height="10" {}
            }
            span.took { (phrases::took(step.took)) }
            @if let Some(failure) = failure.filter(|failure| failure.step == step.name && !step.ok) {
                p.problem { (failure.message) }
            }
        }
    }
}

/// The queue row behind the update.
fn row(queue: &QueueTrace) -> Markup {
    html! {
        dl.row {
            dt { "Queue row" } dd.label { (queue.queue_id) }
            dt { "Status" }
            dd { @match &queue.status { Some(status) => (status), None => "not seen" } ", looked at " (queue.looks) "×" }
            @if let Some(at) = queue.created_at { dt { "Queued" } dd { (phrases::exact(at)) } }
            @if let Some(at) = queue.processed_at { dt { "Processed" } dd { (phrases::exact(at)) } }
            @if let Some(count) = queue.retry_count.filter(|count| *count > 0) { dt { "Tried again" } dd { (count) "×" } }
            @if let Some(error) = &queue.error_message { dt { "Its error" } dd { (error) } }
        }
    }
}

fn asked(StepExchange { step, exchange }: &StepExchange) -> Markup {
    html! {
        details.exchange {
            summary {
                (exchange.method) " " (exchange.path) " → "
                @match exchange.status { Some(status) => (status), None => "no answer" }
                span.took { " " (phrases::took(exchange.timings.total)) }
            }
            p.facts {
                span { "step " (step) }
                @for (phase, took) in exchange.timings.phases() {
                    @if let Some(took) = took { span { (phase.replace('_', " ")) " " (phrases::took(took)) } }
                }
                @if let Some(seconds) = exchange.process_seconds { span { "service says " (phrases::number(seconds)) " s" } }
            }
            p.facts {
                span.label { "request_id=" (exchange.request_id) }
                @if let Some(id) = &exchange.service_request_id { span.label { "service_request_id=" (id) } }
            }
            @if !exchange.body_excerpt.is_empty() { pre { (exchange.body_excerpt) } }
        }
    }
}
