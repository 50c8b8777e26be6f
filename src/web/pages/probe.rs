//! `/probes/<target>/<probe>`: the last failures first, because they bring somebody here, then the last runs.

use std::time::Duration as StdDuration;

use maud::{Markup, html};

use crate::model::Timestamp;

use super::super::{PROBES_KEPT, ProbeHistory, Run, Sources, Step};
use super::phrases;

pub(super) fn body(sources: &Sources, target: &str, probe: &str, history: &ProbeHistory) -> Markup {
    let now = sources.clock.now();
    html! {
        p.quiet { a href="/" { "Overview" } " › " (target) }
        h1 { (probe) " on " (target) }
        @if history.runs.is_empty() && history.failures.is_empty() { p.quiet { "No run has ended yet." } }
        @if !history.failures.is_empty() {
            h2 { "Last failures" }
            @for (i, run) in history.failures.iter().take(PROBES_KEPT).enumerate() { (one(run, now, i == 0)) }
        }
        @if !history.runs.is_empty() {
            h2 { "Last runs" }
            @for run in history.runs.iter().take(PROBES_KEPT) { (one(run, now, false)) }
        }
    }
}

fn one(run: &Run, now: Timestamp, open: bool) -> Markup {
    let (class, sign) = if run.summary.failure.is_some() { ("bad", "✗") } else { ("good", "✓") };
    html! {
        details.run open[open] {
            summary class=(class) {
                span.sign aria-hidden="true" { (sign) }
                span.name {
                    @match &run.summary.failure { Some((kind, _)) => (kind.replace('_', " ")), None => "succeeded" }
                }
                span.outcome { (phrases::took(run.summary.took)) " · " (phrases::ago(run.summary.at, now)) }
            }
            @if let Some((_, detail)) = &run.summary.failure { p.problem { (detail) } }
            p.quiet { "began " (phrases::exact(run.summary.at)) }
            (waterfall(run))
            @for exchange in &run.exchanges {
                details.exchange {
                    summary { (exchange.title) }
                    h4 { "Sent" } pre { (exchange.request) }
                    h4 { "Answered" } pre { (exchange.answer) }
                }
            }
        }
    }
}

/// Each step as a bar on the time of the run.
fn waterfall(run: &Run) -> Markup {
    let end = run.steps.iter().map(|step| step.began_after + step.took).max().unwrap_or_default();
    let whole = end.max(run.summary.took).max(StdDuration::from_micros(1));
    html! {
        ol.waterfall { @for step in &run.steps { (bar(step, whole)) } }
    }
}

fn bar(step: &Step, whole: StdDuration) -> Markup {
    let percent = |part: StdDuration| 100.0 * part.as_secs_f64() / whole.as_secs_f64();
    // A step too short to see still shows where it was.
    let width = percent(step.took).clamp(1.2, 100.0);
    let x = percent(step.began_after).clamp(0.0, 100.0 - width);
    let class = if step.failure.is_some() { "step bad" } else { "step" };
    html! {
        li class=(class) {
            span.name { (step.name) }
            svg viewBox="0 0 100 10" preserveAspectRatio="none" role="presentation" {
                rect.track x="0" y="0" width="100" height="10" {}
                rect.bar x=(format!("{x:.2}")) y="0" width=(format!("{width:.2}")) height="10" {}
            }
            span.took { (phrases::took(step.took)) }
            @if let Some(failure) = &step.failure { p.problem { (failure) } }
        }
    }
}
