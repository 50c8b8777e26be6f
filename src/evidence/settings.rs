//! What the runbooks' diagnostics may do and show.

use serde::Deserialize;

/// The blocks of runbooks that are run when their alert is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether they are run; true unless set. They read the database of the alert's target, 2 s and 20 rows at most.
    pub enabled: bool,
    /// Whether their answers may hold what users wrote and what was made of it; false unless set. Without it such text
    /// is told by its length only. Messages go to mail boxes and chats that more people read than the database.
    pub show_texts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, show_texts: false }
    }
}
