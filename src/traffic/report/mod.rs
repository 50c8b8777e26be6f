//! A whole load run as data, and its three forms: JSON for programs, one HTML file, some lines for a terminal.
//!
//! Everything that is written is made from a [`Report`], so that nothing is said that the JSON does not hold.

mod chart;
mod html;
mod text;

use serde::{Deserialize, Serialize};

use crate::memory_api::FailureReason;
use crate::model::Timestamp;
use crate::queue::Tally;

use super::arrivals::Stage;
use super::follow::Followed;
use super::record::{Recorder, StepRecord};
use super::scenario::Step;
use super::search::{Found, Went};
use super::verdict::Judged;
use super::{Distribution, engine::Loop};

pub use html::html;
pub use text::summary;

/// One load run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form; 1.
    pub format: u32,
    /// The version of memsentry.
    pub memsentry: String,
    /// What was loaded, and how.
    pub run: Run,
    /// What was sent and what came of it; of a search, in its last step.
    pub sent: Sent,
    /// What became of accepted updates in the queue, where that could be seen.
    pub queue: Option<Queue>,
    /// The verdict; of a search, on its last step.
    pub judged: Judged,
    /// The steps of a search and what it found.
    pub search: Option<SearchReport>,
    /// What was removed at the end; `None` where there was nothing to remove.
    pub cleanup: Option<Cleanup>,
}

/// What was loaded, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The run's id; the marker of all data that it made.
    pub id: String,
    /// The target's name.
    pub target: String,
    /// The service's address, without secrets.
    pub url: String,
    /// What was sent.
    pub scenario: String,
    /// How the rate went.
    pub profile: String,
    /// The rates in open loop; empty in closed loop.
    pub stages: Vec<Stage>,
    /// How many were under way at a time in closed loop.
    pub closed: Option<usize>,
    /// When it began.
    pub began: Timestamp,
    /// Seconds that it took, from the first login until the queue was drained.
    pub seconds: f64,
    /// Users who sent.
    pub users: usize,
    /// Conversations that were used.
    pub chats: usize,
    /// Whether users' limits were exceeded on purpose.
    pub ignores_rate_limit: bool,
}

/// What was sent and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Arrivals that were due.
    pub due: u64,
    /// Arrivals that began.
    pub started: u64,
    /// Arrivals that began late or never, because as many as allowed were under way.
    pub crowded: u64,
    /// Arrivals that began late or never, for want of a user's budget or of a free conversation.
    pub out_of_turn: u64,
    /// Updates that the service accepted.
    pub accepted: u64,
    /// Arrivals that ended, a second.
    pub rate: f64,
    /// The generator's lag, in seconds: by how much it began later than intended.
    pub lag: Distribution,
    /// Each step that was sent.
    pub steps: Vec<StepSent>,
    /// Each kind of failure.
    pub failures: Vec<FailureSeen>,
    /// What one point of the timeline stands for, in seconds.
    pub width_seconds: f64,
    /// What happened when.
    pub timeline: Vec<Point>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSent {
    /// Which.
    pub step: Step,
    /// Ended, in whatever way.
    pub ended: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed by the service.
    pub failed: u64,
    /// Refused by the rate limit.
    pub limited: u64,
    /// From the intended start, in seconds.
    pub latency: Distribution,
    /// From the real start, in seconds.
    pub service: Distribution,
}

/// One kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureSeen {
    /// What failed.
    pub step: Step,
    /// Why.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// The first of them, redacted.
    pub example: String,
}

/// One point of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where it begins, in seconds.
    pub at: f64,
    /// Begun.
    pub started: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed by the service.
    pub failed: u64,
    /// Refused by the rate limit.
    pub limited: u64,
    /// The median of latency, in seconds; `None` if nothing ended.
    pub p50: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

/// What became of accepted updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// From the intended start to the look that saw the row complete, in seconds.
    pub processed: Distribution,
    /// Given up by the worker.
    pub given_up: u64,
    /// Not in the table.
    pub lost: u64,
    /// Not processed when it was no longer waited for.
    pub unprocessed: u64,
    /// Accepted and not followed, because too many were.
    pub not_followed: u64,
    /// From the last accepted update to the last processed one, in seconds; `None` if that was not waited for.
    pub drained_seconds: Option<f64>,
    /// The longest time between two looks at one row: by so much the time to processed may be too long.
    pub longest_look_seconds: f64,
    /// Looks that brought no answer.
    pub failed_looks: u64,
    /// The rows in the database beside what was sent.
    pub rows: Option<Rows>,
    /// What one point stands for, in seconds.
    pub width_seconds: f64,
    /// How full the queue was.
    pub levels: Vec<Level>,
}

/// The rows of the run's conversations, counted at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// All of them.
    pub rows: u64,
    /// Processed.
    pub complete: u64,
    /// Given up.
    pub given_up: u64,
    /// Neither.
    pub waiting: u64,
    /// Updates that the service accepted, those before the measurement included.
    pub accepted: u64,
    /// Updates without a usable answer, each of which may have made a row.
    pub unclear: u64,
}

impl Rows {
    /// Whether there is a row for each accepted update, and none that nobody asked for.
    #[must_use]
    pub fn agree(&self) -> bool {
        (self.accepted..=self.accepted + self.unclear).contains(&self.rows)
    }
}

