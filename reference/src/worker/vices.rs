//! What a worker does wrong with a memory on its way to the agent and back, if its quirks say so.
//!
//! Without quirks nothing here changes anything.

use std::sync::{Mutex, PoisonError};

use crate::memory::Memory;
use crate::quirks::{Quirk, Quirks};

/// What an agent says that tells its prompt.
const PROMPT: &str =
    "You summarise a chat. Answer in JSON with exactly user_confirmed, llm_inferred and general_summary.";

/// The quirks, and what one of them has to remember.
pub struct Vices {
    quirks: Quirks,
    /// The chat that was worked on last and its memory.
    last: Mutex<Option<(String, Memory)>>,
}

impl Vices {
    /// Those of `quirks`.
    pub fn new(quirks: Quirks) -> Self {
        Self { quirks, last: Mutex::new(None) }
    }

    /// What the agent is shown of the prior memory.
    pub fn prior(&self, chat: &str, prior: &Memory) -> Memory {
        if self.quirks.on(Quirk::NoPriorMemory) {
            return Memory::default();
        }
        let mut shown = prior.clone();
        if self.quirks.on(Quirk::LeakyWorker)
            && let Some((other, memory)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && other != chat
        {
            shown.user_confirmed = memory.user_confirmed.clone();
            shown.user_confirmed.extend(prior.user_confirmed.clone());
        }
        shown
    }

    /// What becomes of the agent's answer.
    pub fn spoil(&self, chat: &str, snippet: &str, memory: &mut Memory) {
        if self.quirks.on(Quirk::MixedFacts) {
            let inferred = memory.llm_inferred.iter().filter(|(name, _)| *name != "topics");
            memory.user_confirmed.extend(inferred.map(|(name, value)| (name.clone(), value.clone())));
        }
        let snippet = snippet.to_lowercase();
        if self.quirks.on(Quirk::ObedientAgent) && ["prompt", "instructions"].iter().any(|word| snippet.contains(word))
        {
            PROMPT.clone_into(&mut memory.general_summary);
        }
        if self.quirks.on(Quirk::LeakyWorker) {
            let last = Some((chat.to_owned(), memory.clone()));
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
    }
}
