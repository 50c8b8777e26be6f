//! Drills.

use crate::model::Labels;

/// The label that marks the alert of a drill.
pub const LABEL: &str = "memsentry_drill";

/// Whether alerts with these labels are a drill's.
#[must_use]
pub fn is_drill(labels: &Labels) -> bool {
    labels.get(LABEL) == Some("true")
}
