//! When runs start: each probe of each target has its own place in the interval, the same after a restart.
//!
//! Pure. The place is a hash of the names, so that probes with one interval do not start together; a little
//! jitter keeps them from meeting a service's own periodic work every time.

use std::time::Duration as StdDuration;

use crate::model::{Duration, Timestamp};

/// The first run does not wait for its place, so that a fresh start is not blind for an interval.
const LONGEST_FIRST_WAIT: StdDuration = StdDuration::from_secs(1);

/// The start times of one probe of one target.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    interval: i64,
    place: i64,
}

impl Schedule {
    /// Starts every `interval`, at a place that `target` and `probe` decide.
    #[must_use]
    pub fn new(interval: Duration, target: &str, probe: &str) -> Self {
        let interval = i64::try_from(interval.std().as_millis()).unwrap_or(i64::MAX).max(1);
        let place = i64::try_from(hash(target, probe) % interval.unsigned_abs()).unwrap_or(0);
        Self { interval, place }
    }

    /// How long the very first run waits.
    #[must_use]
    pub fn first_wait(&self) -> StdDuration {
        let longest = LONGEST_FIRST_WAIT.as_millis().min(u128::from(self.interval.unsigned_abs())).max(1);
        StdDuration::from_millis(u64::try_from(u128::from(self.place.unsigned_abs()) % longest).unwrap_or(0))
    }

    /// The next start after `now`, given when the last run started. `jitter` is between 0 and 1 and moves it by
    /// up to a twentieth of the interval. Starts that were missed are left out.
    #[must_use]
    pub fn next(&self, last_start: Timestamp, now: Timestamp, jitter: f64) -> Timestamp {
        // A start right behind the last one is left out too: it would be another place's tail.
        let earliest = now.millis().max(last_start.millis().saturating_add(self.interval / 2));
        let steps = earliest.saturating_sub(self.place).div_euclid(self.interval) + 1;
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let shift = (self.interval as f64 / 20.0 * jitter.clamp(0.0, 1.0)) as i64;
        Timestamp::from_millis(steps.saturating_mul(self.interval).saturating_add(self.place).saturating_add(shift))
    }
}

/// FNV-1a: stable across versions and machines, unlike the standard library's.
fn hash(target: &str, probe: &str) -> u64 {
    target
        .bytes()
        .chain([0xff])
        .chain(probe.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn starts_are_an_interval_apart() {
        let schedule = Schedule { interval: 30_000, place: 7_000 };
        assert_eq!(schedule.next(at(0.0), at(1.0), 0.0), at(37.0), "7 s is too close behind the first run");
        assert_eq!(schedule.next(at(37.0), at(38.0), 0.0), at(67.0));
        assert_eq!(schedule.next(at(37.0), at(38.0), 1.0), at(68.5));
        assert_eq!(schedule.next(at(38.5), at(39.0), 0.0), at(67.0), "jitter does not add up");
    }

    #[test]
    fn a_start_that_was_missed_is_left_out() {
        let schedule = Schedule { interval: 30_000, place: 7_000 };
        assert_eq!(schedule.next(at(37.0), at(100.0), 0.0), at(127.0));
    }

    #[test]
    fn targets_have_different_places_that_do_not_change() {
        let places: Vec<i64> = ["a", "b", "c", "d"]
            .iter()
            .map(|target| Schedule::new(Duration::from_secs(30), target, "health").place)
            .collect();
        let again = Schedule::new(Duration::from_secs(30), "a", "health").place;
        assert_eq!(places[0], again);
        assert!(places.windows(2).all(|pair| pair[0].abs_diff(pair[1]) > 500), "{places:?}");
        assert!(Schedule::new(Duration::from_secs(30), "a", "health").first_wait() < LONGEST_FIRST_WAIT);
    }
}
