//! Holds what was measured against the objectives, or says why that would mean nothing.
//!
//! A verdict needs a generator that kept its own times, and the load that was intended. Where the service itself kept
//! requests back by being slow, it was under less load than intended: then it may still have broken an objective, but
//! not kept one. Refusals by the rate limit (429) are nobody's failure; many of them mean that the load was another.

use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use super::follow::Followed;
use super::record::{Recorder, StepRecord};
use super::scenario::Step;

/// Lag is too great beyond this share of the tightest bound, and it is never too great below [`LEAST_LAG`].
const LAG_SHARE: f64 = 0.1;
const LEAST_LAG: f64 = 0.01;
/// The share of arrivals that may be held back or refused.
const MOST_AMISS: f64 = 0.01;

/// What an objective is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Whole updates, until they are processed.
    Update,
    /// Reads of a memory.
    Retrieval,
}

/// What is asked of the measured operations.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// Its name in the configuration.
    pub slo: String,
    /// What it is about.
    pub operation: Operation,
    /// The share that must be good, between 0 and 1.
    pub share: f64,
    /// Longest time that is good; `None` where success alone counts.
    pub at_most: Option<StdDuration>,
}

/// An objective and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The objective's name.
    pub slo: String,
    /// What was counted, as a phrase.
    pub measured: String,
    /// The share that must be good.
    pub wanted: f64,
    /// Good ones.
    pub good: u64,
    /// All.
    pub total: u64,
    /// Whether enough were good.
    pub held: bool,
}

/// How a run is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every objective that was measured held.
    Kept,
    /// One did not.
    Broken,
    /// The run says nothing about the service.
    None,
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Each objective that was measured.
    pub objectives: Vec<Held>,
    /// Why there is no verdict, or what it has to be read with.
    pub remarks: Vec<String>,
    /// The service kept so many arrivals back that the intended rate was not reached, and nothing else is amiss.
    pub slowed: bool,
}

/// How the run came about, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// It was ended early.
    pub interrupted: bool,
    /// Users' limits were exceeded on purpose.
    pub ignores_rate_limit: bool,
}

/// Judges a run.
#[must_use]
pub fn judge(
    objectives: &[Objective],
    recorder: &Recorder,
    followed: Option<&Followed>,
    conditions: Conditions,
) -> Judged {
    let held: Vec<Held> = objectives.iter().filter_map(|objective| measure(objective, recorder, followed)).collect();
    let bounds = objectives.iter().filter(|objective| held.iter().any(|held| held.slo == objective.slo));
    let tightest = bounds.filter_map(|objective| objective.at_most).min();
    let broken = held.iter().any(|held| !held.held);
    let mut void = voids(recorder, tightest, conditions);
    if held.is_empty() {
        void.push("no objective is about what was measured".to_owned());
    }
    let slowed = amiss(recorder.crowded, recorder.due).map(|share| {
        format!(
            "the intended rate was not reached: {share} of the arrivals had to wait because as many as allowed were \
             under way"
        )
    });
    let verdict = match (void.is_empty(), broken, slowed.is_some()) {
        (false, ..) => Verdict::None,
        (true, true, _) => Verdict::Broken,
        (true, false, true) => Verdict::None,
        (true, false, false) => Verdict::Kept,
    };
    let slowed_alone = void.is_empty() && slowed.is_some();
    let remarks = void.into_iter().chain(slowed).collect();
    Judged { verdict, objectives: held, remarks, slowed: slowed_alone }
}

/// What makes any verdict impossible.
fn voids(recorder: &Recorder, tightest: Option<StdDuration>, conditions: Conditions) -> Vec<String> {
    let mut reasons = Vec::new();
    if conditions.interrupted {
        reasons.push("the run was interrupted".to_owned());
    }
    #[allow(clippy::cast_precision_loss)]
    let lag = recorder.lag.value_at_quantile(0.99) as f64 / 1e6;
    let most = tightest.map_or(LEAST_LAG, |bound| (bound.as_secs_f64() * LAG_SHARE).max(LEAST_LAG));
    if !recorder.lag.is_empty() && lag > most {
        reasons.push(format!(
            "the generator was saturated: the 99th percentile of its own lag is {:.1} ms, more than {:.0} ms",
            lag * 1e3,
            most * 1e3
        ));
    }
    if let Some(share) = amiss(recorder.out_of_turn, recorder.due) {
        reasons.push(format!(
            "the intended rate was not reached: {share} of the arrivals had to wait for a user's budget or a free \
             conversation"
        ));
    }
    let limited: u64 = recorder.steps.iter().map(StepRecord::limited).sum();
    let ended: u64 = recorder.steps.iter().map(|step| step.ended).sum();
    if let Some(share) = amiss(limited, ended).filter(|_| !conditions.ignores_rate_limit) {
        reasons.push(format!("the rate limit refused {share} of the requests (429), so that the load was another"));
    }
    reasons
}

/// A share in percent, if it is more than may be.
#[allow(clippy::cast_precision_loss)]
fn amiss(part: u64, of: u64) -> Option<String> {
    let share = part as f64 / (of as f64).max(1.0);
    (share > MOST_AMISS).then(|| format!("{:.1} %", share * 100.0))
}

