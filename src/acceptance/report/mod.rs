//! A whole validation as data, and everything that is written from it.
//!
//! [`Report`] holds what was run, what was found and what disturbed it. Documents are made from nothing else, and so is
//! the comparison with an earlier run: a sentence that is in none of the data is in no document.

mod assumptions;
pub mod compare;
mod debt;
mod decisions;
mod figures;
mod final_status;
mod html;
pub mod junit;
mod markdown;
mod notes;
mod opportunities;
mod recommendation;
mod test_update;
mod words;
mod write;

use serde::{Deserialize, Serialize};

use crate::model::{Duration, Timestamp};
use crate::traffic::Distribution;

use super::{Area, Case, Evidence, ExchangeSeen, Figure, FigureValue, RateLimit, RowSeen, Verdict};

pub use compare::{Comparison, compare};
pub use recommendation::Recommendation;
pub use write::{DOCUMENTS, Document, write_all};

/// The form that is written and read.
pub const FORMAT: u32 = 1;

/// One validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form; 1.
    pub format: u32,
    /// The version of memsentry.
    pub memsentry: String,
    /// The run's id; the marker of all data that it made.
    pub run_id: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether it went on from an interrupted one.
    pub resumed: bool,
    /// Whether things were allowed to be broken.
    pub chaos: bool,
    /// What was validated.
    pub target: TargetSeen,
    /// What it was measured by.
    pub promised: Promised,
    /// What was found, in the order of the table.
    pub results: Vec<CriterionResult>,
    /// The queue while it ran, at most a few thousand points.
    pub timeline: Vec<TimelinePoint>,
    /// What may have disturbed the measurement.
    pub interference: Interference,
    /// Synthetic conversations that could not be removed; `None` if nobody could look.
    pub left_behind: Option<u64>,
    /// Ids of criteria that the person who started it left out (`--only`, `--skip`). With any, the report speaks of
    /// a part of the promises only.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Whether it was ended before all that was asked for was judged.
    #[serde(default)]
    pub interrupted: bool,
    /// What differs from an earlier run, if it was to be compared with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is JSON of another kind, or no JSON.
    #[error("is no report of a validation: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is a report in a form of another version.
    #[error(
        "is a report of format {found}, and this memsentry reads format {FORMAT}; run the memsentry that wrote it, or validate anew"
    )]
    Format {
        /// The format that it says it has.
        found: u64,
    },
}

/// The deployment, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSeen {
    /// The target's name in the configuration.
    pub name: String,
    /// The service's address, redacted.
    pub url: String,
    /// What it says it is.
    pub version: Option<String>,
    /// How many users there were to send with.
    pub users: usize,
    /// Whether its database could be read.
    pub database: bool,
}

/// The promises, as far as they are numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promised {
    /// Longest time until an update is visible.
    pub update_visible_seconds: f64,
    /// The share of updates that must keep to it.
    pub update_visible_ratio: f64,
    /// Longest time of a retrieval.
    pub retrieval_seconds: f64,
    /// The share of retrievals that must keep to it.
    pub retrieval_ratio: f64,
    /// The share of operations that must succeed.
    pub success_ratio: f64,
    /// The rate limit of one user.
    pub rate_limit: RateLimit,
    /// Updates at once.
    pub concurrency: Vec<u32>,
    /// Stored memories.
    pub stored_memories: u32,
    /// The share of facts that must be kept.
    pub retention_ratio: f64,
}

/// One criterion and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriterionResult {
    /// The criterion's id.
    pub id: String,
    /// The part of the requirements.
    pub area: Area,
    /// What is promised.
    pub promise: String,
    /// How it was measured.
    pub method: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, with the figures that decided.
    pub summary: String,
    /// What stands behind it.
    pub evidence: Evidence,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// The queue at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// When.
    pub at: Timestamp,
    /// Open rows.
    pub depth: u64,
    /// Age of the oldest open row, in seconds; 0 if there is none.
    pub oldest_seconds: f64,
}

/// What may have disturbed the measurement, and by how much.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Interference {
    /// Rows that others queued during the run; `None` if nobody could look.
    pub foreign_rows: Option<u64>,
    /// How far the service's clock is ahead of ours, in seconds; from its `Date` header, so to the second.
    pub service_clock_ahead_seconds: Option<f64>,
    /// How far the database's clock is ahead of ours, in seconds.
    pub database_clock_ahead_seconds: Option<f64>,
    /// How late our own timers fired, in seconds: the 99th percentile. Much of it means that this machine was too
    /// busy for its measurements to be trusted.
    pub own_lag_p99_seconds: Option<f64>,
    /// Remarks on all this, each a sentence.
    pub remarks: Vec<String>,
}

impl Report {
    /// Reads what [`write_all`] writes as `report.json`.
    ///
    /// # Errors
    /// It is no report, or one of another format.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        /// What every format has.
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let Head { format: found } = serde_json::from_str(text)?;
        if found != u64::from(FORMAT) {
            return Err(ReadError::Format { found });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The results with this verdict.
    pub fn ended(&self, verdict: Verdict) -> impl Iterator<Item = &CriterionResult> {
        self.results.iter().filter(move |result| result.verdict == verdict)
    }

    /// How many criteria ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.results.iter().filter(|result| result.verdict == verdict).count()
    }

    /// Whether the deployment is ready: something was judged, nothing failed, and the run came to its end.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.interrupted && self.count(Verdict::Fail) == 0 && self.count(Verdict::Pass) > 0
    }
}

#[cfg(test)]
mod tests;
