//! The summary for a terminal: what was sent, how fast it was, what became of it, and the verdict with its reasons.

use super::super::verdict::Verdict;
use super::super::{Distribution, search::Went};
use super::{Queue, Report, SearchReport, Sent};

/// Some lines for people.
#[must_use]
pub fn summary(report: &Report) -> Vec<String> {
    let run = &report.run;
    let mut lines = vec![
        format!("run {}: {} on {}, profile {}, {}", run.id, run.scenario, run.target, run.profile, run.manner()),
        format!(
            "{} {}, {} conversations, {:.1} s{}",
            run.users,
            if run.users == 1 { "user" } else { "users" },
            run.chats,
            run.seconds,
            if run.ignores_rate_limit { ", users' rate limits ignored" } else { "" }
        ),
    ];
    sent(&report.sent, &mut lines);
    report.queue.iter().for_each(|seen| queue(seen, &mut lines));
    report.search.iter().for_each(|found| search(found, &mut lines));
    lines.push(String::new());
    for held in &report.judged.objectives {
        let mark = if held.held { "kept  " } else { "BROKEN" };
        #[allow(clippy::cast_precision_loss)]
        let share = held.good as f64 / held.total.max(1) as f64;
        lines.push(format!(
            "{mark} {}: {} of {} {} ({}, wanted {})",
            held.slo,
            held.good,
            held.total,
            held.measured,
            percent(share),
            percent(held.wanted)
        ));
    }
    lines.extend(report.judged.remarks.iter().map(|remark| format!("note   {remark}")));
    lines.push(headline(report));
    if let Some(cleanup) = &report.cleanup {
        lines.push(match cleanup.left {
            Some(0) => format!("removed {} conversations; looked again, none is left", cleanup.removed),
            Some(left) => format!("removed {} conversations; {left} ARE LEFT", cleanup.removed),
            None => format!("removed {} conversations; whether any is left is NOT KNOWN", cleanup.removed),
        });
    }
    lines
}

/// The verdict in one line.
pub(super) fn headline(report: &Report) -> String {
    if let Some(search) = &report.search {
        let found = &search.found;
        return match found.holds {
            Some(rate) if found.confirmed => format!("verdict: holds {rate:.1} a second, confirmed; {}", found.because),
            Some(rate) => format!("verdict: held {rate:.1} a second, not confirmed; {}", found.because),
            None => format!("verdict: {}", found.because),
        };
    }
    match report.judged.verdict {
        Verdict::Kept => "verdict: the objectives hold".to_owned(),
        Verdict::Broken => "verdict: objectives are broken".to_owned(),
        Verdict::None => "verdict: none; this run says nothing about the service".to_owned(),
    }
}

fn sent(sent: &Sent, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!("{:<22} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "count", "p50", "p95", "p99", "longest"));
    for step in &sent.steps {
        lines.push(row(&format!("{} latency", step.step.as_str()), &step.latency));
        lines.push(row("  service time", &step.service));
    }
    lines.push(row("generator's lag", &sent.lag));
    lines.push(format!("{:.1} a second; {} due, {} begun", sent.rate, sent.due, sent.started));
    for step in &sent.steps {
        lines.push(format!(
            "{}: {} ended, {} succeeded, {} failed, {} refused by the rate limit",
            step.step.as_str(),
            step.ended,
            step.succeeded,
            step.failed,
            step.limited
        ));
    }
    for failure in &sent.failures {
        lines.push(format!(
            "  {} {}: {}; the first: {}",
            failure.count,
            failure.step.as_str(),
            failure.reason,
            failure.example
        ));
    }
}

fn queue(queue: &Queue, lines: &mut Vec<String>) {
    lines.push(row("update to processed", &queue.processed));
    let deepest = queue.levels.iter().filter_map(|level| level.depth).max();
    lines.push(format!(
        "queue: deepest {}; {}; {} given up, {} lost, {} not processed",
        deepest.map_or_else(|| "unknown".to_owned(), |depth| depth.to_string()),
        queue.drained_seconds.map_or_else(
            || "not drained while it was waited for".to_owned(),
            |seconds| format!("drained {seconds:.1} s after the last update")
        ),
        queue.given_up,
        queue.lost,
        queue.unprocessed
    ));
    if let Some(rows) = &queue.rows {
        lines.push(format!(
            "database: {} rows for {} accepted updates{}: {}",
            rows.rows,
            rows.accepted,
            if rows.unclear > 0 { format!(" and {} without an answer", rows.unclear) } else { String::new() },
            if rows.agree() { "they agree" } else { "they do NOT agree" }
        ));
    }
}

fn search(search: &SearchReport, lines: &mut Vec<String>) {
    lines.push(String::new());
    for step in &search.steps {
        let went = match step.went {
            Went::Held => "held",
            Went::Broke => "broke",
            Went::Void => "no verdict",
        };
        let because = if step.because.is_empty() { String::new() } else { format!(": {}", step.because.join("; ")) };
        lines.push(format!(
            "{:>8.1} a second {}{went}{because}",
            step.rate,
            if step.confirms { "(confirmation) " } else { "" }
        ));
    }
}

fn row(name: &str, times: &Distribution) -> String {
    let cells = [0.5, 0.95, 0.99].map(|q| seconds(times.quantile(q)));
    let [p50, p95, p99] = cells;
    format!("{name:<22} {:>9} {p50:>9} {p95:>9} {p99:>9} {:>9}", times.count, seconds(times.max))
}

/// A time with three digits that matter.
pub(super) fn seconds(seconds: f64) -> String {
    let (figure, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    match figure {
        f if f >= 100.0 => format!("{f:.0} {unit}"),
        f if f >= 10.0 => format!("{f:.1} {unit}"),
        f => format!("{f:.2} {unit}"),
    }
}

/// A share as people write it, with as many digits as it needs.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_their_unit() {
        let shown: Vec<String> = [0.000_042, 0.001_5, 0.0123, 0.1234, 2.5, 120.0].map(seconds).into();
        assert_eq!(shown, ["42.0 µs", "1.50 ms", "12.3 ms", "123 ms", "2.50 s", "120 s"]);
        assert_eq!([0.995, 1.0, 0.5].map(percent), ["99.5 %", "100 %", "50 %"]);
    }
}
