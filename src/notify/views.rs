//! Alerts and groups as pages and tools see them: with their receivers, and with what keeps them from being told.

use std::sync::Arc;

use crate::model::{Alert, Fingerprint, Labels, Timestamp};

use super::alerts::Held;
use super::dispatcher::Dispatcher;

/// One alert that fires.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// The alert.
    pub alert: Alert,
    /// When it was last reported.
    pub updated_at: Timestamp,
    /// Who is told about it, in the order of the routes; each once.
    pub receivers: Vec<String>,
    /// The ids of the silences that silence it.
    pub silenced_by: Vec<Arc<str>>,
    /// The alerts that inhibit it.
    pub inhibited_by: Vec<Fingerprint>,
    /// The time intervals that mute it.
    pub muted_by: Vec<String>,
}

impl AlertView {
    /// Whether something keeps it from being told.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        !(self.silenced_by.is_empty() && self.inhibited_by.is_empty() && self.muted_by.is_empty())
    }
}

/// Alerts that are told together.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// The labels that they share because of `group_by`.
    pub labels: Labels,
    /// Who is told.
    pub receiver: String,
    /// Those that fire.
    pub alerts: Vec<AlertView>,
    /// The time intervals that mute the group.
    pub muted_by: Vec<String>,
}

impl Dispatcher {
    /// The alerts that fire at `at` and whose labels are `wanted`, by fingerprint.
    #[must_use]
    pub fn alert_views(&self, at: Timestamp, wanted: &dyn Fn(&Labels) -> bool) -> Vec<AlertView> {
        let firing = self.alerts.iter().filter(|(_, held)| self.alerts.ended(held, at).is_none());
        firing.filter(|(_, held)| wanted(&held.alert.labels)).map(|(_, held)| self.alert_view(held, at)).collect()
    }

    /// The groups of `receiver`s, by their labels, with their alerts that fire and are `wanted`.
    #[must_use]
    pub fn group_views(
        &self,
        at: Timestamp,
        receiver: &dyn Fn(&str) -> bool,
        wanted: &dyn Fn(&Labels) -> bool,
    ) -> Vec<GroupView> {
        let mut views = Vec::new();
        for (id, group) in self.groups.iter().filter(|(id, _)| receiver(&id.receiver)) {
            let members = group.members.iter().filter_map(|member| self.alerts.get(*member));
            let firing = members.filter(|held| self.alerts.ended(held, at).is_none());
            let alerts: Vec<AlertView> =
                firing.filter(|held| wanted(&held.alert.labels)).map(|held| self.alert_view(held, at)).collect();
            if !alerts.is_empty() {
                let (labels, receiver) = (group.labels.clone(), id.receiver.clone());
                views.push(GroupView { labels, receiver, alerts, muted_by: Vec::new() });
            }
        }
        views.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        views
    }

    fn alert_view(&self, held: &Held, at: Timestamp) -> AlertView {
        let labels = &held.alert.labels;
        let mut receivers: Vec<String> = Vec::new();
        for route in self.plan.select(labels).into_iter().filter_map(|index| self.plan.route(index)) {
            if !receivers.contains(&route.receiver) {
                receivers.push(route.receiver.clone());
            }
        }
        AlertView {
            alert: held.alert.clone(),
            updated_at: held.updated_at,
            receivers,
            silenced_by: self.silences.silencing(labels, at),
            inhibited_by: Vec::new(),
            muted_by: Vec::new(),
        }
    }
}
