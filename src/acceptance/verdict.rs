//! How a criterion ended: pass, fail, or not judged, each with a sentence that carries the figures.

use serde::{Deserialize, Serialize};

use crate::memory_api::CallError;
use crate::queue::DatabaseError;

/// What is said about a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was measured, and it is kept.
    Pass,
    /// It was measured, and it is broken.
    Fail,
    /// It was not measured, or not well enough to say.
    NotJudged,
}

impl Verdict {
    /// As a person reads it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotJudged => "not judged",
        }
    }
}

/// A verdict and the sentence for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence with the figures that decided, in lower case and without full stop; of what was not judged, why.
    pub summary: String,
}

impl Finding {
    /// The promise is kept.
    pub fn pass(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, summary: summary.into() }
    }

    /// The promise is broken.
    pub fn fail(summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, summary: summary.into() }
    }

    /// Nothing can be said, and why.
    pub fn not_judged(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotJudged, summary: reason.into() }
    }

    /// Pass if `kept`, and fail otherwise.
    pub fn when(kept: bool, summary: impl Into<String>) -> Self {
        if kept { Self::pass(summary) } else { Self::fail(summary) }
    }
}

/// What kept a criterion from measuring what it is about; redacted, in lower case and without full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Obstacle(pub String);

impl Obstacle {
    /// With this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl From<CallError> for Obstacle {
    fn from(error: CallError) -> Self {
        Self(error.to_string())
    }
}

impl From<DatabaseError> for Obstacle {
    fn from(error: DatabaseError) -> Self {
        Self(error.to_string())
    }
}
