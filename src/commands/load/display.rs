//! How a run goes, on standard error: bars and figures on a terminal, a plain line now and then elsewhere.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io::IsTerminal;
use std::time::Duration as StdDuration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::model::Stopwatch;
use crate::traffic::{Loop, Progress, arrivals};

use super::measure::Now;
use super::output;

/// Between two plain lines.
const LINE: StdDuration = StdDuration::from_secs(5);

/// What shows a run.
pub(super) struct Display {
    terminal: bool,
    bar: RefCell<Option<ProgressBar>>,
    length: Cell<f64>,
    said: Cell<Option<Stopwatch>>,
}

impl Display {
    pub(super) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, bar: RefCell::default(), length: Cell::new(0.0), said: Cell::new(None) }
    }

    /// A line of its own, whatever is drawn.
    pub(super) fn say(&self, line: &str) {
        match &*self.bar.borrow() {
            Some(bar) => bar.println(line),
            None => output::talk(line),
        }
    }

    /// A measurement begins.
    pub(super) fn begins(&self, arrivals: &Loop) {
        let length = match arrivals {
            Loop::Open(stages) => arrivals::length(stages),
            Loop::Closed { length, .. } => *length,
        };
        self.length.set(length.as_secs_f64());
        self.said.set(Some(Stopwatch::start()));
        if self.terminal {
            let bar = ProgressBar::new(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {prefix}\n{msg}") {
                bar.set_style(style);
            }
            *self.bar.borrow_mut() = Some(bar);
        }
    }

    /// Shows what is new, for ever.
    pub(super) async fn watch(&self, now: &mut Now) -> Infallible {
        loop {
            now.changed().await;
            self.show(&now.get());
        }
    }

    /// The measurement is over.
    pub(super) fn ends(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a bar's place
    fn show(&self, now: &Progress) {
        let (elapsed, length) = (now.elapsed_seconds, self.length.get());
        if let Some(bar) = &*self.bar.borrow() {
            bar.set_position((elapsed * 1000.0) as u64);
            bar.set_prefix(format!("{elapsed:.0} of {length:.0} s"));
            bar.set_message(figures(now).join("\n"));
            return;
        }
        if self.said.get().is_none_or(|said| said.elapsed() >= LINE) {
            self.said.set(Some(Stopwatch::start()));
            output::talk(&format!("{elapsed:>5.0} of {length:.0} s: {}", figures(now).join("; ")));
        }
    }
}

/// What is to be seen while it goes.
fn figures(now: &Progress) -> Vec<String> {
    let mut lines = vec![format!(
        "{:.1} a second{}, {} under way",
        now.rate,
        if now.intended_rate > 0.0 { format!(" of {:.1} intended", now.intended_rate) } else { String::new() },
        now.in_flight
    )];
    let latency = now.latency_seconds.map_or_else(
        || "nothing ended".to_owned(),
        |[p50, p95, p99]| format!("p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms", p50 * 1e3, p95 * 1e3, p99 * 1e3),
    );
    lines.push(format!("{latency}, generator's lag {:.1} ms", now.lag_seconds * 1e3));
    let failures: Vec<String> = now.failures.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let failures = if failures.is_empty() { "no failures".to_owned() } else { failures.join(", ") };
    lines.push(format!("{} ended well, {failures}, {} refused by the rate limit", now.succeeded, now.limited));
    if let Some(unprocessed) = now.unprocessed {
        let depth = now.queue_depth.map_or_else(|| "unknown".to_owned(), |depth| depth.to_string());
        lines.push(format!("queue depth {depth}, {unprocessed} updates of this run not processed"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rate_percentiles_errors_by_kind_and_queue_depth() {
        let now = Progress {
            rate: 199.6,
            intended_rate: 200.0,
            in_flight: 4,
            succeeded: 1000,
            limited: 3,
            failures: [("timeout".to_owned(), 2)].into(),
            latency_seconds: Some([0.002, 0.004, 0.0123]),
            queue_depth: Some(17),
            unprocessed: Some(9),
            ..Progress::default()
        };
        let line = figures(&now).join("; ");
        for part in ["199.6 a second of 200.0", "p99 12.3 ms", "2 timeout", "3 refused", "queue depth 17, 9 updates"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}
