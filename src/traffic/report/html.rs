//! The report as one HTML file that needs nothing else: the verdict first, then charts, then every figure.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::Distribution;
use super::super::search::Went;
use super::super::verdict::Verdict;
use super::chart::{Chart, Line, plain};
use super::text::{headline, percent, seconds};
use super::{Queue, Report, SearchReport, Sent};

/// Percentiles on the horizontal axis of their chart.
const SHOWN: [(f64, &str); 6] =
    [(0.5, "50 %"), (0.75, "75 %"), (0.9, "90 %"), (0.95, "95 %"), (0.99, "99 %"), (0.999, "99.9 %")];

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> String {
    let run = &report.run;
    let title = format!("Load on {}: {}, {}", run.target, run.scenario, run.profile);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                h1 { (title) }
                p class=(class(report)) { (headline(report)) }
                @for remark in &report.judged.remarks { p.remark { (remark) } }
                (facts(report))
                (objectives(report))
                @if let Some(search) = &report.search { (search_steps(search)) }
                h2 { "Over time" }
                (rates(&report.sent))
                (latencies(&report.sent))
                @if let Some(queue) = &report.queue { (levels(queue)) }
                h2 { "Latency" }
                (percentiles(report))
                (times(report))
                (failures(&report.sent))
                @if let Some(queue) = &report.queue { (queue_figures(queue)) }
                (reading(report))
            }
        }
    }
    .into_string()
}

fn class(report: &Report) -> &'static str {
    match report.judged.verdict {
        _ if report.search.is_some() => "verdict none",
        Verdict::Kept => "verdict kept",
        Verdict::Broken => "verdict broken",
        Verdict::None => "verdict none",
    }
}

fn facts(report: &Report) -> Markup {
    let (run, sent) = (&report.run, &report.sent);
    let cleanup = report.cleanup.map_or_else(
        || "nothing to remove".to_owned(),
        |cleanup| match cleanup.left {
            Some(0) => format!("{} conversations removed, none left", cleanup.removed),
            Some(left) => format!("{} conversations removed, {left} left", cleanup.removed),
            None => format!("{} conversations removed, the rest not known", cleanup.removed),
        },
    );
    let facts = [
        ("Service", run.url.clone()),
        ("Began", run.began.to_string()),
        ("Took", format!("{:.1} s", run.seconds)),
        ("Manner", run.manner()),
        ("Sent", format!("{} of {} due, {:.1} a second", sent.started, sent.due, sent.rate)),
        ("Users", format!("{} with {} conversations", run.users, run.chats)),
        ("Rate limits", if run.ignores_rate_limit { "ignored on purpose" } else { "kept to, each user's" }.to_owned()),
        ("Data", cleanup),
        ("Run", run.id.clone()),
        ("memsentry", report.memsentry.clone()),
    ];
    html! { dl { @for (name, fact) in facts { div { dt { (name) } dd { (fact) } } } } }
}

