//! Silences: by whom, until when, which alerts are not told.
//!
//! [`Silences`] is pure: the instant, and the id of what is new, are arguments. Asking for one ([`Silences::plan`])
//! changes nothing; what it answers is stored first and then put into force by [`Silences::apply`], so that what was
//! promised survives a crash. A new one, an edit and an early end follow Alertmanager. Which alerts are silenced is
//! asked by each flush of a group ([`Silences::silencing`]).

mod draft;
mod entry;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::model::{Labels, Timestamp};
use crate::store::Document;

pub use draft::{Draft, matches_every_value};
pub use entry::{Silence, SilenceState};

/// How long one that is over is kept, to be looked at and made again.
pub const RETENTION: StdDuration = StdDuration::from_secs(120 * 3600);

/// Most that are kept at once, those that are over among them.
pub const MOST: usize = 10_000;

/// Why a silence was not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something about it is wrong; everything, one line each.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// There is none with this id.
    #[error("silence {0:?} not found")]
    Unknown(String),
    /// There are too many.
    #[error("there are {MOST} silences already, those of the last 120h that are over among them")]
    Full,
}

/// What a request comes to: stored first, then put into force.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The id of the silence that then holds.
    pub id: String,
    /// Those that are set: the one asked for, and the one it takes the place of.
    pub set: Vec<Silence>,
    /// Those that make room.
    remove: Vec<Arc<str>>,
}

impl Planned {
    /// What to store: documents to be set, and keys to be removed.
    #[must_use]
    pub fn documents(&self) -> (Vec<Document>, Vec<String>) {
        (self.set.iter().map(Silence::document).collect(), self.remove.iter().map(ToString::to_string).collect())
    }
}

/// A silence that began, or is over.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The silence.
    pub silence: Arc<Silence>,
    /// What it is now.
    pub state: SilenceState,
}

/// Silences by the value that they ask for.
type ByValue = HashMap<Arc<str>, Vec<Arc<Silence>>>;

/// Every known silence.
#[derive(Debug, Default)]
pub struct Silences {
    all: BTreeMap<Arc<str>, Arc<Silence>>,
    /// Those that ask for one value of a label, by that label and value.
    by_label: HashMap<Arc<str>, ByValue>,
    /// The others.
    unindexed: Vec<Arc<Silence>>,
    /// The state in which each was last seen by [`Silences::turns`].
    seen: HashMap<Arc<str>, SilenceState>,
}

impl Silences {
    /// What a request comes to. `new_id` is taken if that is a new silence: an edit that changes the matchers, or
    /// what has begun, ends the old one and makes another, as in Alertmanager.
    ///
    /// # Errors
    /// Everything that is wrong with it; there is none with its id; there are too many.
    pub fn plan(&self, draft: &Draft, new_id: &str, at: Timestamp) -> Result<Planned, Refusal> {
        let mut wanted = draft.checked(new_id, at).map_err(Refusal::Invalid)?;
        let mut set = Vec::new();
        if let Some(id) = &draft.id {
            let old = self.get(id).ok_or_else(|| Refusal::Unknown(id.clone()))?;
            if old.may_become(&wanted, at) {
                wanted.id = Arc::clone(&old.id);
                return Ok(Planned { id: id.clone(), set: vec![wanted], remove: Vec::new() });
            }
            set.extend(old.ended(at));
        }
        // What is new cannot have begun before it was asked for.
        wanted.starts_at = wanted.starts_at.max(at);
        let remove = self.outlived(at);
        if self.all.len() - remove.len() >= MOST {
            return Err(Refusal::Full);
        }
        set.push(wanted);
        Ok(Planned { id: new_id.to_owned(), set, remove })
    }

    /// What ending a silence comes to; `None` if it is over already.
    ///
    /// # Errors
    /// There is none with this id.
    pub fn plan_end(&self, id: &str, at: Timestamp) -> Result<Option<Planned>, Refusal> {
        let silence = self.get(id).ok_or_else(|| Refusal::Unknown(id.to_owned()))?;
        Ok(silence.ended(at).map(|ended| Planned { id: id.to_owned(), set: vec![ended], remove: Vec::new() }))
    }

