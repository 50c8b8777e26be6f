//! What becomes of accepted updates: each is looked for in the queue until it is processed, in bounded reads.
//!
//! The time to processed is that of the look which saw it, on the clock of the run: `processed_at` may never be set, and
//! the database has a clock of its own. It is therefore long by up to the time between two looks, which is told.
//! Rows take turns, so that some that are never processed keep nobody from being seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration as StdDuration;

use hdrhistogram::Histogram;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::model::Stopwatch;
use crate::queue::{Database, RowState};

use super::distribution::histogram;
use super::engine::Accepted;
use super::record::micros;
use super::timeline::{Join, Timeline};

/// Rows that are asked for at once.
const AT_ONCE: usize = 1000;
/// Rows that are followed at most; about 15 MB.
const MOST: usize = 100_000;
/// Between two looks, and between two looks at the depth.
const LOOK: StdDuration = StdDuration::from_millis(50);
const LOOK_AT_DEPTH: StdDuration = StdDuration::from_secs(1);
/// A row that so many looks did not find is lost.
const LOST_AFTER: u8 = 20;

/// How the queue stands, for those who watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueNow {
    /// Entries in it, of anybody.
    pub depth: Option<u64>,
    /// Accepted updates of this run that are not processed.
    pub unprocessed: u64,
}

/// One point of the queue's timeline.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Level {
    /// The greatest depth seen.
    pub(super) depth: Option<u64>,
    /// The most updates of this run that waited.
    pub(super) unprocessed: u64,
}

impl Join for Level {
    fn join(&mut self, later: Self) {
        self.depth = self.depth.max(later.depth);
        self.unprocessed = self.unprocessed.max(later.unprocessed);
    }
}

/// What became of all of them.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Time from the intended start to the look that saw the row complete, in microseconds.
    pub processed: Histogram<u64>,
    /// Rows that the worker gave up.
    pub given_up: u64,
    /// Rows that are not in the table.
    pub lost: u64,
    /// Rows that were not processed when it was no longer waited for.
    pub unprocessed: u64,
    /// From the last accepted update to the last processed one; `None` if it was not waited for long enough.
    pub drained: Option<StdDuration>,
    /// The longest time between two looks at one row.
    pub longest_look: StdDuration,
    /// Looks that brought no answer.
    pub failed_looks: u64,
    pub(super) levels: Timeline<Level>,
}

struct Row {
    intended: StdDuration,
    looked: StdDuration,
    misses: u8,
}

/// Follows updates through the queue.
pub struct Follower {
    database: Database,
    accepted: mpsc::Receiver<Accepted>,
    told: watch::Sender<QueueNow>,
    began: Stopwatch,
    rows: BTreeMap<String, Row>,
    turns: VecDeque<String>,
    found: Followed,
}

impl Follower {
    /// A follower, and where it hears of updates.
    #[must_use]
    pub fn new(database: Database, began: Stopwatch, told: watch::Sender<QueueNow>) -> (Self, mpsc::Sender<Accepted>) {
        let (sender, accepted) = mpsc::channel(MOST);
        let found = Followed {
            processed: histogram(),
            given_up: 0,
            lost: 0,
            unprocessed: 0,
            drained: None,
            longest_look: StdDuration::ZERO,
            failed_looks: 0,
            levels: Timeline::new(),
        };
        let (rows, turns) = (BTreeMap::new(), VecDeque::new());
        (Self { database, accepted, told, began, rows, turns, found }, sender)
    }

    /// Follows until the sender is gone and all are processed; for `patience` after it was gone, or until `cancel`.
    pub async fn run(mut self, patience: StdDuration, cancel: CancellationToken) -> Followed {
        let (mut ended, mut depth_at) = (None, None);
        let mut last = self.began.elapsed();
        loop {
            let now = self.began.elapsed();
            if ended.is_none() && self.hear() {
                ended = Some(now);
            }
            if depth_at.is_none_or(|at: StdDuration| now >= at + LOOK_AT_DEPTH) {
                depth_at = Some(now);
                self.level(now).await;
            }
            let processed = self.found.processed.len();
            self.look().await;
            if self.found.processed.len() > processed {
                last = self.began.elapsed();
            }
            match ended {
                Some(at) if self.rows.is_empty() => {
                    self.found.drained = Some(last.saturating_sub(at));
                    break;
                }
                Some(at) if now >= at + patience => break,
                _ => {}
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.level(self.began.elapsed()).await;
        self.found.unprocessed = self.rows.len() as u64;
        self.found
    }

    /// Takes in what was accepted since; whether there will be no more.
    fn hear(&mut self) -> bool {
        while self.rows.len() < MOST {
            match self.accepted.try_recv() {
                Ok(Accepted { queue_id, intended }) => {
                    self.turns.push_back(queue_id.clone());
                    let looked = self.began.elapsed();
                    self.rows.insert(queue_id, Row { intended, looked, misses: 0 });
                }
                Err(mpsc::error::TryRecvError::Empty) => return false,
                Err(mpsc::error::TryRecvError::Disconnected) => return true,
            }
        }
        false
    }

    async fn level(&mut self, now: StdDuration) {
        let depth = self.database.depth().await.ok();
        let unprocessed = self.rows.len() as u64;
        self.found.levels.at(now).join(Level { depth, unprocessed });
        self.told.send_replace(QueueNow { depth, unprocessed });
    }

    /// One look at those whose turn it is.
    async fn look(&mut self) {
        let ids: Vec<String> = (0..AT_ONCE).map_while(|_| self.turns.pop_front()).collect();
        if ids.is_empty() {
            return;
        }
        let Ok(states) = self.database.row_states(&ids).await else {
            self.found.failed_looks += 1;
            ids.into_iter().rev().for_each(|id| self.turns.push_front(id));
            return;
        };
        let now = self.began.elapsed();
        let states: BTreeMap<String, RowState> = states.into_iter().collect();
        for id in ids {
            let Some(row) = self.rows.get_mut(&id) else { continue };
            self.found.longest_look = self.found.longest_look.max(now.saturating_sub(row.looked));
            row.looked = now;
            match states.get(&id) {
                Some(RowState::Complete) => {
                    self.found.processed.saturating_record(micros(now.saturating_sub(row.intended)));
                    self.rows.remove(&id);
                }
                Some(RowState::GivenUp) => {
                    self.found.given_up += 1;
                    self.rows.remove(&id);
                }
                Some(RowState::Waiting) => self.turns.push_back(id),
                // A replica may be a little behind.
                None if row.misses < LOST_AFTER => {
                    row.misses += 1;
                    self.turns.push_back(id);
                }
                None => {
                    self.found.lost += 1;
                    self.rows.remove(&id);
                }
            }
        }
    }
}
