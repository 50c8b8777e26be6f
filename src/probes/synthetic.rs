//! Data that the probes make: how it is marked, how a snippet looks, when an unused conversation is an orphan.

use serde_json::{Value, json};

use crate::model::Duration;
use crate::model::synthetic::MARKER;

/// Marked conversations older than this belong to no run and are swept.
pub const ORPHAN_AGE: Duration = Duration::from_secs(15 * 60);

/// A new conversation's metadata, with the marker by which it is found again.
pub(super) fn metadata(instance: &str, probe: &str) -> Value {
    json!({ MARKER: instance, "memsentry_probe": probe })
}

/// A text that appears nowhere else.
pub(super) fn nonce() -> String {
    format!("memsentry-{:012x}", rand::random::<u64>() >> 16)
}

/// A snippet in which the nonce is a fact about the user that a later snippet replaces, so that the memory of
/// a conversation that is used again does not grow.
pub(super) fn snippet(nonce: &str) -> String {
    format!("My verification code is {nonce}. Keep the code exactly as it is written.")
}
