//! The settings as the dispatcher uses them: which routes take an alert, and whom they tell.
//!
//! [`Plan::select`] is the seam for a tree of routes: labels in, indices of routes out. Today there is the
//! root route or none.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::model::Labels;
use crate::runbooks::Runbooks;

use super::notifiers::KINDS;
use super::settings::{ALL_LABELS, Settings};

/// What to do with alerts. Never changes; a reload makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    routes: Vec<PlannedRoute>,
    receivers: Vec<PlannedReceiver>,
    /// Where the daemon is seen from outside, without a slash at the end; may be empty.
    pub(super) external_url: String,
    /// The runbooks that messages name.
    pub(super) runbooks: Arc<Runbooks>,
}

/// One route.
#[derive(Debug, Clone)]
pub(super) struct PlannedRoute {
    /// Where it stands in the tree, as in Alertmanager's group keys; `{}` is the root.
    pub path: String,
    pub receiver: String,
    pub group_by: GroupBy,
    pub group_wait: StdDuration,
    pub group_interval: StdDuration,
    pub repeat_interval: StdDuration,
}

/// One receiver and its notifiers, in order.
#[derive(Debug, Clone)]
pub(super) struct PlannedReceiver {
    pub name: String,
    pub notifiers: Vec<PlannedNotifier>,
}

/// One notifier of a receiver.
#[derive(Debug, Clone)]
pub(super) struct PlannedNotifier {
    /// Such as `webhook[0]`.
    pub name: String,
    pub send_resolved: bool,
}

/// Which labels make a group.
#[derive(Debug, Clone)]
pub(super) enum GroupBy {
    All,
    Names(Vec<String>),
}

impl GroupBy {
    /// The labels that identify an alert's group.
    pub fn labels(&self, alert: &Labels) -> Labels {
        match self {
            Self::All => alert.clone(),
            Self::Names(names) => alert.without(|label| !names.iter().any(|name| name == label)),
        }
    }
}

impl Plan {
    /// The plan that follows from checked settings.
    #[must_use]
    pub fn new(settings: &Settings, external_url: &str, runbooks: Arc<Runbooks>) -> Self {
        let route = settings.route.iter().map(|route| PlannedRoute {
            path: "{}".to_owned(),
            receiver: route.receiver.clone(),
            group_by: match route.group_by.iter().any(|label| label == ALL_LABELS) {
                true => GroupBy::All,
                false => GroupBy::Names(route.group_by.clone()),
            },
            group_wait: route.group_wait.std(),
            group_interval: route.group_interval.std(),
            repeat_interval: route.repeat_interval.std(),
        });
        let receivers = settings.receivers.iter().map(|receiver| PlannedReceiver {
            name: receiver.name.clone(),
            notifiers: KINDS
                .iter()
                .flat_map(|kind| {
                    let resolved = kind.send_resolved(receiver).into_iter().enumerate();
                    resolved.map(|(index, send_resolved)| PlannedNotifier { name: kind.label(index), send_resolved })
                })
                .collect(),
        });
        Self {
            routes: route.collect(),
            receivers: receivers.collect(),
            external_url: external_url.trim_end_matches('/').to_owned(),
            runbooks,
        }
    }

    /// The routes that take an alert with these labels.
    pub(super) fn select(&self, _labels: &Labels) -> Vec<usize> {
        (0..self.routes.len()).collect()
    }

    pub(super) fn route(&self, index: usize) -> Option<&PlannedRoute> {
        self.routes.get(index)
    }

    /// The route at a place of the tree, if it still tells this receiver.
    pub(super) fn route_at(&self, path: &str, receiver: &str) -> Option<usize> {
        self.routes.iter().position(|route| route.path == path && route.receiver == receiver)
    }

    pub(super) fn receiver_names(&self) -> Vec<String> {
        self.receivers.iter().map(|receiver| receiver.name.clone()).collect()
    }

    pub(super) fn receiver(&self, name: &str) -> Option<&PlannedReceiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}
