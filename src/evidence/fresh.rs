//! Answers that are good for some seconds, so that a hundred messages about one thing ask once.
//!
//! Whoever asks while the answer is being made waits for it. Bounded: the oldest answer makes room.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;

use tokio::sync::OnceCell;

use crate::model::Stopwatch;

/// How long an answer is good.
const GOOD_FOR: StdDuration = StdDuration::from_secs(15);

/// Answers by what was asked.
pub(super) struct Fresh<T> {
    answers: Mutex<VecDeque<Slot<T>>>,
    most: usize,
}

struct Slot<T> {
    key: String,
    begun: Stopwatch,
    answer: Arc<OnceCell<Arc<T>>>,
}

impl<T> Fresh<T> {
    /// Keeps at most so many answers.
    pub fn new(most: usize) -> Self {
        Self { answers: Mutex::default(), most }
    }

    /// The answer under this key, made now if there is none that is fresh.
    pub async fn get<F: Future<Output = T>>(&self, key: &str, make: impl FnOnce() -> F) -> Arc<T> {
        let answer = self.slot(key);
        Arc::clone(answer.get_or_init(|| async { Arc::new(make().await) }).await)
    }

    fn slot(&self, key: &str) -> Arc<OnceCell<Arc<T>>> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|slot| slot.begun.elapsed() < GOOD_FOR);
        if let Some(slot) = answers.iter().find(|slot| slot.key == key) {
            return Arc::clone(&slot.answer);
        }
        let answer = Arc::new(OnceCell::new());
        answers.push_back(Slot { key: key.to_owned(), begun: Stopwatch::start(), answer: Arc::clone(&answer) });
        if answers.len() > self.most {
            answers.pop_front();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_made_once_until_it_is_old() {
        let fresh = Fresh::new(2);
        let made = AtomicUsize::new(0);
        let ask = |key: &'static str| {
            fresh.get(key, || async {
                tokio::time::sleep(StdDuration::from_millis(100)).await;
                made.fetch_add(1, Ordering::SeqCst)
            })
        };
        assert_eq!(futures_util::future::join3(ask("a"), ask("a"), ask("a")).await, (0.into(), 0.into(), 0.into()));
        tokio::time::sleep(GOOD_FOR).await;
        assert_eq!(*ask("a").await, 1);
        for key in ["b", "c"] {
            ask(key).await;
        }
        assert_eq!(*ask("a").await, 4, "pushed out");
    }
}
