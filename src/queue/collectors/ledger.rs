//! Tells arrivals and completions from lists of rows, one list per read. Pure: no clock, no database.
//!
//! Holds the rows that were open at the last read, and those young enough to turn up again: a row becomes visible
//! when its transaction commits, later than its `created_at`, so that each read looks back over an [`OVERLAP`] and
//! rows are told apart by id. An open row that is in no list any more is to be looked up; only then is it known
//! whether it completed, failed or was deleted. What is held is bounded by the length of the lists.

use std::collections::{HashMap, HashSet};

/// How far a read looks back before the last one, in microseconds. A row whose insert took longer to commit is
/// not counted as an arrival.
pub(super) const OVERLAP: i64 = 10_000_000;

/// A step back of the database's clock that is not taken for one, in microseconds.
const CLOCK_SLACK: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Complete,
    /// Neither; given up.
    Failed,
}

/// One row as listed. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) processed: Option<i64>,
    pub(super) state: State,
}

/// Rows of one status, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub(super) rows: Vec<Row>,
    /// Whether there are more than were listed.
    pub(super) truncated: bool,
}

impl Listing {
    /// Up to where the list is whole.
    fn horizon(&self) -> i64 {
        if self.truncated { self.rows.last().map_or(i64::MIN, |row| row.created) } else { i64::MAX }
    }
}

/// What one read saw, all in one snapshot.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// The database's time.
    pub(super) now: i64,
    /// Rows of every status created since [`Ledger::since`], one list per status.
    pub(super) recent: Vec<Listing>,
    /// The oldest rows of every open status.
    pub(super) open: Vec<Listing>,
}

/// What changed since the last read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Changes {
    pub(super) enqueued: u64,
    /// For each row that became complete, how long that took at most, in microseconds.
    pub(super) completed: Vec<i64>,
}

#[derive(Debug, Clone)]
struct Known {
    created: i64,
    state: State,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    known: HashMap<String, Known>,
    /// The time of the last read, unless there was none.
    last: Option<i64>,
    since: Option<i64>,
    /// Rows that were open and no longer are, of which nothing else is known.
    vanished: Vec<String>,
}

impl Ledger {
    /// From when on the next read must list rows; at the first read, from [`OVERLAP`] before now.
    pub(super) fn since(&self) -> Option<i64> {
        self.since
    }

    /// Ids to be looked up, and the answers given to [`Self::settle`]. What is not settled vanishes again at the
    /// next read.
    pub(super) fn vanished(&self) -> &[String] {
        &self.vanished
    }

    /// Takes in what a read saw. The first read only sets the baseline, and so does one after the database's
    /// clock went back.
    pub(super) fn take(&mut self, lists: &Lists) -> Changes {
        if self.last.is_none_or(|last| lists.now < last - CLOCK_SLACK) {
            *self = Self::default();
        }
        let baseline = self.last.is_none();
        let mut changes = Changes::default();
        let mut listed: HashSet<&str> = HashSet::new();
        for row in lists.recent.iter().flat_map(|listing| &listing.rows) {
            listed.insert(&row.id);
            let known = self.known.get(&row.id).map(|known| known.state);
            if known.is_none() {
                changes.enqueued += 1;
            }
            if row.state == State::Complete && known != Some(State::Complete) {
                changes.completed.push(took(row.created, row.processed, lists.now));
            }
            self.know(row);
        }
        for row in lists.open.iter().flat_map(|listing| &listing.rows) {
            listed.insert(&row.id);
            self.know(row);
        }
        // Up to here the lists show every open row.
        let whole_to = lists.open.iter().map(Listing::horizon).min().unwrap_or(i64::MAX);
        let open = self.known.iter().filter(|(_, known)| known.state == State::Open);
        self.vanished = open
            .filter(|(id, known)| known.created < whole_to && !listed.contains(id.as_str()))
            .map(|(id, _)| id.clone())
            .collect();
        self.move_on(lists, whole_to);
        if baseline { Changes::default() } else { changes }
    }

    fn know(&mut self, row: &Row) {
        self.known.insert(row.id.clone(), Known { created: row.created, state: row.state });
    }

    /// Decides from when the next read lists, and forgets what need not be remembered: an open row far behind the
    /// head of a long queue is listed again when the head gets there.
    fn move_on(&mut self, lists: &Lists, whole_to: i64) {
        let mut since = lists.now - OVERLAP;
        for listing in lists.recent.iter().filter(|listing| listing.truncated) {
            let horizon = listing.horizon();
            // More rows at one instant than a list holds: the rest of them is passed over, or nothing would move.
            let stuck = self.since.is_some_and(|since| horizon <= since);
            since = since.min(if stuck { horizon + 1 } else { horizon });
        }
        self.known
            .retain(|_, known| known.created >= since || (known.state == State::Open && known.created < whole_to));
        self.since = Some(since);
        self.last = Some(lists.now);
    }

    /// Takes in what became of the `asked` rows that had vanished; those that are not among `found` were deleted.
    pub(super) fn settle(&mut self, asked: &[String], found: &[Row]) -> Changes {
        for id in asked {
            self.known.remove(id);
        }
        let mut changes = Changes::default();
        for row in found {
            if row.state == State::Complete {
                changes.completed.push(took(row.created, row.processed, self.last.unwrap_or(row.created)));
            }
            // Until the next read decides: young rows may be listed again, and must not be counted twice then.
            self.know(row);
        }
        changes
    }
}

fn took(created: i64, processed: Option<i64>, seen: i64) -> i64 {
    (processed.unwrap_or(seen) - created).max(0)
}

#[cfg(test)]
mod tests;
