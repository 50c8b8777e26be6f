//! Alerts and groups as pages and tools see them: with their receivers, and with what keeps them from being told.

use crate::model::{Alert, Fingerprint, Labels, Timestamp};

use super::alerts::Held;
use super::dispatcher::Dispatcher;
use super::flush::Flush;
use super::stages::{Muted, Scene};

/// One alert that fires.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// The hash of its labels.
    pub fingerprint: Fingerprint,
    /// The alert.
    pub alert: Alert,
    /// When it was last reported.
    pub updated_at: Timestamp,
    /// Who is told about it, in the order of the routes; each once.
    pub receivers: Vec<String>,
    /// What keeps it from being told. Time intervals mute a route, so they are named in groups only.
    pub muted: Muted,
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
}

impl Dispatcher {
    /// The alerts that fire at `at` and whose labels are `wanted`, by fingerprint.
    #[must_use]
    pub fn alert_views(&self, at: Timestamp, wanted: &dyn Fn(&Labels) -> bool) -> Vec<AlertView> {
        let inhibitors = self.inhibitors(at);
        let scene = Scene {
            at,
            route: None,
            intervals: &self.plan.intervals,
            inhibitors: &inhibitors,
            silences: &self.silences,
        };
        let firing = self.alerts.iter().filter(|(_, held)| self.alerts.ended(held, at).is_none());
        firing
            .filter(|(_, held)| wanted(&held.alert.labels))
            .map(|(id, held)| self.alert_view(id, held, scene.judge(&held.alert).muted))
            .collect()
    }

    /// The groups of `receiver`s, by their labels, with their alerts that fire and are `wanted`.
    #[must_use]
    pub fn group_views(
        &self,
        at: Timestamp,
        receiver: &dyn Fn(&str) -> bool,
        wanted: &dyn Fn(&Labels) -> bool,
    ) -> Vec<GroupView> {
        let inhibitors = self.inhibitors(at);
        let mut views = Vec::new();
        for (id, group) in self.groups.iter().filter(|(id, _)| receiver(&id.receiver)) {
            let members = Flush::new(self, group, &inhibitors, at).members.into_iter();
            let alerts: Vec<AlertView> = members
                .filter(|member| member.ended.is_none() && wanted(&member.held.alert.labels))
                .map(|member| self.alert_view(member.id, member.held, member.verdict.muted))
                .collect();
            if !alerts.is_empty() {
                views.push(GroupView { labels: group.labels.clone(), receiver: id.receiver.clone(), alerts });
            }
        }
        views.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        views
    }

    fn alert_view(&self, fingerprint: Fingerprint, held: &Held, muted: Muted) -> AlertView {
        let mut receivers: Vec<String> = Vec::new();
        for route in self.plan.select(&held.alert.labels).into_iter().filter_map(|index| self.plan.route(index)) {
            if !receivers.contains(&route.receiver) {
                receivers.push(route.receiver.clone());
            }
        }
        AlertView { fingerprint, alert: held.alert.clone(), updated_at: held.updated_at, receivers, muted }
    }
}