/// How full the queue was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Where the point begins, in seconds.
    pub at: f64,
    /// The greatest depth, of everybody's entries.
    pub depth: Option<u64>,
    /// The most updates of this run that waited.
    pub unprocessed: u64,
}

/// A search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// Its steps, in their order.
    pub steps: Vec<SearchStep>,
    /// What it found.
    pub found: Found,
}

/// One step of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchStep {
    /// The rate.
    pub rate: f64,
    /// Whether it was a confirmation.
    pub confirms: bool,
    /// How it went.
    pub went: Went,
    /// The 99th percentile of latency, in seconds, of the slowest step.
    pub p99: f64,
    /// The objectives that broke, or why it says nothing.
    pub because: Vec<String>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// Conversations that were removed.
    pub removed: u64,
    /// Conversations that are left; `None` if nobody could look.
    pub left: Option<u64>,
}

impl Sent {
    /// Of what was recorded until `seconds` after the beginning.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn of(recorder: &Recorder, seconds: f64) -> Self {
        let used = || Step::ALL.into_iter().map(|step| (step, recorder.step(step))).filter(|(_, seen)| seen.ended > 0);
        let steps: Vec<StepSent> = used().map(|(step, seen)| StepSent::of(step, seen)).collect();
        let failures = used().flat_map(|(step, seen)| {
            seen.failures.iter().map(move |(reason, count)| FailureSeen {
                step,
                reason: reason.as_str().to_owned(),
                count: *count,
                example: recorder.sentences.get(reason).cloned().unwrap_or_default(),
            })
        });
        let width = recorder.timeline.width().as_secs_f64();
        let points = recorder.timeline.points().iter().enumerate().map(|(place, moment)| Point {
            at: place as f64 * width,
            started: moment.started,
            succeeded: moment.succeeded,
            failed: moment.failed,
            limited: moment.limited,
            p50: moment.latency.quantile(0.5).map(|micros| micros / 1e6),
            p99: moment.latency.quantile(0.99).map(|micros| micros / 1e6),
        });
        let ended: u64 = steps.iter().map(|step| step.ended).sum();
        Self {
            due: recorder.due,
            started: recorder.started,
            crowded: recorder.crowded,
            out_of_turn: recorder.out_of_turn,
            accepted: recorder.accepted,
            rate: ended as f64 / seconds.max(1e-3),
            lag: Distribution::of(&recorder.lag),
            failures: failures.collect(),
            width_seconds: width,
            timeline: points.collect(),
            steps,
        }
    }

    /// Updates of which it is not known whether the service took them.
    #[must_use]
    pub fn unclear(&self) -> u64 {
        let unclear =
            [FailureReason::Timeout, FailureReason::Connect, FailureReason::Malformed, FailureReason::Http5xx];
        let writes = self.failures.iter().filter(|failure| failure.step.writes());
        writes
            .filter(|failure| unclear.iter().any(|reason| reason.as_str() == failure.reason))
            .map(|failure| failure.count)
            .sum::<u64>()
            // Under way at the end, and given up.
            + self.started.saturating_sub(self.steps.iter().map(|step| step.ended).sum())
    }
}

impl StepSent {
    fn of(step: Step, seen: &StepRecord) -> Self {
        Self {
            step,
            ended: seen.ended,
            succeeded: seen.succeeded,
            failed: seen.failed(),
            limited: seen.limited(),
            latency: Distribution::of(&seen.latency),
            service: Distribution::of(&seen.service),
        }
    }
}

impl Queue {
    /// Of what was followed, beside the number of accepted updates.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn of(followed: &Followed, accepted: u64) -> Self {
        let seen = followed.processed.len() + followed.given_up + followed.lost + followed.unprocessed;
        let width = followed.levels.width().as_secs_f64();
        let levels = followed.levels.points().iter().enumerate();
        Self {
            processed: Distribution::of(&followed.processed),
            given_up: followed.given_up,
            lost: followed.lost,
            unprocessed: followed.unprocessed,
            not_followed: accepted.saturating_sub(seen),
            drained_seconds: followed.drained.map(|time| time.as_secs_f64()),
            longest_look_seconds: followed.longest_look.as_secs_f64(),
            failed_looks: followed.failed_looks,
            rows: None,
            width_seconds: width,
            levels: levels
                .map(|(place, level)| Level {
                    at: place as f64 * width,
                    depth: level.depth,
                    unprocessed: level.unprocessed,
                })
                .collect(),
        }
    }
}

impl Rows {
    /// Of a count.
    #[must_use]
    pub fn of(tally: Tally, accepted: u64, unclear: u64) -> Self {
        let Tally { complete, given_up, waiting } = tally;
        Self { rows: tally.rows(), complete, given_up, waiting, accepted, unclear }
    }
}

impl Run {
    /// How requests came about, as a phrase.
    #[must_use]
    pub fn manner(&self) -> String {
        match self.closed {
            Some(at_once) => format!("closed loop, {at_once} at a time"),
            None => format!("open loop, up to {:.1} a second", super::arrivals::peak(&self.stages)),
        }
    }

    /// Fills in what the loop says.
    #[must_use]
    pub fn looped(mut self, arrivals: &Loop) -> Self {
        match arrivals {
            Loop::Open(stages) => self.stages.clone_from(stages),
            Loop::Closed { at_once, .. } => self.closed = Some(*at_once),
        }
        self
    }
}
