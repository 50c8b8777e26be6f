//! One silence: what it says, what it is at an instant, and how it is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Condition, Labels, MatchOp, Matcher, Timestamp};
use crate::store::Document;

/// What a silence is at an instant; follows from its start and end alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SilenceState {
    /// It holds.
    Active,
    /// It has not begun.
    Pending,
    /// It is over.
    Expired,
}

impl SilenceState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Pending, Self::Expired];

    /// As Alertmanager writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// One silence. It holds from `starts_at` up to, and not at, `ends_at`.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// A UUID.
    pub id: Arc<str>,
    /// An alert is silenced if all of them match.
    pub matchers: Vec<Matcher>,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
    /// When it was made or last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What else its maker wants to keep with it.
    pub annotations: BTreeMap<String, String>,
}

impl Silence {
    /// What it is at `at`.
    #[must_use]
    pub fn state(&self, at: Timestamp) -> SilenceState {
        if self.ends_at <= at {
            SilenceState::Expired
        } else if at < self.starts_at {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// Whether all matchers match; says nothing about the time.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(labels))
    }

    /// Its matchers as one text that reads back.
    #[must_use]
    pub fn matcher_text(&self) -> String {
        let matchers: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        format!("{{{}}}", matchers.join(", "))
    }

    /// Whether it can be changed into `wanted` in place: the same matchers, not over, and what has begun keeps its
    /// beginning (to the second, as Alertmanager's clients send it).
    pub(super) fn may_become(&self, wanted: &Self, at: Timestamp) -> bool {
        let seconds = |at: Timestamp| at.millis().div_euclid(1000);
        self.matchers == wanted.matchers
            && match self.state(at) {
                SilenceState::Active => seconds(wanted.starts_at) == seconds(self.starts_at) && wanted.ends_at >= at,
                SilenceState::Pending => wanted.starts_at >= at,
                SilenceState::Expired => false,
            }
    }

    /// This one, over at `at`; `None` if it is over already.
    pub(super) fn ended(&self, at: Timestamp) -> Option<Self> {
        let mut ended = self.clone();
        match self.state(at) {
            SilenceState::Expired => return None,
            SilenceState::Active => {}
            SilenceState::Pending => ended.starts_at = at,
        }
        (ended.ends_at, ended.updated_at) = (at, at);
        Some(ended)
    }

    /// A label and the one value of it that every alert it matches has. The name alone says little, so another goes
    /// before it.
    pub(super) fn asks_for(&self) -> Option<(&str, &str)> {
        let equal = self.matchers.iter().filter(|m| m.op() == MatchOp::Equal && !m.value().is_empty());
        equal.min_by_key(|m| m.name() == crate::model::labels::ALERT_NAME).map(|m| (m.name(), m.value()))
    }

    pub(super) fn document(&self) -> Document {
        let matcher = |m: &Matcher| StoredMatcher {
            name: m.name().to_owned(),
            op: m.op().to_string(),
            value: m.value().to_owned(),
        };
        let stored = Stored {
            id: self.id.to_string(),
            matchers: self.matchers.iter().map(matcher).collect(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            updated_at: self.updated_at,
            created_by: self.created_by.clone(),
            comment: self.comment.clone(),
            annotations: self.annotations.clone(),
        };
        Document { key: stored.id.clone(), body: serde_json::to_string(&stored).unwrap_or_default() }
    }

    pub(super) fn stored(body: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(body).ok()?;
        let matcher = |m: StoredMatcher| {
            let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
            let op = ops.into_iter().find(|op| op.to_string() == m.op)?;
            Condition { name: m.name, op, value: m.value }.compiled().ok()
        };
        Some(Self {
            id: stored.id.into(),
            matchers: stored.matchers.into_iter().map(matcher).collect::<Option<_>>()?,
            starts_at: stored.starts_at,
            ends_at: stored.ends_at,
            updated_at: stored.updated_at,
            created_by: stored.created_by,
            comment: stored.comment,
            annotations: stored.annotations,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    id: String,
    matchers: Vec<StoredMatcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    updated_at: Timestamp,
    created_by: String,
    comment: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct StoredMatcher {
    name: String,
    op: String,
    value: String,
}
