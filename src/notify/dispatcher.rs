//! The heart: which alerts are known, in which groups, and when each group is looked at.
//!
//! Pure: time is an argument, nothing is read or written. Alerts come in by [`Dispatcher::observe`];
//! [`Dispatcher::decide`] (in `decide`) says what to tell; only [`Dispatcher::committed`] moves on what was
//! told. What must outlive the process goes out by [`Dispatcher::changes`] and comes back by
//! [`Dispatcher::restore`]. Delivery is elsewhere (`outbox`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{Alert, AlertStatus, Fingerprint, Timestamp};
use crate::store::{Document, NotificationLogRow};

use super::alerts::{Alerts, Received};
use super::decide::Undecided;
use super::dedup::Entry;
use super::group::{Group, GroupId};
use super::route::Plan;
use super::silence::Silences;

/// Prefixes of the keys under which alerts and groups are stored.
const ALERT: &str = "alert/";
const GROUP: &str = "group/";

/// Decides who is told what, and when.
#[derive(Debug)]
pub struct Dispatcher {
    pub(super) plan: Plan,
    pub(super) alerts: Alerts,
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) log: HashMap<String, Entry>,
    pub(super) undecided: Undecided,
    pub(super) silences: Silences,
    dirty_groups: BTreeSet<GroupId>,
    /// Restored, and the rules were not heard since: nothing is told yet, not even an end, because what else fires
    /// is not known.
    pub(super) unheard: bool,
    refused: u64,
}

/// What wants to be stored, in one transaction.
#[derive(Debug, Default)]
pub struct Changes {
    /// To be set.
    pub set: Vec<Document>,
    /// To be removed.
    pub remove: Vec<String>,
}

/// What [`Dispatcher::restore`] found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Alerts.
    pub alerts: usize,
    /// Groups.
    pub groups: usize,
    /// Entries of the notification log.
    pub told: usize,
    /// Documents that could not be read.
    pub unreadable: usize,
}

/// How many alerts there are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Firing.
    pub firing: usize,
    /// Over, but not yet told to everybody who knew.
    pub resolved: usize,
    /// Refused since the start because too many were known.
    pub refused: u64,
}

