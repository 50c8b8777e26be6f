//! What waits for delivery, in order, and what may be attempted now. Pure.
//!
//! Every notifier of every receiver has a queue of its own, in lanes, one for each group of alerts: messages
//! about one group never overtake each other, and a message that one receiver keeps refusing holds up only
//! its own lane. While a notifier fails, one message at a time is tried, at growing distances. Retries go on
//! for a day. A full outbox gives up messages that a newer one about the same group follows, then the oldest.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration as StdDuration;

use crate::model::Timestamp;
use crate::store::OutboxRow;

use super::notifiers::Retry;

/// First distance between attempts; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: StdDuration = StdDuration::from_secs(1);
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(300);
/// What lies further ahead was written by a clock that has been set back since.
const FURTHEST_AHEAD: StdDuration = StdDuration::from_secs(3700);
/// Age at which a message is given up.
pub(super) const TOO_OLD: StdDuration = StdDuration::from_secs(24 * 3600);
/// Most attempts under way at one notifier.
const AT_ONCE: usize = 4;
/// Most messages that wait.
pub(super) const MOST_WAITING: usize = 10_000;
/// Most bytes of messages that wait.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// Receiver and notifier.
pub(super) type Address = (String, String);

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: BTreeMap<Address, Line>,
    bytes: usize,
    len: usize,
}

/// What waits for one notifier.
#[derive(Debug, Default)]
struct Line {
    lanes: BTreeMap<String, VecDeque<Waiting>>,
    /// Attempts under way.
    under_way: usize,
    /// Failures since the last success.
    failures: u32,
    /// Not before this time while it fails.
    not_before: Option<Timestamp>,
}

#[derive(Debug)]
struct Waiting {
    row: OutboxRow,
    under_way: bool,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Delivered,
    /// Tried again at this time.
    Postponed {
        attempts: u32,
        next: Timestamp,
    },
    /// Given up.
    Dropped,
}

impl Queue {
    /// Adds a message behind those of its group. Answers what had to be given up to keep within bounds.
    pub fn push(&mut self, row: OutboxRow) -> Vec<OutboxRow> {
        let line = self.lines.entry((row.receiver.clone(), row.notifier.clone())).or_default();
        let lane = line.lanes.entry(row.group_key.clone()).or_default();
        if lane.iter().any(|waiting| waiting.row.id == row.id) {
            return Vec::new();
        }
        self.bytes += row.body.len();
        self.len += 1;
        lane.push_back(Waiting { row, under_way: false });
        let mut given_up = Vec::new();
        while self.len > MOST_WAITING || (self.bytes > MOST_BYTES && self.len > 1) {
            match self.give_up_one() {
                Some(row) => given_up.push(row),
                None => break,
            }
        }
        given_up
    }

    /// The oldest message that a newer one about its group follows; without such, the oldest of all.
    fn give_up_one(&mut self) -> Option<OutboxRow> {
        let mut oldest: Option<(bool, Timestamp, Address, String, usize)> = None;
        for (address, line) in &self.lines {
            for (group, lane) in &line.lanes {
                let Some((at, waiting)) = lane.iter().enumerate().find(|(_, waiting)| !waiting.under_way) else {
                    continue;
                };
                let last = at + 1 == lane.len();
                let candidate = (last, waiting.row.created_at);
                if oldest.as_ref().is_none_or(|(last, created, ..)| candidate < (*last, *created)) {
                    oldest = Some((last, waiting.row.created_at, address.clone(), group.clone(), at));
                }
            }
        }
        let (_, _, address, group, at) = oldest?;
        self.take_out(&address, &group, at)
    }

    fn take_out(&mut self, address: &Address, group: &str, at: usize) -> Option<OutboxRow> {
        let line = self.lines.get_mut(address)?;
        let lane = line.lanes.get_mut(group)?;
        let row = lane.remove(at)?.row;
        if lane.is_empty() {
            line.lanes.remove(group);
        }
        self.bytes = self.bytes.saturating_sub(row.body.len());
        self.len -= 1;
        Some(row)
    }

    /// Messages to attempt now; they count as under way until [`Queue::settle`] hears of them.
    pub fn take_due(&mut self, at: Timestamp, most: usize) -> Vec<OutboxRow> {
        let mut due = Vec::new();
        for line in self.lines.values_mut() {
            due.extend(line.take_due(at, most.saturating_sub(due.len())));
        }
        due
    }