    /// Puts into force what was planned.
    pub fn apply(&mut self, planned: Planned) {
        for id in &planned.remove {
            self.remove(id);
        }
        for silence in planned.set {
            self.remove(&silence.id.clone());
            self.insert(Arc::new(silence));
        }
    }

    /// Lets go what is over for longer than 120 hours; answers with the ids, to be removed from the store.
    pub fn tidy(&mut self, at: Timestamp) -> Vec<String> {
        let outlived = self.outlived(at);
        for id in &outlived {
            self.remove(id);
            self.seen.remove(id);
        }
        outlived.iter().map(ToString::to_string).collect()
    }

    /// Takes in what was stored. Answers how many could be read.
    pub fn restore(&mut self, documents: &[Document], at: Timestamp) -> usize {
        let stored = documents.iter().filter_map(|document| Silence::stored(&document.body));
        for silence in stored {
            self.seen.insert(Arc::clone(&silence.id), silence.state(at));
            self.remove(&silence.id.clone());
            self.insert(Arc::new(silence));
        }
        self.all.len()
    }

    /// The ids of the active silences that match these labels, in order.
    #[must_use]
    pub fn silencing(&self, labels: &Labels, at: Timestamp) -> Vec<Arc<str>> {
        let named = labels.iter().filter_map(|(name, value)| self.by_label.get(name)?.get(value)).flatten();
        let candidates = named.chain(&self.unindexed);
        let active = candidates.filter(|silence| silence.state(at) == SilenceState::Active);
        let mut ids: Vec<Arc<str>> =
            active.filter(|silence| silence.matches(labels)).map(|silence| Arc::clone(&silence.id)).collect();
        ids.sort_unstable();
        ids
    }

    /// The next instant after `at` at which a silence begins or ends, if nobody changes any.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let instants = self.all.values().flat_map(|silence| [silence.starts_at, silence.ends_at]);
        instants.filter(|instant| *instant > at).min()
    }

    /// Those that changed their state since the last call: they began, or are over.
    pub fn turns(&mut self, at: Timestamp) -> Vec<Turn> {
        let mut turns = Vec::new();
        for silence in self.all.values() {
            let state = silence.state(at);
            let before = self.seen.insert(Arc::clone(&silence.id), state).unwrap_or(SilenceState::Pending);
            if before != state {
                turns.push(Turn { silence: Arc::clone(silence), state });
            }
        }
        turns
    }

    /// The silence with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Silence>> {
        self.all.get(id)
    }

    /// Every silence, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Silence>> {
        self.all.values()
    }

    /// How many there are in this state.
    #[must_use]
    pub fn count(&self, state: SilenceState, at: Timestamp) -> usize {
        self.all.values().filter(|silence| silence.state(at) == state).count()
    }

    fn outlived(&self, at: Timestamp) -> Vec<Arc<str>> {
        let outlived = self.all.values().filter(|silence| silence.ends_at + RETENTION <= at);
        outlived.map(|silence| Arc::clone(&silence.id)).collect()
    }

    fn insert(&mut self, silence: Arc<Silence>) {
        let bucket = match silence.asks_for() {
            Some((name, value)) => self.by_label.entry(name.into()).or_default().entry(value.into()).or_default(),
            None => &mut self.unindexed,
        };
        bucket.push(Arc::clone(&silence));
        self.all.insert(Arc::clone(&silence.id), silence);
    }

    fn remove(&mut self, id: &Arc<str>) {
        let Some(silence) = self.all.remove(id) else { return };
        let Some((name, value)) = silence.asks_for() else {
            self.unindexed.retain(|other| other.id != silence.id);
            return;
        };
        let Some(values) = self.by_label.get_mut(name) else { return };
        if let Some(bucket) = values.get_mut(value) {
            bucket.retain(|other| other.id != silence.id);
            if bucket.is_empty() {
                values.remove(value);
            }
        }
        if values.is_empty() {
            self.by_label.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