impl Dispatcher {
    /// A dispatcher that knows no alert.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            alerts: Alerts::default(),
            groups: BTreeMap::new(),
            log: HashMap::new(),
            undecided: Undecided::default(),
            silences: Silences::default(),
            dirty_groups: BTreeSet::new(),
            unheard: false,
            refused: 0,
        }
    }

    /// Takes in what was stored before a restart. Every alert counts as it was until the rules confirm it or a
    /// grace of 5 minutes is over, and nothing is told before the rules were heard.
    pub fn restore(&mut self, documents: &[Document], log: Vec<NotificationLogRow>, at: Timestamp) -> Restored {
        let mut restored = Restored { told: log.len(), ..Restored::default() };
        for row in log {
            let (firing, resolved) = (row.firing.into_iter().collect(), row.resolved.into_iter().collect());
            self.log.insert(row.key, Entry { firing, resolved, sent_at: row.sent_at });
        }
        for document in documents.iter().filter(|document| document.key.starts_with(GROUP)) {
            match Group::restored(&document.body) {
                Some((id, group)) if self.plan.receiver(&id.receiver).is_some() => {
                    self.groups.insert(id, group);
                    restored.groups += 1;
                }
                // Its receiver is gone, so nobody is left to tell.
                Some((id, _)) => {
                    self.dirty_groups.insert(id);
                }
                None => restored.unreadable += 1,
            }
        }
        self.follow_routes(at);
        for document in documents.iter().filter(|document| document.key.starts_with(ALERT)) {
            match self.alerts.restore(&document.body, at) {
                Some(id) => {
                    restored.alerts += 1;
                    self.place(id, at, true);
                    self.alerts.forget_if_unused(id);
                }
                None => restored.unreadable += 1,
            }
        }
        self.unheard = true;
        let empty: Vec<GroupId> =
            self.groups.iter().filter(|(_, group)| group.members.is_empty()).map(|(id, _)| id.clone()).collect();
        empty.iter().for_each(|id| self.drop_group(id));
        restored
    }

    /// Takes in one round of reports: alerts that fire, and alerts that are over. An empty round still says
    /// that the rules are alive.
    pub fn observe(&mut self, reports: &[Alert], at: Timestamp) {
        self.unheard = false;
        self.alerts.seen(at);
        for report in reports {
            self.take_in(report, at, |alerts| alerts.merge(report, at));
        }
    }

    /// Takes in alerts that others than our rules report. It says nothing about the rules.
    pub fn receive(&mut self, reports: &[Received], at: Timestamp) {
        for report in reports {
            self.take_in(&report.alert, at, |alerts| alerts.merge_external(report, at));
        }
    }

    fn take_in(&mut self, report: &Alert, at: Timestamp, merge: impl FnOnce(&mut Alerts) -> Fingerprint) {
        let over = report.status(at) == AlertStatus::Resolved;
        let known = self.alerts.get(report.fingerprint()).is_some();
        // An end that somebody waits for to be told, of an alert that a crash made us forget.
        let missed = !known && over && self.was_told(report);
        if !known && !missed && (over || self.alerts.is_full()) {
            self.refused += u64::from(!over);
            return;
        }
        let id = merge(&mut self.alerts);
        self.place(id, at, missed);
        self.alerts.forget_if_unused(id);
    }

    /// Whether some receiver believes that an alert fires which we no longer know.
    fn was_told(&self, alert: &Alert) -> bool {
        let hash = alert.fingerprint().0;
        self.plan.select(&alert.labels).into_iter().any(|index| {
            let Some(route) = self.plan.route(index) else { return false };
            let id = GroupId::new(route, &route.group_by.labels(&alert.labels));
            let notifiers = self.plan.receiver(&route.receiver).map(|receiver| receiver.notifiers.as_slice());
            notifiers.unwrap_or_default().iter().any(|notifier| {
                self.log.get(&id.log_key(&notifier.name)).is_some_and(|entry| entry.firing.contains(&hash))
            })
        })
    }

    /// Puts an alert into the groups that its routes ask for, unless a group of the same receiver has it: a
    /// changed `group_by` does not move alerts that were told, it only concerns new ones. `known_before` looks
    /// for a restored group first that may have had it.
    fn place(&mut self, id: Fingerprint, at: Timestamp, known_before: bool) {
        let Some(held) = self.alerts.get(id) else { return };
        let (labels, over) = (held.alert.labels.clone(), self.alerts.ended(held, at).is_some());
        let elsewhere = held.groups > 0;
        for index in self.plan.select(&labels) {
            let Some(route) = self.plan.route(index) else { continue };
            let mut of_receiver = self.groups.iter().filter(|(group, _)| group.receiver == route.receiver);
            let wanted = GroupId::new(route, &route.group_by.labels(&labels));
            if self.groups.get(&wanted).is_some_and(|group| group.members.contains(&id))
                || elsewhere && of_receiver.clone().any(|(_, group)| group.members.contains(&id))
            {
                continue;
            }
            let target = match self.groups.contains_key(&wanted) {
                false if known_before => {
                    let fits = of_receiver.by_ref().filter(|(_, group)| group.covers(&labels));
                    fits.max_by_key(|(_, group)| group.labels.len()).map_or(wanted, |(id, _)| id.clone())
                }
                _ => wanted,
            };
            if over && !known_before && !self.groups.contains_key(&target) {
                continue;
            }
            let group = self
                .groups
                .entry(target.clone())
                .or_insert_with(|| Group::new(index, route, route.group_by.labels(&labels), at));
            if group.members.is_empty() {
                self.dirty_groups.insert(target);
            }
            group.members.insert(id);
            self.alerts.joined(id);
        }
    }

    /// Goes over to a new plan. Groups, their times and what was told stay. A group whose route now tells
    /// somebody else lives on only to tell what is over. What is being committed meanwhile was told under the old plan
    /// and stays told.
    pub fn reconfigure(&mut self, plan: Plan, at: Timestamp) {
        self.plan = plan;
        let gone: Vec<GroupId> =
            self.groups.keys().filter(|id| self.plan.receiver(&id.receiver).is_none()).cloned().collect();
        gone.iter().for_each(|id| self.drop_group(id));
        self.follow_routes(at);
        let firing: Vec<Fingerprint> =
            self.alerts.iter().filter(|(_, held)| self.alerts.ended(held, at).is_none()).map(|(id, _)| id).collect();
        for id in firing {
            self.place(id, at, false);
        }
    }

    /// Ties every group to its route and brings its times in line with it.
    fn follow_routes(&mut self, at: Timestamp) {
        for (id, group) in &mut self.groups {
            group.route = self.plan.route_at(&group.path, &id.receiver);
            let route = group.route.and_then(|index| self.plan.route(index));
            let receiver = self.plan.receiver(&id.receiver);
            if let Some(route) = route {
                group.next_flush = group.next_flush.max(group.created_at + route.group_wait);
                group.next_flush = group.next_flush.min(at + route.group_interval.max(route.group_wait));
            }
            let sent = receiver.iter().flat_map(|receiver| &receiver.notifiers);
            let sent = sent.filter_map(|notifier| self.log.get(&id.log_key(&notifier.name)));
            let sent = sent.filter(|entry| !entry.firing.is_empty()).map(|entry| entry.sent_at);
            let (first, last) = (sent.clone().min(), sent.max());
            group.repeat_at = route.and_then(|route| first.map(|sent| sent + route.repeat_interval));
            // After a restart: the regular looks follow the last message.
            if let (Some(route), Some(sent)) = (route, last)
                && group.next_flush <= sent
            {
                group.next_flush = sent + route.group_interval;
            }
        }
    }

    /// When [`Dispatcher::decide`] has something to do next; may lie in the past. Nothing before the rules were heard.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.unheard { None } else { self.groups.values().map(Group::due_at).min() }
    }

    /// Lets a group go with its members.
    pub(super) fn drop_group(&mut self, id: &GroupId) {
        if let Some(group) = self.groups.remove(id) {
            group.members.iter().for_each(|member| self.alerts.left(*member));
            self.dirty_groups.insert(id.clone());
        }
    }

    /// What changed since the last call and wants to be stored; call [`Dispatcher::not_saved`] if that failed.
    pub fn changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        let mut add = |key: String, body: Option<String>| match body {
            Some(body) => changes.set.push(Document { key, body }),
            None => changes.remove.push(key),
        };
        for (id, body) in self.alerts.changes() {
            add(format!("{ALERT}{id}"), body);
        }
        for id in std::mem::take(&mut self.dirty_groups) {
            let body = self.groups.get(&id).and_then(|group| group.stored(&id));
            add(format!("{GROUP}{}\n{}", id.receiver, id.key), body);
        }
        changes
    }

    /// Whether [`Dispatcher::changes`] has anything.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.alerts.has_changes() || !self.dirty_groups.is_empty()
    }

    /// Takes changes back that could not be stored; they come again, as they are then.
    pub fn not_saved(&mut self, changes: &Changes) {
        for key in changes.set.iter().map(|document| &document.key).chain(&changes.remove) {
            if let Some(id) = key.strip_prefix(ALERT).and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
                self.alerts.touch(Fingerprint(id));
            } else if let Some((receiver, key)) = key.strip_prefix(GROUP).and_then(|rest| rest.split_once('\n')) {
                self.dirty_groups.insert(GroupId { receiver: receiver.to_owned(), key: key.to_owned() });
            }
        }
    }

    /// How many alerts there are.
    #[must_use]
    pub fn counts(&self, at: Timestamp) -> Counts {
        let resolved = self.alerts.iter().filter(|(_, held)| self.alerts.ended(held, at).is_some()).count();
        Counts { firing: self.alerts.iter().count() - resolved, resolved, refused: self.refused }
    }

    /// Every known alert and since when it is over, if it is.
    pub fn alerts(&self, at: Timestamp) -> impl Iterator<Item = (&Alert, Option<Timestamp>)> {
        self.alerts.iter().map(move |(_, held)| (&held.alert, self.alerts.ended(held, at)))
    }
}
