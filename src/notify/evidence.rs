//! What stands behind a message beside the alert itself: numbers, a chart, a failed probe run, answers of the
//! runbook's diagnostics.
//!
//! Only types and words. Who gathers it is not known here: whoever can hands a [`Witness`] to the outbox, which
//! asks it once a message, under a limit (`testimony`). Everything in it is redacted and bounded by its maker.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use serde::Serialize;

use crate::model::Timestamp;
use crate::model::task::BoxFuture;

use super::message::{Notification, Told};

mod chart;
mod unit;

pub use chart::{Chart, Line, MOST_LINES};
pub use unit::Unit;

/// Longest time that gathering evidence may hold up a message, all its parts together.
pub const LIMIT: StdDuration = StdDuration::from_secs(2);

/// Whoever can gather evidence. Clones share it.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(Arc<Notification>) -> BoxFuture<Evidence> + Send + Sync>);

impl Witness {
    /// Asks `ask` about each message. What takes longer than [`LIMIT`] is not waited for.
    pub fn new(ask: impl Fn(Arc<Notification>) -> BoxFuture<Evidence> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(super) fn ask(&self, notification: Arc<Notification>) -> BoxFuture<Evidence> {
        (self.0)(notification)
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness")
    }
}

/// Everything that was found out about one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// When it was gathered; a retry tells what the first attempt found.
    #[serde(serialize_with = "rfc3339")]
    pub gathered_at: Timestamp,
    /// What is known about single alerts.
    pub alerts: Vec<AlertEvidence>,
    /// How the value went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<Chart>,
    /// What the runbook's diagnostics answered, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnosis>,
    /// What could not be gathered, and why; sentences without a full stop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// What is known about one alert of the message.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AlertEvidence {
    /// Whose: [`Told::fingerprint`].
    pub fingerprint: String,
    /// Its value against its rule's threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// The probe run that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<ProbeRun>,
}

/// A value against its threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// What is measured: the side of the rule's comparison that varies, as PromQL.
    pub expression: String,
    /// What its numbers are.
    pub unit: Unit,
    /// How value and threshold are compared while the alert fires: `>`, `==`; `None` without a threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<&'static str>,
    /// The value at which the rule's condition turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The value when the evidence was gathered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<f64>,
}

/// A failed run of a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeRun {
    /// The service.
    pub target: String,
    /// The probe's name.
    pub probe: String,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: Timestamp,
    /// How long it took.
    #[serde(rename = "took_seconds", serialize_with = "seconds")]
    pub took: StdDuration,
    /// The step that failed.
    pub step: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// `POST /api/v1/memory/update, 500`, the exchange that belongs to the failed step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The id under which the service's own log has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The beginning of the answer, redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The queue row that was followed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Failed runs among the last ones.
    pub failed: usize,
    /// How many the last ones are.
    pub of: usize,
    /// The probe's page; empty if memsentry's address is unknown.
    pub url: String,
}

/// One diagnostic of a runbook and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// What the runbook calls it.
    pub title: String,
    /// Its answer, or why there is none.
    pub answer: Result<Table, String>,
}

/// A small table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Cells as text, masked and cut; as many in each row as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Whether there were more rows than these.
    pub more: bool,
}

impl Evidence {
    /// Nothing, because of `why`.
    #[must_use]
    pub fn missing(at: Timestamp, why: impl Into<String>) -> Self {
        Self { gathered_at: at, missing: vec![why.into()], ..Self::default() }
    }

    /// What is known about an alert.
    #[must_use]
    pub fn of(&self, alert: &Told) -> Option<&AlertEvidence> {
        self.alerts.iter().find(|evidence| evidence.fingerprint == alert.fingerprint)
    }

    /// The failed runs, each told once even if several alerts are about it.
    #[must_use]
    pub fn runs(&self) -> Vec<&ProbeRun> {
        let mut runs: Vec<&ProbeRun> = Vec::new();
        for run in self.alerts.iter().filter_map(|alert| alert.run.as_ref()) {
            if !runs.iter().any(|known| (&known.target, &known.probe) == (&run.target, &run.probe)) {
                runs.push(run);
            }
        }
        runs
    }
}

impl Measured {
    /// The threshold in words: `over 100 rows`.
    #[must_use]
    pub fn limit(&self) -> Option<String> {
        let threshold = self.unit.show(self.threshold?);
        Some(match self.comparison? {
            ">" => format!("over {threshold}"),
            ">=" => format!("{threshold} or more"),
            "<" => format!("under {threshold}"),
            "<=" => format!("{threshold} or less"),
            "!=" => format!("other than {threshold}"),
            _ => threshold,
        })
    }
}

impl ProbeRun {
    /// `roundtrip of main failed at step follow: not processed`.
    #[must_use]
    pub fn headline(&self) -> String {
        let Self { probe, target, step, reason, .. } = self;
        format!("{probe} of {target} failed at step {}: {}", step.replace('_', " "), reason.replace('_', " "))
    }
}

fn rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

fn seconds<S: serde::Serializer>(took: &StdDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}
