//! What a roundtrip probe remembers between runs: its conversations, and updates that nobody has seen finished.
//!
//! Pure bookkeeping. Where clean-up by SQL is allowed, every run makes a conversation of its own. A row that is
//! still waiting is left alone for a while, because removing it under the worker's hands would disturb the
//! service; one that is being retried is removed, because poison rows starve everybody behind them. Elsewhere a
//! few conversations are used again and again, and no more updates are added while too many are unfinished.

use std::collections::VecDeque;

use crate::model::{Duration, Stopwatch};

/// Unfinished updates at most; beyond them the oldest is removed, or no update is added.
pub(super) const MOST_UNFINISHED: usize = 10;
/// After this time an unfinished update does not count any more.
pub(super) const UNFINISHED_AGE: Duration = Duration::from_secs(600);
/// A memory longer than this, in bytes, comes near the limit at which the service asks for a new chat.
const LONGEST_MEMORY: usize = 16_000;
/// Nonces of other conversations that are looked for, to find leaks.
const FOREIGN: usize = 16;
/// Conversations remembered for removal; what does not fit is taken by the next sweep.
const MOST_REMOVALS: usize = 256;

/// An update that was sent.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) chat_id: String,
    /// `None` until the service answered with one.
    pub(super) queue_id: Option<String>,
    pub(super) nonce: String,
    pub(super) sent: Stopwatch,
}

/// What is remembered.
#[derive(Default)]
pub(super) struct State {
    /// Conversations that are used again, the least recently used first.
    kept: VecDeque<String>,
    unfinished: VecDeque<Update>,
    /// Conversations to be removed as soon as possible.
    removals: Vec<String>,
    /// Conversations that can be neither used nor removed any more.
    retired: u64,
    recent: VecDeque<(String, String)>,
    pub(super) keeps_nonce: bool,
    pub(super) last_sweep: Option<Stopwatch>,
    /// Left by the last sweep.
    pub(super) swept_left: u64,
}

impl State {
    /// A conversation to use again, one without unfinished updates if possible; `None` to make another one. All
    /// of them take turns, because a leak from one memory into another only shows with several.
    pub(super) fn reuse(&mut self, most: usize) -> Option<String> {
        if self.kept.len() < most {
            return None;
        }
        let clean = self.kept.iter().position(|chat_id| !self.is_unfinished(chat_id));
        let chat_id = self.kept.remove(clean.unwrap_or(0))?;
        self.kept.push_back(chat_id.clone());
        Some(chat_id)
    }

    pub(super) fn keep(&mut self, chat_id: &str) {
        self.kept.push_back(chat_id.to_owned());
    }

    /// The service does not know this conversation any more.
    pub(super) fn forget(&mut self, chat_id: &str) {
        self.kept.retain(|kept| kept != chat_id);
        self.unfinished.retain(|update| update.chat_id != chat_id);
    }

    /// Gives a kept conversation up when its memory gets too long.
    pub(super) fn retire_if_full(&mut self, chat_id: &str, memory_size: usize) {
        let before = self.kept.len();
        if memory_size > LONGEST_MEMORY {
            self.kept.retain(|kept| kept != chat_id);
        }
        self.retired += u64::try_from(before - self.kept.len()).unwrap_or(0);
    }

    pub(super) fn is_unfinished(&self, chat_id: &str) -> bool {
        self.unfinished.iter().any(|update| update.chat_id == chat_id)
    }

    /// Notes an update before it is sent, so that a run that is cut off leaves a trace of it.
    pub(super) fn sent(&mut self, chat_id: &str, nonce: &str) {
        let sent = Stopwatch::start();
        self.unfinished.push_back(Update {
            chat_id: chat_id.to_owned(),
            queue_id: None,
            nonce: nonce.to_owned(),
            sent,
        });
        self.recent.push_back((chat_id.to_owned(), nonce.to_owned()));
        if self.recent.len() > FOREIGN {
            self.recent.pop_front();
        }
    }

    pub(super) fn accepted(&mut self, nonce: &str, queue_id: &str) {
        if let Some(update) = self.unfinished.iter_mut().find(|update| update.nonce == nonce) {
            update.queue_id = Some(queue_id.to_owned());
        }
    }

    /// The update with this nonce needs no more attention: processed, given up, or never accepted.
    pub(super) fn finished(&mut self, nonce: &str) {
        self.unfinished.retain(|update| update.nonce != nonce);
    }

