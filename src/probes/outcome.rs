//! What came of one run: steps with their times, the result, and the evidence behind it.
//!
//! Everything here is redacted and bounded, and serializes to JSON for the web, the terminal and notifications.

use std::time::Duration as StdDuration;

use serde::{Serialize, Serializer};

use crate::memory_api::{ExchangeRecord, FailureReason};
use crate::model::Timestamp;

/// Why a run failed. Label values of `reason`, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A request failed; why is in it.
    Call(FailureReason),
    /// The answers contradict each other or what was sent.
    Mismatch,
    /// The snippet was accepted, but not processed before the deadline, or given up by the worker.
    NotProcessed,
    /// memsentry's own way to the database failed, and without it the run cannot be judged.
    Database,
    /// memsentry itself failed.
    Internal,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 13] = {
        let mut all = [Self::Internal; 13];
        let mut at = 0;
        while at < FailureReason::ALL.len() {
            all[at] = Self::Call(FailureReason::ALL[at]);
            at += 1;
        }
        all[at] = Self::Mismatch;
        all[at + 1] = Self::NotProcessed;
        all[at + 2] = Self::Database;
        all
    };

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call(reason) => reason.as_str(),
            Self::Mismatch => "mismatch",
            Self::NotProcessed => "not_processed",
            Self::Database => "database",
            Self::Internal => "internal",
        }
    }

    /// Whether it says nothing about the service: we may not ask, or could not look.
    #[must_use]
    pub const fn says_nothing(self) -> bool {
        matches!(self, Self::Call(FailureReason::RateLimited) | Self::Internal)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a run failed, where, and in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// The kind of failure.
    pub reason: Reason,
    /// The step that failed; one of its kind's.
    pub step: &'static str,
    /// For a person; redacted.
    pub message: String,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// One of its kind's names.
    pub name: &'static str,
    /// From the start of the run to the start of the step.
    #[serde(rename = "offset_seconds", serialize_with = "seconds")]
    pub offset: StdDuration,
    /// How long it took.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub took: StdDuration,
    /// Whether it went well.
    pub ok: bool,
}

/// An exchange and the step it belongs to.
#[derive(Debug, Clone, Serialize)]
pub struct StepExchange {
    /// The step.
    pub step: &'static str,
    /// What was asked and answered.
    pub exchange: ExchangeRecord,
}

/// The queue row behind the update, as last seen: the same run from HTTP call to database row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueTrace {
    /// The id that the API answered.
    pub queue_id: String,
    /// The row's status; `None` where no row was found or no database is configured.
    pub status: Option<String>,
    /// When it was queued, by the database's clock.
    pub created_at: Option<Timestamp>,
    /// Where the deployment sets it.
    pub processed_at: Option<Timestamp>,
    /// Failed attempts of the worker.
    pub retry_count: Option<i32>,
    /// The worker's last error, redacted; may outlive a success.
    pub error_message: Option<String>,
    /// How often the row was looked at.
    pub looks: u32,
}

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The target's name.
    pub target: String,
    /// The probe's name in the configuration.
    pub probe: String,
    /// The probe's kind.
    pub kind: &'static str,
    /// When it began.
    pub started_at: Timestamp,
    /// Until its result was known, without cleaning up.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub took: StdDuration,
    /// `None` if it succeeded.
    pub failure: Option<Failure>,
    /// Its steps in order.
    pub steps: Vec<Step>,
    /// Remarks that are no failure, such as a summariser that seems to be in mock mode.
    pub notes: Vec<String>,
    /// The conversation it used.
    pub chat_id: Option<String>,
    /// The queue row it followed.
    pub queue: Option<QueueTrace>,
    /// From sending the snippet to reading it back, for an update that went well.
    #[serde(rename = "update_seconds", serialize_with = "optional_seconds")]
    pub update_took: Option<StdDuration>,
    /// What was asked and answered; the first and the last ones of a long run.
    pub exchanges: Vec<StepExchange>,
}

impl Outcome {
    /// Whether it succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failure.is_none()
    }
}

fn seconds<S: Serializer>(duration: &StdDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[allow(clippy::ref_option)] // serde hands the field over as it is
fn optional_seconds<S: Serializer>(duration: &Option<StdDuration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 13);
    }
}