/// Counts for one objective; nothing if there is nothing to count.
fn measure(objective: &Objective, recorder: &Recorder, followed: Option<&Followed>) -> Option<Held> {
    let bound = objective.at_most.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let (roundtrip, update) = (recorder.step(Step::Roundtrip), recorder.step(Step::Update));
    let timed = |step: &StepRecord, bound| (step.latency.count_between(0, bound), step.latency.len());
    let answered = |step: &StepRecord| (step.succeeded, step.ended - step.limited());
    let ((good, total), measured) = match (objective.operation, bound) {
        (Operation::Retrieval, Some(bound)) => (timed(recorder.step(Step::Retrieval), bound), "retrievals"),
        (Operation::Retrieval, None) => (answered(recorder.step(Step::Retrieval)), "retrievals"),
        (Operation::Update, Some(bound)) if roundtrip.ended > 0 => (timed(roundtrip, bound), "updates until visible"),
        (Operation::Update, Some(bound)) => {
            let seen = followed?;
            let unwell = seen.given_up + seen.lost + seen.unprocessed;
            let good = seen.processed.count_between(0, bound);
            ((good, seen.processed.len() + unwell), "updates until processed")
        }
        (Operation::Update, None) => {
            let (accepted, all) = (answered(update), answered(roundtrip));
            let unwell = followed.map_or(0, |seen| seen.given_up + seen.lost);
            let good = (accepted.0 + all.0).saturating_sub(unwell);
            ((good, accepted.1 + all.1), "updates")
        }
    };
    if total == 0 {
        return None;
    }
    let measured = match objective.at_most {
        Some(time) => format!("{measured} within {}", crate::model::Duration::from(time)),
        None => format!("{measured} that succeeded"),
    };
    #[allow(clippy::cast_precision_loss)]
    let held = good as f64 / total as f64 >= objective.share;
    Some(Held { slo: objective.slo.clone(), measured, wanted: objective.share, good, total, held })
}

#[cfg(test)]
mod tests {
    use super::super::record::{Done, HeldBack};
    use super::*;
    use crate::memory_api::FailureReason;

    const CALM: Conditions = Conditions { interrupted: false, ignores_rate_limit: false };

    fn objectives() -> Vec<Objective> {
        let retrieval = |at_most| Objective {
            slo: if at_most { "fast" } else { "success" }.into(),
            operation: Operation::Retrieval,
            share: 0.9,
            at_most: at_most.then(|| StdDuration::from_millis(100)),
        };
        vec![retrieval(true), retrieval(false)]
    }

    struct Run(Recorder);

    impl Run {
        fn of(count: u64, millis: u64, outcome: Result<(), FailureReason>) -> Self {
            Self(Recorder::new()).and(count, millis, 0, outcome)
        }

        fn and(mut self, count: u64, millis: u64, lag: u64, outcome: Result<(), FailureReason>) -> Self {
            let ms = StdDuration::from_millis;
            for _ in 0..count {
                self.0.due();
                self.0.began(ms(0), ms(lag), None);
                let outcome = outcome.map_err(|reason| (reason, String::new()));
                self.0.ended(Done {
                    step: Step::Retrieval,
                    intended: ms(0),
                    started: ms(0),
                    ended: ms(millis),
                    outcome,
                });
            }
            self
        }

        fn verdict(&self, conditions: Conditions) -> (Verdict, String) {
            let judged = judge(&objectives(), &self.0, None, conditions);
            (judged.verdict, judged.remarks.join("; "))
        }
    }

    #[test]
    fn objectives_hold_or_break_by_their_share() {
        assert_eq!(Run::of(100, 50, Ok(())).verdict(CALM), (Verdict::Kept, String::new()));
        assert_eq!(Run::of(100, 50, Ok(())).and(20, 150, 0, Ok(())).verdict(CALM).0, Verdict::Broken);
        let failing = Run::of(100, 50, Ok(())).and(20, 1, 0, Err(FailureReason::Http5xx));
        let judged = judge(&objectives(), &failing.0, None, CALM);
        let held: Vec<_> = judged.objectives.iter().map(|held| (held.slo.as_str(), held.good, held.total)).collect();
        assert_eq!(held, [("fast", 100, 100), ("success", 100, 120)]);
        assert_eq!(judged.verdict, Verdict::Broken);
    }

    #[test]
    fn a_saturated_generator_gives_no_verdict_whatever_was_measured() {
        let (verdict, why) = Run::of(90, 500, Ok(())).and(10, 500, 40, Ok(())).verdict(CALM);
        assert_eq!(verdict, Verdict::None);
        assert!(why.contains("saturated"), "{why}");
    }

    #[test]
    fn refusals_by_the_rate_limit_are_no_failures_but_many_of_them_are_no_verdict() {
        let refused = |count| Run::of(1000, 50, Ok(())).and(count, 1, 0, Err(FailureReason::RateLimited));
        assert_eq!(refused(9).verdict(CALM).0, Verdict::Kept);
        let (verdict, why) = refused(500).verdict(CALM);
        assert!(verdict == Verdict::None && why.contains("429"), "{why}");
        let on_purpose = Conditions { ignores_rate_limit: true, ..CALM };
        assert_eq!(refused(500).verdict(on_purpose).0, Verdict::Kept);
    }

    #[test]
    fn a_service_that_kept_requests_back_can_only_break() {
        let crowd = |millis| {
            let mut run = Run::of(100, millis, Ok(()));
            for _ in 0..50 {
                run.0.due();
                run.0.began(StdDuration::ZERO, StdDuration::ZERO, Some(HeldBack::Crowded));
            }
            run.verdict(CALM)
        };
        assert_eq!(crowd(50).0, Verdict::None);
        assert_eq!(crowd(500).0, Verdict::Broken);
        assert!(crowd(500).1.contains("not reached"));
    }

    #[test]
    fn nothing_measured_or_an_interruption_is_no_verdict() {
        assert_eq!(Run(Recorder::new()).verdict(CALM).0, Verdict::None);
        let interrupted = Conditions { interrupted: true, ..CALM };
        assert_eq!(Run::of(10, 1, Ok(())).verdict(interrupted).0, Verdict::None);
    }
}