    /// A memory was seen that holds this nonce: the update it came with and all earlier ones of the same
    /// conversation are through.
    pub(super) fn seen_through(&mut self, chat_id: &str, holds: impl Fn(&str) -> bool) {
        let newest = self.unfinished.iter().rposition(|update| update.chat_id == chat_id && holds(&update.nonce));
        let Some(newest) = newest else { return };
        let later = self.unfinished.split_off(newest + 1);
        self.unfinished.retain(|update| update.chat_id != chat_id);
        self.unfinished.extend(later);
    }

    /// Updates that count as unfinished.
    pub(super) fn unfinished(&mut self) -> Vec<Update> {
        self.unfinished.retain(|update| update.sent.elapsed() < UNFINISHED_AGE.std());
        self.unfinished.iter().cloned().collect()
    }

    /// Updates that are in the queue for all we know.
    pub(super) fn accepted_and_unfinished(&mut self) -> Vec<Update> {
        let mut updates = self.unfinished();
        updates.retain(|update| update.queue_id.is_some());
        updates
    }

    /// Takes out the updates beyond the limits of number and age, oldest first.
    pub(super) fn overdue(&mut self) -> Vec<Update> {
        let mut overdue = Vec::new();
        while self.unfinished.len() > MOST_UNFINISHED
            || self.unfinished.front().is_some_and(|update| update.sent.elapsed() >= UNFINISHED_AGE.std())
        {
            overdue.extend(self.unfinished.pop_front());
        }
        overdue
    }

    /// Nonces that were sent to conversations other than this one.
    pub(super) fn foreign(&self, chat_id: &str) -> Vec<String> {
        self.recent.iter().filter(|(other, _)| other != chat_id).map(|(_, nonce)| nonce.clone()).collect()
    }

    pub(super) fn remove_later(&mut self, chat_id: &str) {
        if self.removals.len() < MOST_REMOVALS && !self.removals.iter().any(|known| known == chat_id) {
            self.removals.push(chat_id.to_owned());
        }
    }

    pub(super) fn removals(&self) -> Vec<String> {
        self.removals.clone()
    }

    pub(super) fn removed(&mut self, chat_ids: &[String]) {
        self.removals.retain(|chat_id| !chat_ids.contains(chat_id));
    }

    /// Conversations in the service that nobody uses any more.
    pub(super) fn leftovers(&self) -> u64 {
        self.swept_left + self.retired + u64::try_from(self.removals.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_used_in_turn_and_their_number_is_bounded() {
        let mut state = State::default();
        for chat_id in ["a", "b"] {
            assert_eq!(state.reuse(2), None);
            state.keep(chat_id);
        }
        state.sent("a", "n1");
        assert_eq!(state.reuse(2).as_deref(), Some("b"), "a has an unfinished update");
        state.sent("b", "n2");
        assert_eq!(state.reuse(2).as_deref(), Some("a"), "both are unfinished, so the oldest");
        state.finished("n2");
        assert_eq!(state.reuse(2).as_deref(), Some("b"));
        state.forget("b");
        assert_eq!((state.reuse(2), state.foreign("a")), (None, vec!["n2".to_owned()]));
    }

    #[test]
    fn a_nonce_that_is_seen_ends_earlier_updates_of_its_conversation_only() {
        let mut state = State::default();
        for (chat_id, nonce) in [("a", "n1"), ("b", "n2"), ("a", "n3"), ("a", "n4")] {
            state.sent(chat_id, nonce);
        }
        state.seen_through("a", |nonce| nonce == "n3");
        let left: Vec<_> = state.unfinished().into_iter().map(|update| update.nonce).collect();
        assert_eq!(left, ["n2", "n4"]);
        state.seen_through("b", |_| false);
        assert_eq!(state.unfinished().len(), 2, "a memory without any nonce ends nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn unfinished_updates_are_bounded_in_number_and_age() {
        let mut state = State::default();
        for at in 0..12 {
            state.sent("a", &format!("n{at}"));
        }
        let overdue: Vec<_> = state.overdue().into_iter().map(|update| update.nonce).collect();
        assert_eq!(overdue, ["n0", "n1"]);
        tokio::time::advance(UNFINISHED_AGE.std()).await;
        assert_eq!(state.overdue().len(), 10);
    }

    #[test]
    fn a_conversation_that_is_nearly_full_is_retired_and_counts_as_left_behind() {
        let mut state = State::default();
        state.keep("a");
        state.retire_if_full("a", 1_000);
        assert_eq!((state.reuse(1).as_deref(), state.leftovers()), (Some("a"), 0));
        state.retire_if_full("a", 20_000);
        assert_eq!((state.reuse(1), state.leftovers()), (None, 1));
        state.remove_later("b");
        assert_eq!(state.leftovers(), 2);
    }
}
