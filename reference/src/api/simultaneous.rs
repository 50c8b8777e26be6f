//! Who else is having an update of the same chat accepted: for the quirk that drops all but the first.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The chats with an update in hand; as many as there are requests at once.
#[derive(Default)]
pub struct Accepting(Mutex<HashSet<String>>);

/// An update in hand.
pub struct Turn<'a> {
    accepting: &'a Accepting,
    chat: String,
}

impl Accepting {
    /// The turn of an update of `chat`; none if another one has it.
    pub fn enter(&self, chat: &str) -> Option<Turn<'_>> {
        self.chats().insert(chat.to_owned()).then(|| Turn { accepting: self, chat: chat.to_owned() })
    }

    fn chats(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.accepting.chats().remove(&self.chat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_update_of_a_chat_at_a_time_has_the_turn() {
        let accepting = Accepting::default();
        let first = accepting.enter("a").unwrap();
        assert!(accepting.enter("a").is_none() && accepting.enter("b").is_some());
        drop(first);
        assert!(accepting.enter("a").is_some());
    }
}
