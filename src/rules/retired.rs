//! Alerts whose rule is gone from the files: they are over, and their receivers must hear of it.

use crate::model::{Alert, Labels, Timestamp};

use super::alerting::{Active, Phase, RESOLVED_RETENTION};
use super::evaluation::{Evaluation, StateChange};
use super::group::Outlet;
use super::restore;

/// Alerts without a rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Retired {
    alerts: Vec<(String, Labels, Active)>,
    /// Documents to remove at the next occasion.
    forget: Vec<String>,
    /// Alerts that were resolved here and are not stored as such yet.
    changed: bool,
}

impl Retired {
    /// Takes an alert over. One that fires is over at `at`; one that was pending is forgotten.
    pub(super) fn take(&mut self, identity: &str, labels: Labels, mut active: Active, at: Timestamp) {
        match active.phase {
            Phase::Pending => self.forget.push(restore::alert_key(identity, &labels)),
            Phase::Firing => {
                active.phase = Phase::Resolved;
                active.resolved_at = Some(at);
                self.changed = true;
                self.alerts.push((identity.to_owned(), labels, active));
            }
            Phase::Resolved => self.alerts.push((identity.to_owned(), labels, active)),
        }
    }

    /// Hands the alerts of a rule back that is there again.
    pub(super) fn give_back(&mut self, identity: &str) -> Vec<(Labels, Active)> {
        let given = self.alerts.extract_if(.., |(owner, _, _)| owner == identity);
        given.map(|(_, labels, active)| (labels, active)).collect()
    }

    /// Removes a document without telling anybody.
    pub(super) fn forget(&mut self, keys: impl IntoIterator<Item = String>) {
        self.forget.extend(keys);
    }

    /// Takes over all that an older set had retired.
    pub(super) fn absorb(&mut self, older: Self) {
        self.alerts.extend(older.alerts);
        self.forget.extend(older.forget);
        self.changed |= older.changed;
    }

    /// The alerts to tell at `at`, and what to change in the store.
    pub(super) fn evaluate(&mut self, at: Timestamp, outlet: &Outlet) -> Evaluation {
        let mut state = StateChange { set: Vec::new(), remove: std::mem::take(&mut self.forget) };
        self.alerts.retain(|(identity, labels, active)| {
            let stays = active.resolved_at.is_some_and(|end| at.since(end) <= RESOLVED_RETENTION);
            if !stays {
                state.remove.push(restore::alert_key(identity, labels));
            }
            stays
        });
        if std::mem::take(&mut self.changed) {
            state.set.extend(self.alerts.iter().map(|(i, labels, active)| restore::alert_document(i, labels, active)));
        }
        let alerts: Vec<Alert> =
            self.alerts.iter().filter_map(|(_, labels, active)| outlet.alert(labels, active, "", at, at)).collect();
        Evaluation { alerts, state, ..Evaluation::default() }
    }
}
