//! Alerts and groups as pages and tools see them: with their receivers, and with what keeps them from being told.

use std::sync::Arc;

use crate::model::{Alert, Fingerprint, Labels, Timestamp};

use super::acknowledge::Acknowledgement;
use super::alerts::Held;
use super::dispatcher::Dispatcher;
use super::inhibit::Inhibitors;
use super::route::PlannedRoute;
use super::stages::{Muted, Scene};

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
    /// Who takes care of it.
    pub acknowledged: Option<Acknowledgement>,
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
        let inhibitors = self.inhibitors(at);
        let wanted = firing.filter(|(_, held)| wanted(&held.alert.labels));
        wanted.map(|(_, held)| self.alert_view(held, &self.routes_of(held), &inhibitors, at)).collect()
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
            let members = group.members.iter().filter_map(|member| self.alerts.get(*member));
            let waits = |held: &Held| self.waits(id, group, held, at).is_some();
            let firing = members.filter(|held| self.alerts.ended(held, at).is_none() && !waits(held));
            let route: Vec<&PlannedRoute> = group.route.and_then(|index| self.plan.route(index)).into_iter().collect();
            let wanted = firing.filter(|held| wanted(&held.alert.labels));
            let alerts: Vec<AlertView> = wanted.map(|held| self.alert_view(held, &route, &inhibitors, at)).collect();
            if let Some(first) = alerts.first() {
                let (labels, receiver) = (group.labels.clone(), id.receiver.clone());
                let muted_by = first.muted_by.clone();
                views.push(GroupView { labels, receiver, alerts, muted_by });
            }
        }
        views.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        views
    }

    fn routes_of(&self, held: &Held) -> Vec<&PlannedRoute> {
        let routes = self.plan.select(&held.alert.labels).into_iter();
        routes.filter_map(|index| self.plan.route(index)).collect()
    }

    /// What keeps an alert from being told on one of `routes`.
    fn muted(&self, alert: &Alert, routes: &[&PlannedRoute], inhibitors: &Inhibitors, at: Timestamp) -> Muted {
        let (intervals, silences) = (&self.plan.intervals, &self.silences);
        let on = |route| Scene { at, route, intervals, inhibitors, silences }.judge(alert).muted;
        let mut muted = on(None);
        let timed =
            |route: &&&PlannedRoute| !(route.mute_time_intervals.is_empty() && route.active_time_intervals.is_empty());
        for name in routes.iter().filter(timed).flat_map(|route| on(Some(route)).muted_by) {
            if !muted.muted_by.contains(&name) {
                muted.muted_by.push(name);
            }
        }
        muted
    }

    fn alert_view(&self, held: &Held, routes: &[&PlannedRoute], inhibitors: &Inhibitors, at: Timestamp) -> AlertView {
        let mut receivers: Vec<String> = Vec::new();
        for route in self.routes_of(held) {
            if !receivers.contains(&route.receiver) {
                receivers.push(route.receiver.clone());
            }
        }
        let Muted { inhibited_by, silenced_by, muted_by } = self.muted(&held.alert, routes, inhibitors, at);
        let (alert, updated_at) = (held.alert.clone(), held.updated_at);
        let acknowledged = self.acknowledgements.of(&held.alert, at).cloned();
        AlertView { alert, updated_at, receivers, silenced_by, inhibited_by, muted_by, acknowledged }
    }
}
