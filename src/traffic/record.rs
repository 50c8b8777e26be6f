//! What a run measures as it goes: counts, HDR histograms, a timeline, and each second a word for those who watch.
//!
//! Takes the same memory at any length and rate. Latency counts from the intended start, service time from the
//! real one; lag, by which the generator itself was late, is between the two.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::memory_api::FailureReason;

use super::distribution::histogram;
use super::scenario::Step;
use super::timeline::{Join, Sketch, Timeline};

/// What came of one arrival. Times are since the beginning of the run.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) step: Step,
    /// When it should have begun.
    pub(super) intended: StdDuration,
    /// When it did.
    pub(super) started: StdDuration,
    pub(super) ended: StdDuration,
    /// Why it failed, and a sentence about it.
    pub(super) outcome: Result<(), (FailureReason, String)>,
}

/// What made an arrival begin late that the generator was ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldBack {
    /// As many as allowed were under way.
    Crowded,
    /// No user had budget left, or no conversation was free.
    OutOfTurn,
}

/// What is known of one step.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// Ended, in whatever way.
    pub ended: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failures by reason; refusals by the rate limit are among them.
    pub failures: BTreeMap<FailureReason, u64>,
    /// From the intended start, in microseconds, of those that succeeded or ran out of time.
    pub latency: Histogram<u64>,
    /// From the real start, of the same.
    pub service: Histogram<u64>,
}

impl StepRecord {
    fn new() -> Self {
        Self { ended: 0, succeeded: 0, failures: BTreeMap::new(), latency: histogram(), service: histogram() }
    }

    /// Refusals by the rate limit.
    #[must_use]
    pub fn limited(&self) -> u64 {
        self.failures.get(&FailureReason::RateLimited).copied().unwrap_or(0)
    }

    /// Failures of the service: all but refusals by the rate limit.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.ended - self.succeeded - self.limited()
    }
}

/// One point of the timeline.
#[derive(Debug, Clone, Default)]
pub(super) struct Moment {
    pub(super) started: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) limited: u64,
    pub(super) latency: Sketch,
}

impl Join for Moment {
    fn join(&mut self, later: Self) {
        self.started += later.started;
        self.succeeded += later.succeeded;
        self.failed += later.failed;
        self.limited += later.limited;
        self.latency.join(&later.latency);
    }
}

/// How a run goes, for those who watch it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Since the beginning.
    pub elapsed_seconds: f64,
    /// Arrivals a second that were intended for the last period; 0 in closed loop.
    pub intended_rate: f64,
    /// Arrivals a second that were begun in the last period.
    pub rate: f64,
    /// Ended so far.
    pub ended: u64,
    /// Ended well so far.
    pub succeeded: u64,
    /// Refused by the rate limit so far.
    pub limited: u64,
    /// Failures of the service so far, by reason.
    pub failures: BTreeMap<String, u64>,
    /// Under way.
    pub in_flight: u64,
    /// Percentiles of latency in the last period, in seconds: 50, 95, 99; nothing if nothing ended.
    pub latency_seconds: Option<[f64; 3]>,
    /// The 99th percentile of the generator's lag so far, in seconds.
    pub lag_seconds: f64,
    /// Entries in the queue, where it can be read.
    pub queue_depth: Option<u64>,
    /// Updates that were accepted and not processed yet, where that can be seen.
    pub unprocessed: Option<u64>,
}

/// Everything that is measured where requests are sent.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// By step, in the order of [`Step::ALL`].
    pub(super) steps: [StepRecord; Step::ALL.len()],
    /// Of the generator, in microseconds.
    pub(super) lag: Histogram<u64>,
    /// Arrivals that were due.
    pub(super) due: u64,
    /// Begun.
    pub(super) started: u64,
    /// Arrivals that began late or never, because as many as allowed were under way.
    pub(super) crowded: u64,
    /// Arrivals that began late or never, because no user had budget left or no conversation was free.
    pub(super) out_of_turn: u64,
    /// Updates that the service accepted.
    pub(super) accepted: u64,
    pub(super) timeline: Timeline<Moment>,
    /// The first failure of each kind, as a sentence.
    pub(super) sentences: BTreeMap<FailureReason, String>,
    /// When the last arrival began.
    pub(super) last_start: StdDuration,
    period: Period,
}

/// What happened since the last word.
#[derive(Debug, Clone)]
struct Period {
    since: StdDuration,
    due: u64,
    started: u64,
    latency: Sketch,
}

impl Recorder {
    /// Nothing yet.
    #[must_use]
    pub(super) fn new() -> Self {
        let period = Period { since: StdDuration::ZERO, due: 0, started: 0, latency: Sketch::default() };
        Self {
            steps: Step::ALL.map(|_| StepRecord::new()),
            lag: histogram(),
            due: 0,
            started: 0,
            crowded: 0,
            out_of_turn: 0,
            accepted: 0,
            timeline: Timeline::new(),
            sentences: BTreeMap::new(),
            last_start: StdDuration::ZERO,
            period,
        }
    }

    /// What is known of a step.
    #[must_use]
    pub fn step(&self, step: Step) -> &StepRecord {
        &self.steps[step.place()]
    }

    /// An arrival is due.
    pub(super) fn due(&mut self) {
        self.due += 1;
        self.period.due += 1;
    }

