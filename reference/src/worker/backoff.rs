//! Chats that wait because the agent failed one of their rows.
//!
//! The whole chat waits, not the row alone, so that its later rows do not overtake it. This lives in memory, because
//! the contract's table has no column for it: after a restart, and in another process, the row is tried at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest wait.
const CEILING: Duration = Duration::from_secs(60);
/// Chats that can wait at once; those beyond are tried again without.
const CAPACITY: usize = 10_000;

/// Who waits until when.
pub struct Backoff {
    base: Duration,
    until: Mutex<HashMap<String, Instant>>,
}

impl Backoff {
    /// Nobody waits; the first wait is `base`, and each further one twice as long.
    pub fn new(base: Duration) -> Self {
        Self { base, until: Mutex::new(HashMap::new()) }
    }

    /// The agent failed a row of `chat` that had been retried `retries` times.
    pub fn failed(&self, chat: &str, retries: u32, now: Instant) {
        let wait = self.base.saturating_mul(1_u32.checked_shl(retries.min(20)).unwrap_or(u32::MAX)).min(CEILING);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() < CAPACITY {
            until.insert(chat.to_owned(), now + wait);
        }
    }

    /// Whether `chat` has to wait at `now`.
    pub fn is_waiting(&self, chat: &str, now: Instant) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(chat).is_some_and(|until| now < *until)
    }

    /// All chats that have to wait at `now`; the others are forgotten.
    pub fn waiting(&self, now: Instant) -> Vec<String> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, until| now < *until);
        until.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_a_minute() {
        let (backoff, now) = (Backoff::new(Duration::from_secs(1)), clock::instant());
        for (retries, seconds) in [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (4_000_000, 60)] {
            backoff.failed("chat", retries, now);
            assert!(backoff.is_waiting("chat", now + Duration::from_secs(seconds) - Duration::from_millis(1)));
            assert!(!backoff.is_waiting("chat", now + Duration::from_secs(seconds)), "{retries}");
        }
    }

    #[test]
    fn who_has_waited_is_forgotten() {
        let (backoff, now) = (Backoff::new(Duration::from_secs(1)), clock::instant());
        backoff.failed("chat", 0, now);
        assert_eq!(backoff.waiting(now), ["chat"]);
        assert!(backoff.waiting(now + Duration::from_secs(1)).is_empty());
    }
}
