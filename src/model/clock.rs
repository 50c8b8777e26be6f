//! The only file that reads the time.
//!
//! Everything that judges takes a [`Timestamp`] as an argument; the edges ask a [`Clock`] for it. A test
//! holds a manual clock and moves it. [`Stopwatch`] measures how long something took and follows tokio's
//! paused time in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration as StdDuration, SystemTime, UNIX_EPOCH};

use super::Timestamp;

/// Tells what time it is: the machine's, or a test's. Clones share one source.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.millis()))))
    }

    /// The time now.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> Timestamp {
        let millis = match &self.0 {
            Some(manual) => manual.load(Ordering::SeqCst),
            None => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
            },
        };
        Timestamp::from_millis(millis)
    }

    /// Moves a manual clock to `at`, forwards or backwards; the machine's clock is left alone.
    pub fn set(&self, at: Timestamp) {
        if let Some(manual) = &self.0 {
            manual.store(at.millis(), Ordering::SeqCst);
        }
    }

    /// Moves a manual clock forwards.
    pub fn advance(&self, by: StdDuration) {
        self.set(self.now() + by);
    }
}

/// Measures elapsed time on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(tokio::time::Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// A stopwatch that was started when the machine's clock showed this time since 1970, such as the kernel's time of what
    /// it received. A time that lies ahead, or more than a minute back, is from before that clock was set: then it starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn started_at(since_1970: StdDuration) -> Self {
        let ago = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| now.checked_sub(since_1970));
        let ago = ago.filter(|ago| *ago < StdDuration::from_secs(60)).unwrap_or_default();
        let now = tokio::time::Instant::now();
        Self(now.checked_sub(ago).unwrap_or(now))
    }

    /// One that was started so much later.
    #[must_use]
    pub fn later(&self, by: StdDuration) -> Self {
        Self(self.0 + by)
    }

    /// How much later than the other it was started; zero if it was not.
    #[must_use]
    pub fn since(&self, earlier: Self) -> StdDuration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> StdDuration {
        self.0.elapsed()
    }

    /// The instant at which it was started, for deadlines with `tokio::time`.
    #[must_use]
    pub fn started(&self) -> tokio::time::Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_a_set_clock_made_impossible_counts_as_now() {
        let wall = StdDuration::from_millis(Clock::system().now().millis().unsigned_abs());
        let seconds = StdDuration::from_secs;
        let age = |since_1970| Stopwatch::started_at(since_1970).elapsed().as_secs();
        assert_eq!(age(wall - seconds(30)), 30);
        assert_eq!((age(wall + seconds(30)), age(wall - seconds(3600))), (0, 0));
        let watch = Stopwatch::start();
        assert_eq!(watch.later(seconds(5)).since(watch), seconds(5));
        assert_eq!(watch.since(watch.later(seconds(5))), StdDuration::ZERO);
    }
}
