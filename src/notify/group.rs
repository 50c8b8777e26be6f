//! Groups: alerts told together, and when.
//!
//! A group is born with its first alert, is looked at `group_wait` later and then at every `group_interval`,
//! and dies when its last alert is over and told. Its birth dates one life of it, which threads messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use crate::model::{Fingerprint, Labels, Timestamp, parse_conditions};

use super::route::PlannedRoute;

/// What tells groups apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct GroupId {
    pub receiver: String,
    /// As Alertmanager writes it, `{}:{alertname="x"}`.
    pub key: String,
}

impl GroupId {
    pub fn new(route: &PlannedRoute, labels: &Labels) -> Self {
        Self { receiver: route.receiver.clone(), key: format!("{}:{}", route.path, Quoted(labels)) }
    }

    /// The group of an entry of the notification log.
    pub fn of_log_key(key: &str) -> Option<Self> {
        let mut parts = key.split('\n');
        let (key, receiver) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { receiver, key })
    }

    /// The key of what a notifier was told about this group, in the notification log.
    pub fn log_key(&self, notifier: &str) -> String {
        format!("{}\n{}\n{notifier}", self.key, self.receiver)
    }
}

/// A label set as Alertmanager writes it in keys: values in Go's quotes, which differ from ours in control characters.
struct Quoted<'a>(&'a Labels);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}=\"", if index == 0 { "{" } else { ", " })?;
            for c in value.chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    '\x07' => f.write_str("\\a")?,
                    '\x08' => f.write_str("\\b")?,
                    '\x0b' => f.write_str("\\v")?,
                    '\x0c' => f.write_str("\\f")?,
                    '\n' | '\r' | '\t' => write!(f, "{}", c.escape_default())?,
                    c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                    c => f.write_char(c)?,
                }
            }
            f.write_char('"')?;
        }
        f.write_str(if self.0.is_empty() { "{}" } else { "}" })
    }
}

/// Alerts told together.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Which route it follows; `None` once no route leads to its receiver: then only what is over is told.
    pub route: Option<usize>,
    pub path: String,
    pub labels: Labels,
    pub members: BTreeSet<Fingerprint>,
    /// Members that its route no longer takes: of them only the end is told.
    pub leaving: BTreeSet<Fingerprint>,
    /// Members that another route to the same receiver takes now, with that route: its time intervals are theirs.
    pub strays: BTreeMap<Fingerprint, usize>,
    pub created_at: Timestamp,
    /// The next regular look.
    pub next_flush: Timestamp,
    /// The next look because a repeat is due, if anything was told.
    pub repeat_at: Option<Timestamp>,
    /// The last look told nothing, and something was muted.
    pub holds_back: bool,
    /// The next look because what is muted may no longer be; only while it holds back.
    pub unmute_at: Option<Timestamp>,
    /// When each member was first told; only where somebody further is told of it later.
    pub first_told: BTreeMap<Fingerprint, Timestamp>,
    /// What mutes members, as history was last told; `None` after a restart, before the first look.
    pub muted: Option<BTreeMap<Fingerprint, String>>,
}

/// What is stored of a group; its members follow from the alerts.
#[derive(Serialize, Deserialize)]
struct Stored {
    id: GroupId,
    path: String,
    labels: Labels,
    created_at: Timestamp,
    #[serde(default)]
    first_told: Vec<(u64, Timestamp)>,
}

impl Group {
    pub fn new(route: usize, planned: &PlannedRoute, labels: Labels, at: Timestamp) -> Self {
        Self {
            route: Some(route),
            path: planned.path.clone(),
            labels,
            members: BTreeSet::new(),
            leaving: BTreeSet::new(),
            strays: BTreeMap::new(),
            created_at: at,
            next_flush: at + planned.group_wait,
            repeat_at: None,
            holds_back: false,
            unmute_at: None,
            first_told: BTreeMap::new(),
            muted: Some(BTreeMap::new()),
        }
    }

    /// A group of which nothing but its key survived.
    pub fn found_again(id: &GroupId, at: Timestamp) -> Self {
        let (path, labels) = id.key.rsplit_once(":{").unwrap_or((&id.key, "}"));
        let labels = parse_conditions(&format!("{{{labels}")).unwrap_or_default();
        let labels = Labels::from_pairs(labels.into_iter().map(|label| (label.name, label.value)));
        Self::without_members(path.to_owned(), labels, at)
    }

    fn without_members(path: String, labels: Labels, created_at: Timestamp) -> Self {
        Self {
            route: None,
            path,
            labels,
            members: BTreeSet::new(),
            leaving: BTreeSet::new(),
            strays: BTreeMap::new(),
            created_at,
            next_flush: created_at,
            repeat_at: None,
            holds_back: false,
            unmute_at: None,
            first_told: BTreeMap::new(),
            muted: None,
        }
    }

    /// When it wants to be looked at.
    pub fn due_at(&self) -> Timestamp {
        [self.repeat_at, self.unmute_at].into_iter().flatten().fold(self.next_flush, Timestamp::min)
    }

    /// Asks for a look because what mutes may have changed.
    pub fn look_again(&mut self, at: Timestamp) {
        if self.holds_back {
            self.unmute_at = Some(at);
        }
    }

    /// Lets a member go.
    pub fn remove(&mut self, member: Fingerprint) -> bool {
        self.leaving.remove(&member);
        self.strays.remove(&member);
        self.first_told.remove(&member);
        self.muted.iter_mut().for_each(|muted| {
            muted.remove(&member);
        });
        self.members.remove(&member)
    }

    /// Moves the regular look behind `at`, on the same grid.
    pub fn advance(&mut self, interval: StdDuration, at: Timestamp) {
        if self.next_flush <= at {
            let step = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
            let missed = (at.millis() - self.next_flush.millis()) / step;
            self.next_flush = Timestamp::from_millis(
                self.next_flush.millis().saturating_add(step.saturating_mul(missed.saturating_add(1))),
            );
        }
    }

    /// The body to store.
    pub fn stored(&self, id: &GroupId) -> Option<String> {
        let (path, labels) = (self.path.clone(), self.labels.clone());
        let first_told = self.first_told.iter().map(|(id, at)| (id.0, *at)).collect();
        serde_json::to_string(&Stored { id: id.clone(), path, labels, created_at: self.created_at, first_told }).ok()
    }

    /// The group that was stored, without members. Its looks go on as if there had been no restart.
    pub fn restored(body: &str) -> Option<(GroupId, Self)> {
        let Stored { id, path, labels, created_at, first_told } = serde_json::from_str(body).ok()?;
        let first_told = first_told.into_iter().map(|(id, at)| (Fingerprint(id), at)).collect();
        Some((id, Self { first_told, ..Self::without_members(path, labels, created_at) }))
    }
}