fn objectives(report: &Report) -> Markup {
    html! {
        @if !report.judged.objectives.is_empty() {
            h2 { "Objectives" }
            table {
                tr { th { "objective" } th { "measured" } th.n { "good" } th.n { "of" } th.n { "share" } th.n { "wanted" } th {} }
                @for held in &report.judged.objectives {
                    tr {
                        td { (held.slo) } td { (held.measured) }
                        td.n { (held.good) } td.n { (held.total) }
                        td.n { (percent(ratio(held.good, held.total))) } td.n { (percent(held.wanted)) }
                        @if held.held { td.good { "kept" } } @else { td.bad { "broken" } }
                    }
                }
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

fn search_steps(search: &SearchReport) -> Markup {
    html! {
        h2 { "Search" }
        table {
            tr { th.n { "arrivals a second" } th {} th.n { "p99" } th { "why" } }
            @for step in &search.steps {
                tr {
                    td.n { (format!("{:.1}", step.rate)) @if step.confirms { " (confirmation)" } }
                    @match step.went {
                        Went::Held => td.good { "held" },
                        Went::Broke => td.bad { "broke" },
                        Went::Void => td { "no verdict" },
                    }
                    td.n { (seconds(step.p99)) }
                    td { (step.because.join("; ")) }
                }
            }
        }
    }
}

fn rates(sent: &Sent) -> Markup {
    #[allow(clippy::cast_precision_loss)]
    let line = |name, class, count: fn(&super::Point) -> u64| Line {
        name,
        class,
        points: sent
            .timeline
            .iter()
            .map(|point| (point.at, Some(count(point) as f64 / sent.width_seconds.max(1e-3))))
            .collect(),
    };
    let mut lines = vec![line("begun", "a", |p| p.started), line("succeeded", "b", |p| p.succeeded)];
    if sent.timeline.iter().any(|point| point.failed > 0) {
        lines.push(line("failed", "c", |p| p.failed));
    }
    if sent.timeline.iter().any(|point| point.limited > 0) {
        lines.push(line("refused by the rate limit", "d", |p| p.limited));
    }
    let title = "Arrivals a second";
    Chart { title, show: plain, below: "seconds since the beginning", ticks: Vec::new(), log: false, lines }.draw()
}

fn latencies(sent: &Sent) -> Markup {
    let line = |name, class, value: fn(&super::Point) -> Option<f64>| Line {
        name,
        class,
        points: sent.timeline.iter().map(|point| (point.at, value(point))).collect(),
    };
    let lines = vec![line("99th percentile", "c", |p| p.p99), line("median", "a", |p| p.p50)];
    let title = "Latency of requests, from their intended start";
    Chart { title, show: seconds, below: "seconds since the beginning", ticks: Vec::new(), log: true, lines }.draw()
}

#[allow(clippy::cast_precision_loss)]
fn levels(queue: &Queue) -> Markup {
    let lines = vec![
        Line {
            name: "entries in the queue, of everybody",
            class: "a",
            points: queue.levels.iter().map(|level| (level.at, level.depth.map(|depth| depth as f64))).collect(),
        },
        Line {
            name: "updates of this run not processed",
            class: "d",
            points: queue.levels.iter().map(|level| (level.at, Some(level.unprocessed as f64))).collect(),
        },
    ];
    let title = "The queue";
    Chart { title, show: plain, below: "seconds since the beginning", ticks: Vec::new(), log: false, lines }.draw()
}

fn percentiles(report: &Report) -> Markup {
    #[allow(clippy::cast_precision_loss)]
    let line = |name, class, times: &Distribution| Line {
        name,
        class,
        points: SHOWN.iter().enumerate().map(|(at, (q, _))| (at as f64, Some(times.quantile(*q)))).collect(),
    };
    let mut lines = Vec::new();
    if let Some(step) = report.sent.steps.iter().max_by_key(|step| step.ended) {
        lines.push(line("latency, from the intended start", "c", &step.latency));
        lines.push(line("service time, from the real start", "a", &step.service));
    }
    if let Some(queue) = report.queue.as_ref().filter(|queue| queue.processed.count > 0) {
        lines.push(line("update until processed", "d", &queue.processed));
    }
    lines.push(line("the generator's own lag", "e", &report.sent.lag));
    #[allow(clippy::cast_precision_loss)]
    let ticks = SHOWN.iter().enumerate().map(|(at, (_, name))| (at as f64, (*name).to_owned())).collect();
    let title = "By percentile: so many percent took no longer";
    Chart { title, show: seconds, below: "", ticks, log: true, lines }.draw()
}

fn times(report: &Report) -> Markup {
    let row = |name: String, times: &Distribution| {
        html! {
            tr {
                td { (name) } td.n { (times.count) } td.n { (seconds(times.min)) } td.n { (seconds(times.mean)) }
                @for (q, _) in SHOWN { td.n title=(bounds(times, q)) { (seconds(times.quantile(q))) } }
                td.n { (seconds(times.max)) }
            }
        }
    };
    html! {
        table {
            tr {
                th {} th.n { "count" } th.n { "least" } th.n { "mean" }
                @for (_, name) in SHOWN { th.n { (name) } }
                th.n { "greatest" }
            }
            @for step in &report.sent.steps {
                (row(format!("{} latency", step.step.as_str()), &step.latency))
                (row(format!("{} service time", step.step.as_str()), &step.service))
            }
            @if let Some(queue) = &report.queue { (row("update to processed".to_owned(), &queue.processed)) }
            (row("generator's lag".to_owned(), &report.sent.lag))
        }
    }
}

/// The confidence interval of a quantile, for whoever points at it.
fn bounds(times: &Distribution, q: f64) -> String {
    let found = times.quantiles.iter().find(|kept| (kept.q - q).abs() < 1e-9);
    found.map_or_else(String::new, |kept| {
        format!("with 95 % confidence between {} and {}", seconds(kept.low), seconds(kept.high))
    })
}

fn failures(sent: &Sent) -> Markup {
    html! {
        @if !sent.failures.is_empty() {
            h2 { "Failures" }
            table {
                tr { th { "step" } th { "reason" } th.n { "count" } th { "the first of them" } }
                @for failure in &sent.failures {
                    tr {
                        td { (failure.step.as_str()) } td { (failure.reason) } td.n { (failure.count) }
                        td { (failure.example) }
                    }
                }
            }
        }
    }
}

fn queue_figures(queue: &Queue) -> Markup {
    let drained = queue.drained_seconds.map_or_else(|| "not while it was waited for".to_owned(), seconds);
    html! {
        h2 { "Updates in the queue" }
        dl {
            div { dt { "Drained" } dd { (drained) " after the last update" } }
            div { dt { "Given up" } dd { (queue.given_up) } }
            div { dt { "Lost" } dd { (queue.lost) } }
            div { dt { "Not processed" } dd { (queue.unprocessed) } }
            div { dt { "Not followed" } dd { (queue.not_followed) } }
            @if let Some(rows) = &queue.rows {
                div {
                    dt { "Rows in the database" }
                    dd {
                        (rows.rows) " for " (rows.accepted) " accepted updates"
                        @if rows.unclear > 0 { " and " (rows.unclear) " without an answer" }
                        @if rows.agree() { ": they agree" } @else { ": " span.bad { "they do not agree" } }
                    }
                }
            }
        }
    }
}

/// What one has to know to read the figures.
fn reading(report: &Report) -> Markup {
    html! {
        h2 { "How to read this" }
        ul {
            @if report.run.closed.is_some() {
                li {
                    "In closed loop the next request begins when one has ended, so that a service that stalls is asked \
                     less often while it does: the percentiles flatter it."
                }
            } @else {
                li {
                    "Latency counts from when a request should have begun, service time from when it did. A stall of \
                     the service shows in the latency of all requests that were due meanwhile."
                }
            }
            li { "Latency is that of requests that succeeded or ran out of time; other failures are counted apart." }
            li { "A refusal by the rate limit (429) is not a failure of the service." }
            @if let Some(queue) = &report.queue {
                li {
                    "The time to processed is that of the look at the database that saw it: up to "
                    (seconds(queue.longest_look_seconds)) " too long."
                }
            }
            li { "Percentiles over time are exact to an eighth, all others to three digits." }
        }
    }
}
