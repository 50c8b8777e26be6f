//! Data that memsentry makes: how it is marked, so that it can be told from people's and removed, and how a snippet looks.

/// The key in a conversation's `metadata` that marks it as made by memsentry; its value is the instance's name.
pub const MARKER: &str = "memsentry_synthetic";

/// A text that appears nowhere else.
#[must_use]
pub fn nonce() -> String {
    format!("memsentry-{:012x}", rand::random::<u64>() >> 16)
}

/// A snippet in which the nonce is a fact about the user that a later snippet replaces, so that the memory of
/// a conversation that is used again does not grow.
#[must_use]
pub fn snippet(nonce: &str) -> String {
    format!("My verification code is {nonce}. Keep the code exactly as it is written.")
}