    /// When [`Queue::take_due`] may have something again.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.lines.values().filter_map(Line::next_due).min()
    }

    /// Takes in how an attempt ended: `Ok`, or what the failure says about trying again. `jitter` is in 0..1.
    pub fn settle(&mut self, row: &OutboxRow, result: Result<(), Retry>, at: Timestamp, jitter: f64) -> Settled {
        let address = (row.receiver.clone(), row.notifier.clone());
        let Some(line) = self.lines.get_mut(&address) else { return Settled::Dropped };
        line.under_way = line.under_way.saturating_sub(1);
        let retry = match result {
            Ok(()) | Err(Retry::Never) => {
                // It answered, so it is alive.
                (line.failures, line.not_before) = (0, None);
                None
            }
            Err(retry) => {
                line.failures = line.failures.saturating_add(1);
                let asked = if let Retry::After(wait) = retry { Some(wait) } else { None };
                let all = asked.unwrap_or_else(|| pause(line.failures, jitter));
                line.not_before = Some(at + all);
                Some(asked.unwrap_or_default())
            }
        };
        let position = line.lanes.get(&row.group_key).and_then(|lane| lane.iter().position(|w| w.row.id == row.id));
        let Some(position) = position else { return Settled::Dropped };
        let attempts = row.attempts.saturating_add(1);
        let settled = match (result, retry) {
            (Err(_), Some(asked)) if at.since(row.created_at) < TOO_OLD => {
                Settled::Postponed { attempts, next: at + asked.max(pause(attempts, jitter)) }
            }
            (Ok(()), _) => Settled::Delivered,
            _ => Settled::Dropped,
        };
        if let Settled::Postponed { attempts, next } = settled {
            let waiting = line.lanes.get_mut(&row.group_key).and_then(|lane| lane.get_mut(position));
            if let Some(waiting) = waiting {
                waiting.under_way = false;
                (waiting.row.attempts, waiting.row.next_attempt_at) = (attempts, next);
            }
        } else {
            self.take_out(&address, &row.group_key, position);
        }
        settled
    }

    /// After a crash of the worker nothing is under way any more.
    pub fn nothing_under_way(&mut self) {
        for line in self.lines.values_mut() {
            line.under_way = 0;
            line.lanes.values_mut().flatten().for_each(|waiting| waiting.under_way = false);
        }
    }

    /// How many wait, and since when the oldest does.
    pub fn standing(&self) -> (usize, Option<Timestamp>) {
        let rows = self.lines.values().flat_map(|line| line.lanes.values().flatten());
        (self.len, rows.map(|waiting| waiting.row.created_at).min())
    }
}

impl Line {
    /// How many may be tried at once, and from when.
    fn room(&self) -> usize {
        let most = if self.failures > 0 { 1 } else { AT_ONCE };
        most.saturating_sub(self.under_way)
    }

    fn take_due(&mut self, at: Timestamp, most: usize) -> Vec<OutboxRow> {
        let ahead = |time: Timestamp| at < time && time.since(at) < FURTHEST_AHEAD;
        if self.not_before.is_some_and(ahead) {
            return Vec::new();
        }
        let room = self.room().min(most);
        let mut due: Vec<&mut Waiting> = self
            .lanes
            .values_mut()
            .filter_map(|lane| lane.front_mut())
            .filter(|waiting| !waiting.under_way && !ahead(waiting.row.next_attempt_at))
            .collect();
        // Those that were tried least come first, so that one bad message does not stand before the others.
        due.sort_by_key(|waiting| (waiting.row.attempts, waiting.row.created_at));
        let taken: Vec<OutboxRow> = due
            .into_iter()
            .take(room)
            .map(|waiting| {
                waiting.under_way = true;
                waiting.row.clone()
            })
            .collect();
        self.under_way += taken.len();
        taken
    }

    fn next_due(&self) -> Option<Timestamp> {
        if self.room() == 0 {
            return None;
        }
        let heads = self.lanes.values().filter_map(VecDeque::front).filter(|waiting| !waiting.under_way);
        let next = heads.map(|waiting| waiting.row.next_attempt_at).min()?;
        Some(self.not_before.map_or(next, |earliest| next.max(earliest)))
    }
}

/// The distance after so many failures: doubling, between half and the whole of it.
fn pause(failures: u32, jitter: f64) -> StdDuration {
    let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
