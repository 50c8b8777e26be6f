//! What a reload did, for `/metrics`, the pages and the log.

use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::{Definition, Gauge, Registry};
use crate::model::{Problem, Timestamp};

static SUCCESS: Definition = Definition::gauge(
    "memsentry_config_reload_success",
    "1 if the last load of the configuration succeeded, 0 if it was refused and the one before still runs.",
    &[],
);
static SUCCESS_AT: Definition = Definition::gauge(
    "memsentry_config_reload_success_timestamp_seconds",
    "When the running configuration was loaded, in seconds since the epoch.",
    &[],
);

/// The metrics of this file.
pub static DEFINITIONS: &[&Definition] = &[&SUCCESS, &SUCCESS_AT];

/// The outcome of the last load. Clones share it.
#[derive(Clone)]
pub struct Reloads {
    last: Arc<Mutex<Outcome>>,
    success: Gauge,
    success_at: Gauge,
}

/// What the last load brought.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// When the running configuration was loaded.
    pub loaded_at: Timestamp,
    /// When the last load was refused, if it was the last that happened.
    pub refused_at: Option<Timestamp>,
    /// Why it was refused.
    pub problems: Vec<Problem>,
}

impl Reloads {
    /// Nothing was loaded yet.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self { last: Arc::default(), success: registry.gauge(&SUCCESS), success_at: registry.gauge(&SUCCESS_AT) }
    }

    /// A configuration was taken.
    pub fn accepted(&self, at: Timestamp) {
        let none: &[&str] = &[];
        self.success.with_label_values(none).set(1.0);
        self.success_at.with_label_values(none).set(at.seconds());
        *self.lock() = Outcome { loaded_at: at, refused_at: None, problems: Vec::new() };
    }

    /// A configuration was refused; the one before runs on.
    pub fn refused(&self, at: Timestamp, problems: Vec<Problem>) {
        let none: &[&str] = &[];
        self.success.with_label_values(none).set(0.0);
        let mut last = self.lock();
        last.refused_at = Some(at);
        last.problems = problems;
    }

    /// The last outcome.
    #[must_use]
    pub fn last(&self) -> Outcome {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
