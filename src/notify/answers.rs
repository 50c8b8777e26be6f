//! Hands the receivers' answers to the store, those too that it could not take at once.
//!
//! Until an answer is recorded a restart repeats its message, with the same key.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Clock, Timestamp};
use crate::store::{HistoryEntry, OutboxRow, Store, StoreError};

use super::history::{self, Outcome};

/// Most answers that wait for the store.
const MOST_UNRECORDED: usize = 10_000;

/// How an attempt ended, as the store is to record it.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub id: String,
    entry: HistoryEntry,
    result: Result<String, Postponed>,
}

#[derive(Debug, Clone)]
struct Postponed {
    attempts: u32,
    next: Timestamp,
    error: String,
}

impl Answered {
    /// Attempt number `attempt` ended like this; number 0 stands for none at all.
    pub fn new(row: &OutboxRow, attempt: u32, outcome: &Outcome<'_>, at: Timestamp) -> Self {
        let result = match outcome {
            Outcome::Delivered => Ok("delivered".to_owned()),
            Outcome::GivenUp { error } => Ok(format!("given up: {error}")),
            Outcome::Failed { error, next } => {
                Err(Postponed { attempts: attempt, next: *next, error: (*error).to_owned() })
            }
        };
        Self { id: row.id.clone(), entry: history::attempt(at, row, attempt, outcome), result }
    }

    /// Whether there will be no further attempt.
    pub fn is_final(&self) -> bool {
        self.result.is_ok()
    }
}

/// The way to the store, and what waits before it.
pub(super) struct Answers {
    waiting: Mutex<VecDeque<Answered>>,
    store: Store,
    clock: Clock,
}

impl Answers {
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { waiting: Mutex::default(), store, clock }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Answered>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records it, now or, if the store cannot take it, later.
    pub async fn record(&self, answered: Answered) {
        if self.hand_over(&answered).await.is_err() {
            // The store has said so itself, once.
            self.later(answered);
        }
    }

    /// Records it with the next [`Answers::catch_up`].
    pub fn later(&self, answered: Answered) {
        let mut waiting = self.waiting();
        if waiting.len() < MOST_UNRECORDED {
            waiting.push_back(answered);
        }
    }

    /// Records what waits, until the store fails again.
    pub async fn catch_up(&self) {
        loop {
            let Some(answered) = self.waiting().pop_front() else { return };
            if self.hand_over(&answered).await.is_err() {
                self.waiting().push_front(answered);
                return;
            }
        }
    }

    async fn hand_over(&self, Answered { id, entry, result }: &Answered) -> Result<(), StoreError> {
        let history = vec![entry.clone()];
        match result {
            Ok(result) => self.store.finish(id, self.clock.now(), result, history).await,
            Err(Postponed { attempts, next, error }) => self.store.postpone(id, *attempts, *next, error, history).await,
        }
    }
}
