//! The heart: which alerts are known, in which groups, and when each group is looked at.
//!
//! Pure: time is an argument, nothing is read or written. Alerts come in by [`Dispatcher::observe`];
//! [`Dispatcher::decide`] (in `decide`) says what to tell; only [`Dispatcher::committed`] moves on what was
//! told. What must outlive the process goes out by [`Dispatcher::changes`] and comes back by
//! [`Dispatcher::restore`]. Delivery is elsewhere (`outbox`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration as StdDuration;

use crate::model::{Alert, AlertStatus, Fingerprint, Timestamp};
use crate::store::{Document, HistoryEntry, NotificationLogRow};

use super::acknowledge::Acknowledgements;
use super::alerts::{Alerts, Merged, Received};
use super::chronicle::Chronicle;
use super::decide::Undecided;
use super::dedup::Entry;
use super::group::{Group, GroupId};
use super::route::Plan;
use super::silence::Silences;

/// Prefixes of the keys under which alerts and groups are stored.
const ALERT: &str = "alert/";
const GROUP: &str = "group/";
pub(super) const ACKNOWLEDGEMENT: &str = "acknowledgement/";

/// Longest wait for every rule to be heard, once some were.
const LONGEST_UNHEARD: StdDuration = StdDuration::from_secs(60);

/// Decides who is told what, and when.
#[derive(Debug)]
pub struct Dispatcher {
    pub(super) plan: Plan,
    pub(super) alerts: Alerts,
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) log: HashMap<String, Entry>,
    pub(super) undecided: Undecided,
    pub(super) acknowledgements: Acknowledgements,
    pub(super) chronicle: Chronicle,
    pub(super) dirty_groups: BTreeSet<GroupId>,
    pub(super) silences: Silences,
    /// Groups in which receivers know alerts since before the start, by the alerts that were not seen since.
    pub(super) told_before: HashMap<u64, Vec<GroupId>>,
    /// Restored, and not every rule was heard since: nothing is told yet, not even an end, because what else fires
    /// is not known.
    pub(super) unheard: bool,
    /// When the first of the rules were heard.
    partly_heard_since: Option<Timestamp>,
    refused: u64,
}

/// What wants to be stored, in one transaction.
#[derive(Debug, Default)]
pub struct Changes {
    /// To be set.
    pub set: Vec<Document>,
    /// To be removed.
    pub remove: Vec<String>,
    /// What happened.
    pub history: Vec<HistoryEntry>,
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
            acknowledgements: Acknowledgements::default(),
            chronicle: Chronicle::default(),
            dirty_groups: BTreeSet::new(),
            silences: Silences::default(),
            told_before: HashMap::new(),
            unheard: false,
            partly_heard_since: None,
            refused: 0,
        }
    }

    /// Takes in what was stored before a restart. Every alert counts as it was until the rules confirm it or a
    /// grace of 5 minutes is over, and nothing is told before the rules were heard.
    pub fn restore(&mut self, documents: &[Document], log: Vec<NotificationLogRow>, at: Timestamp) -> Restored {
        let mut restored = Restored { told: log.len(), ..Restored::default() };
        for row in log {
            let (firing, owed) = (row.firing.into_iter().collect(), row.owed.into_iter().collect());
            self.log.insert(row.key, Entry { firing, owed, sent_at: row.sent_at });
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
        self.follow_routes();
        self.remember_told();
        let mut alerts = Vec::new();
        for document in documents.iter().filter(|document| document.key.starts_with(ALERT)) {
            match self.alerts.restore(&document.body, at) {
                Some(id) => alerts.push(id),
                None => restored.unreadable += 1,
            }
        }
        restored.alerts = alerts.len();
        self.settle_restored(&alerts, at);
        self.follow_times(at);
        self.drop_empty();
        self.restore_acknowledgements(documents, at);
        self.unheard = true;
        restored
    }

    /// Takes in one round of reports: alerts that fire, and alerts that are over. An empty round still says
    /// that the rules are alive. Every rule has spoken since the start: what inhibits is known.
    pub fn observe(&mut self, reports: &[Alert], at: Timestamp) {
        self.unheard = false;
        self.observe_partly(reports, at);
    }

    /// Takes in a round of reports while some rules have not spoken since the start.
    pub fn observe_partly(&mut self, reports: &[Alert], at: Timestamp) {
        let since = *self.partly_heard_since.get_or_insert(at);
        // One group of rules that never comes to its end must not keep all others from being told.
        self.unheard = self.unheard && at.since(since) < LONGEST_UNHEARD;
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

    fn take_in(&mut self, report: &Alert, at: Timestamp, merge: impl FnOnce(&mut Alerts) -> Merged) {
        let over = report.status(at) == AlertStatus::Resolved;
        let known = self.alerts.get(report.fingerprint()).is_some();
        // An end that somebody waits for to be told, of an alert that a crash made us forget.
        let missed = !known && over && self.was_told(&report.labels);
        if !known && !missed && (over || self.alerts.is_full()) {
            self.refused += u64::from(!over);
            return;
        }
        let merged = merge(&mut self.alerts);
        // What is over stays where it is; what goes on is there already.
        if merged.changed && !(known && over) {
            self.place(merged.id, at);
        }
        self.note(merged.id, at);
        if merged.changed && !(known && over) {
            self.alerts.forget_if_unused(merged.id);
        }
    }

    /// Goes over to a new plan. Groups, their times and what was told stay. A group whose route now tells
    /// somebody else lives on only to tell what is over. What is being committed meanwhile was told under the old plan
    /// and stays told.
    pub fn reconfigure(&mut self, plan: Plan, at: Timestamp) {
        self.plan = plan;
        let gone: Vec<GroupId> =
            self.groups.keys().filter(|id| self.plan.receiver(&id.receiver).is_none()).cloned().collect();
        gone.iter().for_each(|id| self.release_group(id));
        self.follow_routes();
        self.settle_all(at);
        self.follow_times(at);
    }

    /// The silences.
    #[must_use]
    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// Changes the silences, and has another look at whatever they may have held back.
    pub fn change_silences<T>(&mut self, at: Timestamp, change: impl FnOnce(&mut Silences) -> T) -> T {
        let changed = change(&mut self.silences);
        self.groups.values_mut().for_each(|group| group.look_again(at));
        changed
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

    /// Lets a group go; its members are still to find another.
    fn release_group(&mut self, id: &GroupId) {
        if let Some(group) = self.groups.remove(id) {
            group.members.iter().for_each(|member| self.alerts.released(*member));
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
        for id in self.acknowledgements.gone() {
            add(format!("{ACKNOWLEDGEMENT}{id}"), None);
        }
        changes.history = self.chronicle.take();
        changes
    }

    /// Whether [`Dispatcher::changes`] has anything.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.alerts.has_changes() || !self.dirty_groups.is_empty() || !self.chronicle.is_empty()
    }

    /// Takes changes back that could not be stored; they come again, as they are then.
    pub fn not_saved(&mut self, changes: &Changes) {
        self.chronicle.put_back(changes.history.clone());
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
