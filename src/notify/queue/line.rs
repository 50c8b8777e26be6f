//! What waits for one notifier: lanes of messages, one for each group of alerts, and which of their first
//! messages is due next.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use crate::model::Timestamp;
use crate::store::OutboxRow;

use super::{AT_ONCE, FURTHEST_AHEAD};

/// What waits for one notifier.
#[derive(Debug, Default)]
pub(super) struct Line {
    lanes: BTreeMap<Arc<str>, VecDeque<OutboxRow>>,
    /// The keys of all messages.
    keys: HashSet<String>,
    /// Lanes whose first message is under way.
    under_way: BTreeSet<Arc<str>>,
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
    /// Adds a message behind those of its group; answers whether it is new.
    pub fn push(&mut self, row: OutboxRow) -> bool {
        if !self.keys.insert(row.id.clone()) {
            return false;
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

    fn room(&self) -> usize {
        let most = if self.failures > 0 { 1 } else { AT_ONCE };
        most.saturating_sub(self.under_way.len())
    }

    /// Messages to attempt now, at most `most`; they count as under way.
    pub fn take_due(&mut self, at: Timestamp, most: usize) -> Vec<OutboxRow> {
        let ahead = |time: Timestamp| at < time && time.since(at) < FURTHEST_AHEAD;
        if self.not_before.is_some_and(ahead) {
            return Vec::new();
        }
        let due = self.by_attempts.iter().filter(|(_, _, next, _)| !ahead(*next)).map(|(.., group)| Arc::clone(group));
        let due: Vec<Arc<str>> = due.take(self.room().min(most)).collect();
        let take = |group: Arc<str>| {
            self.strike(&group);
            let row = self.lanes.get(&group)?.front()?.clone();
            self.under_way.insert(group);
            Some(row)
        };
        due.into_iter().filter_map(take).collect()
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        if self.room() == 0 {
            return None;
        }
        let (next, _) = self.by_time.first()?;
        Some(self.not_before.map_or(*next, |earliest| earliest.max(*next)))
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
        self.under_way.remove(&group);
        self.enrol(&group);
        true
    }

    /// Takes a message that was under way out; answers its size in bytes if it was still there.
    pub fn finish(&mut self, row: &OutboxRow) -> Option<usize> {
        self.first_mut(&row.group_key, &row.id)?;
        let group: Arc<str> = Arc::from(row.group_key.as_str());
        self.under_way.remove(&group);
        self.remove(&group, 0).map(|row| row.body.len())
    }

    /// The oldest message that is not under way and can best be missed: whether it is the last word about its
    /// group, when it was decided, where it is.
    pub fn dispensable(&self) -> Option<(bool, Timestamp, Arc<str>, usize)> {
        let candidate = |(group, lane): (&Arc<str>, &VecDeque<OutboxRow>)| {
            let at = usize::from(self.under_way.contains(group));
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
        for group in std::mem::take(&mut self.under_way) {
            self.enrol(&group);
        }
    }

    /// Since when the oldest waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lanes.values().filter_map(VecDeque::front).map(|row| row.created_at).min()
    }
}
