//! How data that memsentry makes is marked, so that it can be told from people's and removed.

/// The key in a conversation's `metadata` that marks it as made by memsentry; its value is the instance's name.
pub const MARKER: &str = "memsentry_synthetic";