    /// An arrival begins; its lateness is the generator's unless something held it back.
    pub(super) fn began(&mut self, intended: StdDuration, started: StdDuration, held_back: Option<HeldBack>) {
        self.started += 1;
        self.period.started += 1;
        self.last_start = self.last_start.max(started);
        self.timeline.at(started).started += 1;
        match held_back {
            Some(HeldBack::Crowded) => self.crowded += 1,
            Some(HeldBack::OutOfTurn) => self.out_of_turn += 1,
            None => self.lag.saturating_record(micros(started.saturating_sub(intended))),
        }
    }

    /// So many arrivals were due and never began, because as many as allowed were under way to the end.
    pub(super) fn left_out(&mut self, count: u64) {
        self.due += count;
        self.crowded += count;
    }

    /// An arrival never began, because no user had budget left and no conversation was free for too long.
    pub(super) fn gave_up(&mut self) {
        self.out_of_turn += 1;
    }

    /// An arrival has ended.
    pub(super) fn ended(&mut self, done: Done) {
        let latency = micros(done.ended.saturating_sub(done.intended));
        let step = &mut self.steps[done.step.place()];
        let moment = self.timeline.at(done.ended);
        step.ended += 1;
        let timed = match done.outcome {
            Ok(()) => {
                step.succeeded += 1;
                moment.succeeded += 1;
                true
            }
            Err((reason, sentence)) => {
                *step.failures.entry(reason).or_default() += 1;
                let limited = reason == FailureReason::RateLimited;
                *(if limited { &mut moment.limited } else { &mut moment.failed }) += 1;
                self.sentences.entry(reason).or_insert(sentence);
                // A service that stops answering must not look faster.
                reason == FailureReason::Timeout
            }
        };
        if timed {
            step.latency.saturating_record(latency);
            step.service.saturating_record(micros(done.ended.saturating_sub(done.started)));
            moment.latency.record(latency);
            self.period.latency.record(latency);
        }
    }

    /// How it goes; begins a new period.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn progress(&mut self, now: StdDuration, in_flight: usize) -> Progress {
        let next = Period { since: now, due: 0, started: 0, latency: Sketch::default() };
        let period = std::mem::replace(&mut self.period, next);
        let seconds = now.saturating_sub(period.since).as_secs_f64().max(1e-3);
        let mut failures = BTreeMap::new();
        for (reason, count) in self.steps.iter().flat_map(|step| &step.failures) {
            if *reason != FailureReason::RateLimited {
                *failures.entry(reason.as_str().to_owned()).or_default() += count;
            }
        }
        let at = |q| period.latency.quantile(q).map(|micros| micros / 1e6);
        Progress {
            elapsed_seconds: now.as_secs_f64(),
            intended_rate: period.due as f64 / seconds,
            rate: period.started as f64 / seconds,
            ended: self.steps.iter().map(|step| step.ended).sum(),
            succeeded: self.steps.iter().map(|step| step.succeeded).sum(),
            limited: self.steps.iter().map(StepRecord::limited).sum(),
            failures,
            in_flight: in_flight as u64,
            latency_seconds: at(0.5).zip(at(0.95)).zip(at(0.99)).map(|((a, b), c)| [a, b, c]),
            lag_seconds: self.lag.value_at_quantile(0.99) as f64 / 1e6,
            queue_depth: None,
            unprocessed: None,
        }
    }
}

/// Whole microseconds, at least one.
pub(super) fn micros(time: StdDuration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(intended: u64, started: u64, ended: u64, outcome: Result<(), FailureReason>) -> Done {
        let ms = StdDuration::from_millis;
        let outcome = outcome.map_err(|reason| (reason, "said".to_owned()));
        let (intended, started, ended) = (ms(intended), ms(started), ms(ended));
        Done { step: Step::Update, intended, started, ended, outcome }
    }

    #[test]
    fn latency_counts_from_the_intended_start_and_a_refusal_is_no_failure_of_the_service() {
        let mut recorder = Recorder::new();
        recorder.due();
        recorder.began(StdDuration::from_millis(0), StdDuration::from_millis(40), None);
        recorder.ended(done(0, 40, 50, Ok(())));
        recorder.ended(done(0, 0, 5, Err(FailureReason::RateLimited)));
        recorder.ended(done(0, 0, 1, Err(FailureReason::Http5xx)));
        recorder.ended(done(0, 0, 900, Err(FailureReason::Timeout)));
        let step = recorder.step(Step::Update);
        assert_eq!((step.ended, step.succeeded, step.limited(), step.failed()), (4, 1, 1, 2));
        assert_eq!((step.latency.len(), step.latency.min() / 1000, step.service.min() / 1000), (2, 49, 9));
        assert!(recorder.lag.max() >= 39_000);
        let progress = recorder.progress(StdDuration::from_secs(1), 3);
        assert_eq!((progress.ended, progress.limited, progress.in_flight), (4, 1, 3));
        let failures: Vec<_> = progress.failures.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        assert_eq!(failures, [("http_5xx", 1), ("timeout", 1)]);
        assert!(progress.latency_seconds.is_some_and(|[p50, _, p99]| p50 < 0.06 && p99 > 0.8));
        assert_eq!(recorder.progress(StdDuration::from_secs(2), 0).latency_seconds, None, "nothing new");
    }
}
