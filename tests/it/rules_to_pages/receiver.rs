//! What becomes of the messages that were decided: the real queue, before a receiver that refuses for a while, asks for time,
//! or is heard no more because the process that told it died before it could note so.

use std::collections::BTreeSet;
use std::time::Duration as StdDuration;

use memsentry::model::Timestamp;
use memsentry::notify::notifiers::Retry;
use memsentry::notify::{Queue, Settled};
use memsentry::store::OutboxRow;

/// How the receiver takes what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Accepts,
    Refuses,
    AsksForTime,
}

/// The receiver and the way to it.
pub struct Receiver {
    pub mood: Mood,
    queue: Queue,
    /// What waits, as it is on disk.
    disk: Vec<OutboxRow>,
    decided: Vec<String>,
    /// Each once, in the order in which they came first.
    heard: Vec<String>,
    /// Accepted, and not noted: these may come again.
    unrecorded: BTreeSet<String>,
    repeats: usize,
    crashes: usize,
}

impl Receiver {
    pub fn new() -> Self {
        Self {
            mood: Mood::Accepts,
            queue: Queue::default(),
            disk: Vec::new(),
            decided: Vec::new(),
            heard: Vec::new(),
            unrecorded: BTreeSet::new(),
            repeats: 0,
            crashes: 0,
        }
    }

    /// A message was decided and is on disk.
    pub fn is_to_hear(&mut self, row: OutboxRow) {
        self.decided.push(row.id.clone());
        self.disk.push(row.clone());
        assert!(self.queue.push(row).is_empty(), "given up");
    }

    /// Attempts all that is due. Where `records` is false, no answer reaches the disk: the process is about to die, and no notifier
    /// gets its next message.
    pub fn attempt(&mut self, now: Timestamp, records: bool) {
        loop {
            let due = self.queue.take_due(now);
            if due.is_empty() {
                return;
            }
            for row in due {
                let answer = match self.mood {
                    Mood::Accepts => Ok(()),
                    Mood::Refuses => Err(Retry::Later),
                    Mood::AsksForTime => Err(Retry::After(StdDuration::from_secs(45))),
                };
                if answer.is_ok() {
                    self.hear(&row.id, records);
                }
                if records {
                    let settled = self.queue.settle(&row, answer, now, 0.5);
                    self.record(&row, settled);
                    self.queue.free(&(row.receiver, row.notifier));
                }
            }
        }
    }

    fn hear(&mut self, id: &str, recorded: bool) {
        if self.heard.iter().any(|known| known == id) {
            assert!(self.unrecorded.contains(id), "told twice without cause: {id}");
            self.repeats += 1;
        } else {
            self.heard.push(id.to_owned());
        }
        if recorded {
            self.unrecorded.remove(id);
        } else {
            self.unrecorded.insert(id.to_owned());
        }
    }

    fn record(&mut self, row: &OutboxRow, settled: Settled) {
        match settled {
            Settled::Delivered => self.disk.retain(|waiting| waiting.id != row.id),
            Settled::Postponed { attempts, next } => {
                let waiting = self.disk.iter_mut().find(|waiting| waiting.id == row.id).expect("on disk");
                (waiting.attempts, waiting.next_attempt_at) = (attempts, next);
            }
            Settled::Dropped => panic!("given up: {row:?}"),
        }
    }

    /// Another process finds what is on disk.
    pub fn restart(&mut self) {
        self.crashes += 1;
        self.queue = Queue::default();
        self.disk.iter().for_each(|row| assert!(self.queue.push(row.clone()).is_empty(), "given up"));
    }

    /// How many messages were heard, and how many of them again: all that were decided, in their order, and no more
    /// repeats than crashes.
    pub fn has_heard_all(&self) -> [usize; 2] {
        assert!(self.disk.is_empty() && self.queue.is_empty(), "not delivered: {:?}", self.disk);
        assert_eq!(self.heard, self.decided, "what was heard, and what was decided");
        assert!(self.repeats <= self.crashes, "{} repeats after {} crashes", self.repeats, self.crashes);
        [self.heard.len(), self.repeats]
    }
}
