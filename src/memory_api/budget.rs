//! How many requests we may send: a sliding window of our own, and a pause after a 429.
//!
//! The service counts every request of a user in one window. Staying below it with a budget of our own means
//! that monitoring never takes the last request from anybody, and that a 429 is news.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration as StdDuration;

use crate::model::Stopwatch;

const MINUTE: StdDuration = StdDuration::from_secs(60);
/// Longest pause that a 429 can impose, whatever its headers say.
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(300);

impl Window {
    fn forget(&mut self, now: StdDuration, per: StdDuration) {
        while self.taken.front().is_some_and(|at| *at + per <= now) {
            self.taken.pop_front();
        }
    }
}

/// The budget of one client.
pub(super) struct Budget {
    most: usize,
    per: StdDuration,
    began: Stopwatch,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    /// When the requests of the last window began, on `began`'s scale.
    taken: VecDeque<StdDuration>,
    paused_until: StdDuration,
}

impl Budget {
    /// `per_minute` requests in any minute; 0 is no limit and no pause.
    pub(super) fn new(per_minute: u32) -> Self {
        Self::within(per_minute, MINUTE)
    }

    /// `most` requests in any time of this length; 0 is no limit and no pause.
    pub(super) fn within(most: u32, per: StdDuration) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self { most, per, began: Stopwatch::start(), window: Mutex::default() }
    }

    /// How many requests may be sent right now.
    pub(super) fn room(&self) -> usize {
        if self.most == 0 {
            return usize::MAX;
        }
        let now = self.began.elapsed();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.forget(now, self.per);
        if window.paused_until > now { 0 } else { self.most - window.taken.len().min(self.most) }
    }

    /// Takes one request out of the budget, or says how long to wait for one.
    pub(super) fn take(&self) -> Result<(), StdDuration> {
        if self.most == 0 {
            return Ok(());
        }
        let now = self.began.elapsed();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.forget(now, self.per);
        if window.paused_until > now {
            return Err(window.paused_until - now);
        }
        match window.taken.front() {
            Some(oldest) if window.taken.len() >= self.most => Err((*oldest + self.per).saturating_sub(now)),
            _ => {
                window.taken.push_back(now);
                Ok(())
            }
        }
    }

    /// Sends nothing for a while; a minute if the service did not say how long.
    pub(super) fn pause(&self, told: Option<StdDuration>) {
        if self.most == 0 {
            return;
        }
        let until = self.began.elapsed() + told.unwrap_or(self.per).min(LONGEST_PAUSE);
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.paused_until = window.paused_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_is_free_again_a_minute_after_the_oldest() {
        let budget = Budget::new(2);
        assert_eq!(budget.take(), Ok(()));
        tokio::time::advance(StdDuration::from_secs(20)).await;
        assert_eq!(budget.take(), Ok(()));
        assert_eq!(budget.take(), Err(StdDuration::from_secs(40)));
        tokio::time::advance(StdDuration::from_secs(40)).await;
        assert_eq!(budget.take(), Ok(()));
        assert_eq!(budget.take(), Err(StdDuration::from_secs(20)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everything_and_is_bounded() {
        let budget = Budget::new(10);
        budget.pause(Some(StdDuration::from_secs(86_400)));
        assert_eq!(budget.take(), Err(LONGEST_PAUSE));
        tokio::time::advance(LONGEST_PAUSE).await;
        assert_eq!(budget.take(), Ok(()));
        budget.pause(None);
        assert_eq!(budget.take(), Err(MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn no_budget_is_no_limit() {
        let budget = Budget::new(0);
        budget.pause(None);
        assert!((0..1000).all(|_| budget.take().is_ok()));
    }
}
