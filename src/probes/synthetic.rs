//! Data that the probes make: how it is marked, when an unused conversation is an orphan.

use serde_json::{Value, json};

use crate::model::Duration;
use crate::model::synthetic::MARKER;

/// Marked conversations older than this belong to no run and are swept.
pub const ORPHAN_AGE: Duration = Duration::from_secs(15 * 60);

/// A new conversation's metadata, with the marker by which it is found again.
pub(super) fn metadata(instance: &str, probe: &str) -> Value {
    json!({ MARKER: instance, "memsentry_probe": probe })
}
