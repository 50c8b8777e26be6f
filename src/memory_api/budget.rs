//! How many requests we may send: a sliding window of our own, and a pause after a 429.
//!
//! The service counts every request of a user in one window. Staying below it with a budget of our own means
//! that monitoring never takes the last request from anybody, and that a 429 is news.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use crate::model::Stopwatch;

const MINUTE: StdDuration = StdDuration::from_secs(60);
/// Longest pause that a 429 can impose, whatever its headers say.
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(300);

/// The budget of one client.
pub(super) struct Budget(Arc<Inner>);

struct Inner {
    most: usize,
    per: StdDuration,
    began: Stopwatch,
    window: Mutex<Window>,
}

/// The service counts a request at some time between its beginning and its answer, so it is taken from beginning to
/// answer and for a window after that: then no window of the service holds more than the budget, however late it is.
#[derive(Default)]
struct Window {
    in_flight: usize,
    /// When the requests of the last window were answered, on `began`'s scale.
    ended: VecDeque<StdDuration>,
    paused_until: StdDuration,
}

/// A request that was taken out of a budget; to be dropped when it is answered.
#[must_use]
pub(super) struct Spent(Option<Arc<Inner>>);

impl Drop for Spent {
    fn drop(&mut self) {
        if let Some(budget) = &self.0 {
            let (now, mut window) = budget.now();
            window.in_flight = window.in_flight.saturating_sub(1);
            window.ended.push_back(now);
        }
    }
}

impl Inner {
    /// The time, and the window as it is then.
    fn now(&self) -> (StdDuration, MutexGuard<'_, Window>) {
        let now = self.began.elapsed();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        while window.ended.front().is_some_and(|at| *at + self.per <= now) {
            window.ended.pop_front();
        }
        (now, window)
    }
}

impl Window {
    fn taken(&self) -> usize {
        self.in_flight + self.ended.len()
    }
}

impl Budget {
    /// `per_minute` requests in any minute; 0 is no limit and no pause.
    pub(super) fn new(per_minute: u32) -> Self {
        Self::within(per_minute, MINUTE)
    }

    /// `most` requests in any time of this length; 0 is no limit and no pause.
    pub(super) fn within(most: u32, per: StdDuration) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self(Arc::new(Inner { most, per, began: Stopwatch::start(), window: Mutex::default() }))
    }

    /// How many requests a window holds; no limit is the largest number.
    pub(super) fn most(&self) -> usize {
        if self.0.most == 0 { usize::MAX } else { self.0.most }
    }

    /// How many requests may be sent right now.
    pub(super) fn room(&self) -> usize {
        if self.0.most == 0 {
            return usize::MAX;
        }
        let (now, window) = self.0.now();
        if window.paused_until > now { 0 } else { self.0.most.saturating_sub(window.taken()) }
    }

    /// Takes one request out of the budget, or says how long to wait for one at least.
    pub(super) fn take(&self) -> Result<Spent, StdDuration> {
        if self.0.most == 0 {
            return Ok(Spent(None));
        }
        let (now, mut window) = self.0.now();
        if window.paused_until > now {
            return Err(window.paused_until - now);
        }
        if window.taken() >= self.0.most {
            // What is under way now is free a window from now at the earliest.
            let oldest = window.ended.front().copied().unwrap_or(now);
            return Err((oldest + self.0.per).saturating_sub(now));
        }
        window.in_flight += 1;
        Ok(Spent(Some(Arc::clone(&self.0))))
    }

    /// Sends nothing for a while; a window's length if the service did not say how long.
    pub(super) fn pause(&self, told: Option<StdDuration>) {
        if self.0.most == 0 {
            return;
        }
        let (now, mut window) = self.0.now();
        window.paused_until = window.paused_until.max(now + told.unwrap_or(self.0.per).min(LONGEST_PAUSE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(budget: &Budget) -> Option<StdDuration> {
        budget.take().err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_free_again_a_minute_after_the_oldest() {
        let budget = Budget::new(2);
        assert_eq!(refused(&budget), None);
        tokio::time::advance(StdDuration::from_secs(20)).await;
        assert_eq!(refused(&budget), None);
        assert_eq!(refused(&budget), Some(StdDuration::from_secs(40)));
        tokio::time::advance(StdDuration::from_secs(40)).await;
        assert_eq!(refused(&budget), None);
        assert_eq!(refused(&budget), Some(StdDuration::from_secs(20)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_minute_begins_with_the_answer() {
        let budget = Budget::new(2);
        let (slow, other) = (budget.take().expect("the first"), budget.take().expect("the second"));
        tokio::time::advance(StdDuration::from_secs(90)).await;
        assert_eq!((refused(&budget), budget.room()), (Some(MINUTE), 0), "the service may see both only now");
        drop(slow);
        tokio::time::advance(StdDuration::from_secs(59)).await;
        assert_eq!((refused(&budget), budget.room()), (Some(StdDuration::from_secs(1)), 0));
        tokio::time::advance(StdDuration::from_secs(1)).await;
        assert_eq!(budget.room(), 1);
        drop(other);
        assert_eq!(budget.room(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everything_and_is_bounded() {
        let budget = Budget::new(10);
        budget.pause(Some(StdDuration::from_secs(86_400)));
        assert_eq!(refused(&budget), Some(LONGEST_PAUSE));
        tokio::time::advance(LONGEST_PAUSE).await;
        assert_eq!(refused(&budget), None);
        budget.pause(None);
        assert_eq!(refused(&budget), Some(MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn no_budget_is_no_limit() {
        let budget = Budget::new(0);
        budget.pause(None);
        assert!((0..1000).all(|_| budget.take().is_ok()));
    }
}
