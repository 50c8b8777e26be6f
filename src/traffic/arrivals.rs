//! When requests are to be sent in open loop: stages of constant or changing rate, as data, into instants.
//!
//! Pure. The n-th instant is where the rate, added up over time, reaches n: a service that is slow does not make
//! requests come later, as users do not wait for each other either.

use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

/// Some time during which the rate goes evenly from one figure to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// How long, in seconds.
    pub seconds: f64,
    /// Requests a second at its beginning.
    pub from: f64,
    /// Requests a second at its end.
    pub to: f64,
}

impl Stage {
    /// Requests that belong to it up to `seconds` after its beginning.
    fn count(&self, seconds: f64) -> f64 {
        let t = seconds.clamp(0.0, self.seconds);
        self.from * t + (self.to - self.from) / self.seconds.max(f64::MIN_POSITIVE) * t * t / 2.0
    }

    /// When the `n`-th of them is due, in seconds after its beginning.
    fn due(&self, n: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds.max(f64::MIN_POSITIVE);
        // At the beginning of a rise from nothing there is no rate to divide by.
        if n <= 0.0 {
            return 0.0;
        }
        // In this form nothing is lost where the slope is small, and there is no special case for a constant rate.
        let root = (self.from * self.from + 2.0 * slope * n).max(0.0).sqrt();
        let sum = self.from + root;
        if sum > 0.0 { (2.0 * n / sum).min(self.seconds) } else { self.seconds }
    }
}

/// Instants of all requests of some stages, from the beginning of the first on.
#[derive(Debug, Clone)]
pub struct Arrivals {
    stages: Vec<Stage>,
    stage: usize,
    /// Of the present stage: where it begins, in seconds and in requests; and the number of the next request.
    begins: f64,
    before: f64,
    next: u64,
}

impl Arrivals {
    /// Of these stages, one after the other. Stages that take no time are left out, rates below 0 are 0.
    #[must_use]
    pub fn new(stages: &[Stage]) -> Self {
        let good = stages.iter().filter(|stage| stage.seconds > 0.0 && stage.seconds.is_finite());
        let stages = good.map(|stage| Stage { from: stage.from.max(0.0), to: stage.to.max(0.0), ..*stage }).collect();
        Self { stages, stage: 0, begins: 0.0, before: 0.0, next: 0 }
    }
}

impl Iterator for Arrivals {
    type Item = StdDuration;

    #[allow(clippy::cast_precision_loss)] // 2^53 requests are out of reach
    fn next(&mut self) -> Option<StdDuration> {
        while let Some(stage) = self.stages.get(self.stage) {
            let n = self.next as f64 - self.before;
            let whole = stage.count(stage.seconds);
            // A request at the very end belongs to the next stage, so that 10 s at 5/s are 50 requests.
            if n < whole - 1e-9 {
                self.next += 1;
                return StdDuration::try_from_secs_f64(self.begins + stage.due(n.max(0.0))).ok();
            }
            self.begins += stage.seconds;
            self.before += whole;
            self.stage += 1;
        }
        None
    }
}

/// How long all stages take.
#[must_use]
pub fn length(stages: &[Stage]) -> StdDuration {
    let seconds: f64 = stages.iter().map(|stage| stage.seconds.max(0.0)).sum();
    StdDuration::try_from_secs_f64(seconds).unwrap_or(StdDuration::MAX)
}

/// The highest rate of all stages.
#[must_use]
pub fn peak(stages: &[Stage]) -> f64 {
    stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max)
}

/// How many requests all stages have.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
pub fn total(stages: &[Stage]) -> u64 {
    stages.iter().map(|stage| stage.count(stage.seconds)).sum::<f64>().ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(stages: &[(f64, f64, f64)]) -> Vec<f64> {
        let stages: Vec<Stage> = stages.iter().map(|&(seconds, from, to)| Stage { seconds, from, to }).collect();
        Arrivals::new(&stages).map(|at| at.as_secs_f64()).collect()
    }

    #[test]
    fn a_constant_rate_gives_even_instants_from_the_beginning_on() {
        let instants = seconds(&[(10.0, 5.0, 5.0)]);
        assert_eq!(instants.len(), 50);
        assert!(instants.iter().zip(0..).all(|(at, n)| (at - f64::from(n) * 0.2).abs() < 1e-6), "{instants:?}");
    }

    #[test]
    fn a_ramp_has_as_many_as_its_mean_rate_and_ever_shorter_pauses() {
        let up = seconds(&[(10.0, 0.0, 20.0)]);
        assert_eq!(up.len(), 100);
        // At rate 2t the n-th is due where t² = n.
        assert!(up.iter().zip(0..).all(|(at, n)| (at - f64::from(n).sqrt()).abs() < 1e-6), "{up:?}");
        let down = seconds(&[(10.0, 20.0, 0.0)]);
        assert_eq!(down.len(), 100);
        let pauses: Vec<f64> = down.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.windows(2).all(|pair| pair[1] > pair[0]) && down[99] <= 10.0, "{down:?}");
    }

    #[test]
    fn stages_follow_each_other_without_a_gap_and_silence_is_a_stage_too() {
        let instants = seconds(&[(2.0, 1.0, 1.0), (3.0, 0.0, 0.0), (0.0, 9.0, 9.0), (1.0, 4.0, 4.0)]);
        let expected = [0.0, 1.0, 5.0, 5.25, 5.5, 5.75];
        assert_eq!(instants.len(), expected.len(), "{instants:?}");
        assert!(instants.iter().zip(expected).all(|(at, expected)| (at - expected).abs() < 1e-6), "{instants:?}");
        let stages = [Stage { seconds: 2.0, from: 1.0, to: 1.0 }, Stage { seconds: 1.0, from: 4.0, to: 8.0 }];
        assert_eq!((length(&stages), total(&stages)), (StdDuration::from_secs(3), 8));
        assert!((peak(&stages) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn a_fraction_of_a_request_is_carried_into_the_next_stage() {
        // 1.5 requests and 1.5 requests are three.
        let instants = seconds(&[(1.5, 1.0, 1.0), (1.5, 1.0, 1.0)]);
        assert_eq!(instants, [0.0, 1.0, 2.0]);
        assert_eq!(seconds(&[]), [0.0; 0]);
    }

    #[test]
    fn an_hour_at_a_thousand_a_second_does_not_drift() {
        let stage = Stage { seconds: 3600.0, from: 1000.0, to: 1000.0 };
        let last = Arrivals::new(&[stage]).last().unwrap();
        assert!((last.as_secs_f64() - 3599.999).abs() < 1e-6, "{last:?}");
    }
}
