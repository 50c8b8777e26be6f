//! What waits for delivery, in order, and what may be attempted now. Pure.
//!
//! Every notifier of every receiver has a queue of its own, in lanes, one for each group of alerts: messages
//! about one group never overtake each other, and one that is refused holds up only its own lane. One message
//! at a time is under way at a notifier, until its answer is recorded, so that a crash repeats at most one.
//! Retries come at growing distances for a day. After [`DEAD_AFTER`] failures in a row the notifier counts as
//! dead until an attempt succeeds. A full outbox gives up what a newer message about its group follows.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration as StdDuration;

use crate::model::Timestamp;
use crate::store::OutboxRow;

use super::notifiers::Retry;

mod line;

use line::Line;

/// First distance between attempts; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: StdDuration = StdDuration::from_secs(1);
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(300);
/// What lies further ahead was written by a clock that has been set back since.
const FURTHEST_AHEAD: StdDuration = StdDuration::from_secs(3700);
/// Age at which a message is given up.
pub(super) const TOO_OLD: StdDuration = StdDuration::from_secs(24 * 3600);
/// Failures in a row after which a notifier counts as dead: with the first pauses, 15 to 30 seconds of trouble.
pub(super) const DEAD_AFTER: u32 = 5;
/// Most messages that wait.
pub(super) const MOST_WAITING: usize = 50_000;
/// Most bytes of messages that wait.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// Receiver and notifier.
pub type Address = (String, String);

/// Everything that waits.
#[derive(Debug, Default)]
pub struct Queue {
    lines: BTreeMap<Address, Line>,
    bytes: usize,
    len: usize,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The receiver has it.
    Delivered,
    /// Tried again at this time.
    Postponed {
        /// Attempts so far.
        attempts: u32,
        /// Not before this time.
        next: Timestamp,
    },
    /// Given up.
    Dropped,
}

fn address(row: &OutboxRow) -> Address {
    (row.receiver.clone(), row.notifier.clone())
}

impl Queue {
    /// Adds a message behind those of its group. Answers what had to be given up to keep within bounds.
    pub fn push(&mut self, row: OutboxRow) -> Vec<OutboxRow> {
        let bytes = row.body.len();
        if !self.lines.entry(address(&row)).or_default().push(row) {
            return Vec::new();
        }
        self.bytes += bytes;
        self.len += 1;
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
        let candidates = self.lines.iter().filter_map(|(address, line)| Some((line.dispensable()?, address)));
        let ((_, _, group, at), address) = candidates.min()?;
        let address = address.clone();
        let row = self.lines.get_mut(&address)?.remove(&group, at)?;
        self.forget(row.body.len());
        Some(row)
    }

    fn forget(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.len = self.len.saturating_sub(1);
    }

    /// Messages to attempt now, at most one for each notifier. A notifier is busy from here until
    /// [`Queue::free`]; its message is under way until [`Queue::settle`] hears of it.
    pub fn take_due(&mut self, at: Timestamp) -> Vec<OutboxRow> {
        self.lines.values_mut().filter_map(|line| line.take_due(at)).collect()
    }

    /// Notes that the answer to a notifier's last attempt was recorded, or never will be.
    pub fn free(&mut self, address: &Address) {
        if let Some(line) = self.lines.get_mut(address) {
            line.busy = false;
        }
    }

    /// Whether a notifier counts as dead.
    pub fn is_dead(&self, address: &Address) -> bool {
        self.lines.get(address).is_some_and(|line| line.failures >= DEAD_AFTER)
    }

    /// Everything that waits for a notifier, in the order in which it was decided.
    pub fn backlog(&self, address: &Address) -> Vec<OutboxRow> {
        let mut rows: Vec<OutboxRow> = self.lines.get(address).into_iter().flat_map(Line::rows).cloned().collect();
        rows.sort_by_key(|row| row.created_at);
        rows
    }

    /// Puts messages in the place of those that they tell together; the first of them is under way.
    pub fn replace(&mut self, address: &Address, gone: &HashSet<String>, merged: Vec<OutboxRow>) {
        let Some(line) = self.lines.get_mut(address) else { return };
        let size = |line: &Line| line.rows().fold((0, 0), |(count, bytes), row| (count + 1, bytes + row.body.len()));
        let (count, bytes) = size(line);
        line.replace(gone, merged);
        let (count_after, bytes_after) = size(line);
        self.len = (self.len + count_after).saturating_sub(count);
        self.bytes = (self.bytes + bytes_after).saturating_sub(bytes);
    }

    /// When [`Queue::take_due`] may have something again.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.lines.values().filter_map(Line::next_due).min()
    }

    /// Takes in how an attempt ended: `Ok`, or what the failure says about trying again. `jitter` is in 0..1.
    pub fn settle(&mut self, row: &OutboxRow, result: Result<(), Retry>, at: Timestamp, jitter: f64) -> Settled {
        let Some(line) = self.lines.get_mut(&address(row)) else { return Settled::Dropped };
        let attempts = row.attempts.saturating_add(1);
        if let Err(retry @ (Retry::Later | Retry::After(_))) = result {
            line.failures = line.failures.saturating_add(1);
            let asked = if let Retry::After(wait) = retry { Some(wait) } else { None };
            line.not_before = Some(at + asked.unwrap_or_else(|| pause(line.failures, jitter)));
            let next = at + asked.unwrap_or_default().max(pause(attempts, jitter));
            if at.since(row.created_at) < TOO_OLD && line.postpone(row, attempts, next) {
                return Settled::Postponed { attempts, next };
            }
        } else {
            // It answered, so it is alive.
            (line.failures, line.not_before) = (0, None);
        }
        if let Some(bytes) = line.finish(row) {
            self.forget(bytes);
        }
        if result.is_ok() { Settled::Delivered } else { Settled::Dropped }
    }

    /// After a crash of the worker nothing is under way any more, and nobody is busy.
    pub fn nothing_under_way(&mut self) {
        self.lines.values_mut().for_each(Line::nothing_under_way);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many wait, and since when the oldest does.
    pub fn standing(&self) -> (usize, Option<Timestamp>) {
        (self.len, self.lines.values().filter_map(Line::oldest).min())
    }
}

/// The distance after so many failures: doubling, between half and the whole of it.
fn pause(failures: u32, jitter: f64) -> StdDuration {
    let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
