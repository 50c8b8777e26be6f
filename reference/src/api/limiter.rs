//! The rate limit: so many requests per user within a sliding window.
//!
//! A request that is refused does not count. With several replicas each has windows of its own and they take turns,
//! so the limit is a multiple. Memory is bounded by users times limit, and users are those who can log in.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is left for a user after the request that asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// When the oldest request of the window leaves it, in seconds since 1970, rounded up.
    pub reset: i64,
}

type Windows = HashMap<String, VecDeque<Instant>>;

/// Counts requests.
pub struct Limiter {
    limit: u32,
    window: Duration,
    replicas: Vec<Mutex<Windows>>,
    next: AtomicUsize,
}

impl Limiter {
    /// At most `limit` requests per `window`, in each of `replicas`.
    pub fn new(limit: u32, window: Duration, replicas: usize) -> Self {
        let replicas = (0..replicas.max(1)).map(|_| Mutex::new(Windows::new())).collect();
        Self { limit, window, replicas, next: AtomicUsize::new(0) }
    }

    /// Counts a request of `user` at `now`, which is `wall` on the wall; `None` if it is one too many.
    pub fn take(&self, user: &str, now: Instant, wall: jiff::Timestamp) -> Option<Allowance> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.replicas.len();
        let mut windows = self.replicas.get(turn)?.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = windows.entry(user.to_owned()).or_default();
        while seen.front().is_some_and(|first| now.saturating_duration_since(*first) >= self.window) {
            seen.pop_front();
        }
        let used = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        if used >= self.limit {
            return None;
        }
        seen.push_back(now);
        let oldest = seen.front().copied().unwrap_or(now);
        let left = (oldest + self.window).saturating_duration_since(now).as_secs_f64();
        let reset = wall.as_second() + (left + f64::from(wall.subsec_nanosecond()) / 1e9).ceil() as i64;
        Some(Allowance { limit: self.limit, remaining: self.limit - used - 1, reset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_101st_request_within_a_minute_is_refused_and_other_users_are_not() {
        let (limiter, now, wall) = (Limiter::new(100, MINUTE, 1), clock::instant(), clock::now());
        for n in 0..100 {
            let allowance = limiter.take("a", now + Duration::from_millis(n), wall).unwrap();
            assert_eq!(u64::from(allowance.remaining), 99 - n);
        }
        assert_eq!(limiter.take("a", now + Duration::from_secs(59), wall), None);
        assert!(limiter.take("b", now, wall).is_some());
    }

    #[test]
    fn the_window_slides_and_refusals_do_not_count() {
        let (limiter, now, wall) = (Limiter::new(2, MINUTE, 1), clock::instant(), clock::now());
        let at = |seconds| limiter.take("a", now + Duration::from_secs(seconds), wall).is_some();
        assert_eq!([at(0), at(30), at(59), at(60), at(61), at(90)], [true, true, false, true, false, true]);
    }

    #[test]
    fn reset_says_when_the_oldest_request_leaves_the_window() {
        let limiter = Limiter::new(2, MINUTE, 1);
        let (now, wall) = (clock::instant(), jiff::Timestamp::from_second(1_000).unwrap());
        assert_eq!(limiter.take("a", now, wall).unwrap().reset, 1_060);
        let later = wall + jiff::SignedDuration::from_secs(20);
        assert_eq!(limiter.take("a", now + Duration::from_secs(20), later).unwrap().reset, 1_060);
    }

    #[test]
    fn three_replicas_allow_three_times_the_limit() {
        let (limiter, now, wall) = (Limiter::new(2, MINUTE, 3), clock::instant(), clock::now());
        assert_eq!((0..20).filter(|_| limiter.take("a", now, wall).is_some()).count(), 6);
    }
}
