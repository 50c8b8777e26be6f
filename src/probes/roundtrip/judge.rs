//! What a memory and a queue row say about an update. Pure, and the place where every way in which deployments
//! depart from the contract is told apart.

use crate::memory_api::Memory;

use super::ExpectNonce;

/// What is known about a conversation and its deployment when a memory is looked at.
pub(super) struct Expected<'a> {
    pub(super) chat_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) expect: ExpectNonce,
    /// Whether this deployment has shown a nonce before.
    pub(super) keeps_nonce: bool,
    /// The memory before the update; `None` where it was not looked at.
    pub(super) before: Option<&'a Memory>,
    /// Whether an earlier update of this conversation is still under way and may change the memory too.
    pub(super) stale_possible: bool,
    /// What was sent to other conversations lately.
    pub(super) foreign: &'a [String],
}

impl Expected<'_> {
    /// Whether an update that was processed must show its nonce.
    fn must_show_nonce(&self) -> bool {
        match self.expect {
            ExpectNonce::Always => true,
            ExpectNonce::Never => false,
            ExpectNonce::Auto => self.keeps_nonce,
        }
    }
}

/// What a memory alone, without the queue row, says about the update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// It was processed.
    Processed,
    /// The memory changed, but not into what must come of the update.
    OtherChange,
    /// Nothing to see. The service answers 200 with empty fields before anything was processed.
    Nothing,
}

/// Looks for the update in a memory. `last_updated` counts only when it moved: some deployments set it once.
pub(super) fn sight(memory: &Memory, expected: &Expected<'_>) -> Sight {
    if expected.expect != ExpectNonce::Never && memory.mentions(expected.nonce) {
        return Sight::Processed;
    }
    let Some(before) = expected.before else { return Sight::Nothing };
    let changed = !memory.same_content(before) || memory.last_updated != before.last_updated;
    match (changed, expected.must_show_nonce() || expected.stale_possible) {
        (false, _) => Sight::Nothing,
        (true, true) => Sight::OtherChange,
        (true, false) => Sight::Processed,
    }
}

/// What is to be said about the memory of an update that was processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be; `Some` is a remark.
    Good(Option<&'static str>),
    /// The nonce may still become visible, if memory is read from a replica.
    NotYet(String),
    /// Wrong, and will not get better.
    Wrong(String),
}

/// Judges the memory of an update that was processed.
pub(super) fn verdict(memory: &Memory, expected: &Expected<'_>) -> Verdict {
    if memory.chat_id != expected.chat_id {
        let message = format!("asked for conversation {}, got the memory of {}", expected.chat_id, memory.chat_id);
        return Verdict::Wrong(message);
    }
    if let Some(foreign) = expected.foreign.iter().find(|nonce| memory.mentions(nonce)) {
        return Verdict::Wrong(format!("the memory holds {foreign}, which was sent to another conversation"));
    }
    if memory.mentions(expected.nonce) {
        return Verdict::Good(None);
    }
    if expected.must_show_nonce() {
        let found = if memory.is_empty() { "is empty" } else { "does not hold the nonce" };
        return Verdict::NotYet(format!("the update was processed, but the memory {found} ({})", expected.nonce));
    }
    Verdict::Good(Some(match (memory.is_empty(), expected.expect) {
        (true, _) => "the update was processed, but all three fields are empty: a summariser in mock mode",
        (false, ExpectNonce::Never) => return Verdict::Good(None),
        (false, _) => "the update was processed, but the summariser did not keep the nonce",
    }))
}
