//! How the parts of the loop stand, and whether that makes a complete loop. Pure.
//!
//! Every part says when it last made a turn and how long one takes at most while all is well. A turn that is due and
//! was not made is missing, and so is one that was never made.

use std::time::Duration as StdDuration;

use crate::model::{Duration, Timestamp};

/// How long a message may be due without an attempt.
pub const OVERDUE: StdDuration = StdDuration::from_secs(60);

/// A part of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Every probe of every target.
    Probes,
    /// The rules.
    Rules,
    /// What decides who is told.
    Dispatcher,
    /// What delivers.
    Outbox,
    /// The one file.
    Store,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Probes, Self::Rules, Self::Dispatcher, Self::Outbox, Self::Store];

    /// The metric's label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Probes => "probes",
            Self::Rules => "rules",
            Self::Dispatcher => "dispatcher",
            Self::Outbox => "outbox",
            Self::Store => "store",
        }
    }
}

/// When something last came round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What, for people: `probe health on main`.
    pub name: String,
    /// When; `None` if it never did since the start.
    pub last: Option<Timestamp>,
    /// Longest time between two turns while all is well.
    pub within: StdDuration,
}

/// How all parts stand at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Each probe of each target that is configured, with its last report.
    pub probes: Vec<Turn>,
    /// The judge's rounds and each rule group's evaluations.
    pub rules: Vec<Turn>,
    /// The dispatcher's rounds.
    pub dispatcher: Vec<Turn>,
    /// The outbox's rounds.
    pub outbox: Vec<Turn>,
    /// Since when a message is due whose receiver is not known to be in trouble.
    pub due_since: Option<Timestamp>,
    /// Whether what is stored reaches the disk.
    pub store_writes: bool,
}

/// Why a loop is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whose turn.
    pub part: Part,
    /// What did not happen.
    pub what: String,
}

impl Vitals {
    /// What is missing of a complete loop at `at`; nothing if it is one.
    #[must_use]
    pub fn missing(&self, at: Timestamp) -> Vec<Missing> {
        let turns = [
            (Part::Probes, &self.probes),
            (Part::Rules, &self.rules),
            (Part::Dispatcher, &self.dispatcher),
            (Part::Outbox, &self.outbox),
        ];
        let late = |part, turn: &Turn| Some(Missing { part, what: turn.late(at)? });
        let mut missing: Vec<Missing> =
            turns.iter().flat_map(|(part, turns)| turns.iter().filter_map(|turn| late(*part, turn))).collect();
        if let Some(since) = self.due_since.filter(|since| at.since(*since) > OVERDUE) {
            let what = format!("a message is due since {since} and nobody tries to deliver it");
            missing.push(Missing { part: Part::Outbox, what });
        }
        if !self.store_writes {
            let what = "what is stored does not reach the disk".to_owned();
            missing.push(Missing { part: Part::Store, what });
        }
        missing.sort_by_key(|missing| missing.part);
        missing
    }
}

impl Turn {
    fn late(&self, at: Timestamp) -> Option<String> {
        match self.last {
            None => Some(format!("{} has not come round yet", self.name)),
            Some(last) if at.since(last) > self.within => {
                let (ago, within) = (Duration::from(at.since(last)), Duration::from(self.within));
                Some(format!("{} came round {ago} ago, not within {within}", self.name))
            }
            Some(_) => None,
        }
    }
}
