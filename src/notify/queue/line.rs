//! What waits for one notifier: lanes of messages, one for each group of alerts, and which of their first
//! messages is due next.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use crate::model::Timestamp;
use crate::store::OutboxRow;

use super::FURTHEST_AHEAD;

/// What waits for one notifier.
#[derive(Debug, Default)]
pub(super) struct Line {
    lanes: BTreeMap<Arc<str>, VecDeque<OutboxRow>>,
    /// The keys of all messages.
    keys: HashSet<String>,
    /// The lane whose first message is under way.
    under_way: Option<Arc<str>>,
    /// A message is under way, or its answer is not recorded yet.
    pub busy: bool,
    /// The other lanes' first messages: attempts, when decided, when due. Those that were tried least come
    /// first, so that one bad message does not stand before the others.
    by_attempts: BTreeSet<(u32, Timestamp, Timestamp, Arc<str>)>,
    /// The same by when they are due.
    by_time: BTreeSet<(Timestamp, Arc<str>)>,
    /// Failures since the last success.
    pub failures: u32,
    /// Not before this time while it fails.
    pub not_before: Option<Timestamp>,
}

impl Line {
    /// Adds a message behind those of its group; answers whether it is new. One that failed before a restart tells
    /// in what state the notifier was.
    pub fn push(&mut self, row: OutboxRow) -> bool {
        if !self.keys.insert(row.id.clone()) {
            return false;
        }
        if self.keys.len() == 1 && !self.busy {
            self.failures = self.failures.max(row.attempts);
        }
        let group: Arc<str> = Arc::from(row.group_key.as_str());
        let lane = self.lanes.entry(Arc::clone(&group)).or_default();
        lane.push_back(row);
        if lane.len() == 1 {
            self.enrol(&group);
        }
        true
    }

    /// Offers a lane's first message.
    fn enrol(&mut self, group: &Arc<str>) {
        if let Some(first) = self.lanes.get(group).and_then(VecDeque::front) {
            self.by_attempts.insert((first.attempts, first.created_at, first.next_attempt_at, Arc::clone(group)));
            self.by_time.insert((first.next_attempt_at, Arc::clone(group)));
        }
    }

    /// Withdraws a lane's first message.
    fn strike(&mut self, group: &Arc<str>) {
        if let Some(first) = self.lanes.get(group).and_then(VecDeque::front) {
            self.by_attempts.remove(&(first.attempts, first.created_at, first.next_attempt_at, Arc::clone(group)));
            self.by_time.remove(&(first.next_attempt_at, Arc::clone(group)));
        }
    }

    /// The message to attempt now, if there is one and nothing else is under way.
    pub fn take_due(&mut self, at: Timestamp) -> Option<OutboxRow> {
        let ahead = |time: Timestamp| at < time && time.since(at) < FURTHEST_AHEAD;
        if self.busy || self.not_before.is_some_and(ahead) {
            return None;
        }
        let due = self.by_attempts.iter().find(|(_, _, next, _)| !ahead(*next));
        let group = due.map(|(.., group)| Arc::clone(group))?;
        let row = self.lanes.get(&group)?.front()?.clone();
        self.begin(group);
        Some(row)
    }

    fn begin(&mut self, group: Arc<str>) {
        self.strike(&group);
        self.under_way = Some(group);
        self.busy = true;
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        if self.busy {
            return None;
        }
        let (next, _) = self.by_time.first()?;
        Some(self.not_before.map_or(*next, |earliest| earliest.max(*next)))
    }

    /// All messages, lane by lane.
    pub fn rows(&self) -> impl Iterator<Item = &OutboxRow> {
        self.lanes.values().flatten()
    }

    /// Puts messages in the place of those that are gone, before all that stay; the first of them is under way.
    pub fn replace(&mut self, gone: &HashSet<String>, merged: Vec<OutboxRow>) {
        let first = merged.first().map(|row| Arc::from(row.group_key.as_str()));
        let rest = std::mem::take(&mut self.lanes).into_values().flatten().filter(|row| !gone.contains(&row.id));
        let rest: Vec<OutboxRow> = rest.collect();
        self.keys.clear();
        self.by_attempts.clear();
        self.by_time.clear();
        for row in merged.into_iter().chain(rest) {
            self.push(row);
        }
        self.under_way = None;
        if let Some(group) = first {
            self.begin(group);
        }
    }

    /// The first message of a group, if it is this one.
    fn first_mut(&mut self, group: &str, id: &str) -> Option<&mut OutboxRow> {
        self.lanes.get_mut(group)?.front_mut().filter(|first| first.id == id)
    }

    /// Offers a message that was under way again; answers whether it is still there.
    pub fn postpone(&mut self, row: &OutboxRow, attempts: u32, next: Timestamp) -> bool {
        let Some(first) = self.first_mut(&row.group_key, &row.id) else { return false };
        (first.attempts, first.next_attempt_at) = (attempts, next);
        let group: Arc<str> = Arc::from(row.group_key.as_str());
        self.under_way = None;
        self.enrol(&group);
        true
    }

    /// Takes a message that was under way out; answers its size in bytes if it was still there.
    pub fn finish(&mut self, row: &OutboxRow) -> Option<usize> {
        self.first_mut(&row.group_key, &row.id)?;
        let group: Arc<str> = Arc::from(row.group_key.as_str());
        self.under_way = None;
        self.remove(&group, 0).map(|row| row.body.len())
    }

    /// The oldest message that is not under way and can best be missed: whether it is the last word about its
    /// group, when it was decided, where it is.
    pub fn dispensable(&self) -> Option<(bool, Timestamp, Arc<str>, usize)> {
        let candidate = |(group, lane): (&Arc<str>, &VecDeque<OutboxRow>)| {
            let at = usize::from(self.under_way.as_ref() == Some(group));
            let row = lane.get(at)?;
            Some((at + 1 == lane.len(), row.created_at, Arc::clone(group), at))
        };
        self.lanes.iter().filter_map(candidate).min()
    }

    /// Takes the `at`-th message of a group out.
    pub fn remove(&mut self, group: &Arc<str>, at: usize) -> Option<OutboxRow> {
        if at == 0 {
            self.strike(group);
        }
        let lane = self.lanes.get_mut(group)?;
        let row = lane.remove(at)?;
        self.keys.remove(&row.id);
        if lane.is_empty() {
            self.lanes.remove(group);
        } else if at == 0 {
            self.enrol(group);
        }
        Some(row)
    }

    /// After a crash of the worker nothing is under way any more.
    pub fn nothing_under_way(&mut self) {
        self.busy = false;
        if let Some(group) = self.under_way.take() {
            self.enrol(&group);
        }
    }

    /// Since when the oldest waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lanes.values().filter_map(VecDeque::front).map(|row| row.created_at).min()
    }
}
