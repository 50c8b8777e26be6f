//! Keeps the moments apart in which receivers take messages.
//!
//! Between a receiver's answer and its record a crash repeats the message. While one attempt is that young, others wait
//! for their beginning, so that a crash finds one of them, not one of each receiver. A slow receiver does not hold up the
//! others: after [`MOMENT`] they begin all the same.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use tokio::sync::Notify as Wake;

use crate::model::Stopwatch;

/// How long an attempt has the floor for itself, and how long others wait for it at most.
const MOMENT: StdDuration = StdDuration::from_millis(200);

/// Who has the floor.
#[derive(Default)]
pub(super) struct Floor {
    holder: Mutex<Holder>,
    left: Wake,
}

#[derive(Default)]
struct Holder {
    number: u64,
    since: Option<Stopwatch>,
}

/// The floor, until it is dropped or its moment is over.
pub(super) struct Turn<'a> {
    floor: &'a Floor,
    number: u64,
}

impl Floor {
    fn holder(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the floor, a moment at most.
    pub async fn take(&self) -> Turn<'_> {
        let waiting = Stopwatch::start();
        loop {
            let left = self.left.notified();
            let wait = {
                let mut holder = self.holder();
                let held = holder.since.map(|since| since.elapsed()).filter(|held| *held < MOMENT);
                match held {
                    Some(held) if waiting.elapsed() < MOMENT => MOMENT.saturating_sub(held.max(waiting.elapsed())),
                    _ => {
                        holder.number += 1;
                        holder.since = Some(Stopwatch::start());
                        return Turn { floor: self, number: holder.number };
                    }
                }
            };
            let _ = tokio::time::timeout(wait.max(StdDuration::from_millis(1)), left).await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut holder = self.floor.holder();
        if holder.number == self.number {
            holder.since = None;
        }
        drop(holder);
        self.floor.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_begins_when_the_other_is_done_or_after_a_moment() {
        let floor = Floor::default();
        let watch = Stopwatch::start();
        let first = floor.take().await;
        assert_eq!(watch.elapsed(), StdDuration::ZERO);
        let short = async {
            tokio::time::sleep(StdDuration::from_millis(50)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(floor.take(), short);
        assert_eq!(watch.elapsed(), StdDuration::from_millis(50));
        // The second is slow: the third and the fourth wait a moment, not two.
        let (third, fourth) = tokio::join!(floor.take(), floor.take());
        assert!(watch.elapsed() < StdDuration::from_millis(50) + MOMENT + StdDuration::from_millis(10));
        drop((second, third));
        drop(fourth);
        let before = watch.elapsed();
        drop(floor.take().await);
        assert_eq!(watch.elapsed(), before);
    }
}
