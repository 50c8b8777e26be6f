//! What evaluating rules brought about.

use crate::model::{Alert, Labels, PendingChange};
use crate::store::Document;

/// The outcome of one or more evaluations.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Every alert that fires, and every one that ended less than 15 minutes ago.
    pub alerts: Vec<Alert>,
    /// Rules that could not be evaluated. Their alerts keep the state that they had.
    pub failures: Vec<RuleFailure>,
    /// Templates that could not be expanded. Their alerts go out with the error as text.
    pub template_failures: Vec<RuleFailure>,
    /// Alerts whose data went missing or came back.
    pub data_changes: Vec<DataChange>,
    /// Alerts that begin to wait for their `for`, or stop without having fired.
    pub pending: Vec<PendingChange>,
    /// What to keep for the next start; empty where nothing changed.
    pub state: StateChange,
    /// How many samples were written to the store, staleness markers included. They are there already.
    pub samples: usize,
}

/// A rule and what went wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFailure {
    /// Its group.
    pub group: String,
    /// Its name.
    pub rule: String,
    /// What went wrong.
    pub error: String,
}

/// An alert that stands still from now on because its data are missing, or goes on because they are back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataChange {
    /// Its group.
    pub group: String,
    /// Its rule.
    pub rule: String,
    /// The alert.
    pub labels: Labels,
    /// Whether the data are missing now.
    pub missing: bool,
}

/// Documents of `store::Table::RuleAlerts` to set and to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChange {
    /// New or changed.
    pub set: Vec<Document>,
    /// Keys of what is over.
    pub remove: Vec<String>,
}

impl StateChange {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

impl Evaluation {
    /// Adds what another evaluation brought about.
    pub fn absorb(&mut self, other: Self) {
        self.alerts.extend(other.alerts);
        self.failures.extend(other.failures);
        self.template_failures.extend(other.template_failures);
        self.data_changes.extend(other.data_changes);
        self.pending.extend(other.pending);
        self.state.set.extend(other.state.set);
        self.state.remove.extend(other.state.remove);
        self.samples += other.samples;
    }
}
