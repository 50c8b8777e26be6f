//! The last runs and the last failures of every probe, in memory, for pages and for the evidence in a page.
//!
//! Failures have a ring of their own, so that a failure an hour ago is still there after sixty good runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::outcome::Outcome;

/// Runs kept of each probe and target.
const RUNS: usize = 30;
/// Failed runs kept beside them.
const FAILURES: usize = 10;

/// What is kept. Clones share it; it outlives a reload.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<BTreeMap<(String, String), Rings>>>);

#[derive(Default)]
struct Rings {
    runs: VecDeque<Arc<Outcome>>,
    failures: VecDeque<Arc<Outcome>>,
}

/// What is kept of one probe of one target, newest first.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The target's name.
    pub target: String,
    /// The probe's name.
    pub probe: String,
    /// The last runs.
    pub runs: Vec<Arc<Outcome>>,
    /// The last failed runs.
    pub failures: Vec<Arc<Outcome>>,
}

impl History {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Rings>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a run; the oldest beyond the limit goes.
    pub fn record(&self, outcome: &Arc<Outcome>) {
        let mut all = self.lock();
        let rings = all.entry((outcome.target.clone(), outcome.probe.clone())).or_default();
        push(&mut rings.runs, outcome, RUNS);
        if !outcome.is_success() {
            push(&mut rings.failures, outcome, FAILURES);
        }
    }

    /// The last runs of a probe, newest first.
    #[must_use]
    pub fn recent(&self, target: &str, probe: &str) -> Vec<Arc<Outcome>> {
        self.entry(target, probe).map_or_else(Vec::new, |entry| entry.runs)
    }

    /// The last failed runs of a probe, newest first.
    #[must_use]
    pub fn failures(&self, target: &str, probe: &str) -> Vec<Arc<Outcome>> {
        self.entry(target, probe).map_or_else(Vec::new, |entry| entry.failures)
    }

    fn entry(&self, target: &str, probe: &str) -> Option<Entry> {
        let all = self.lock();
        let key = (target.to_owned(), probe.to_owned());
        all.get(&key).map(|rings| entry(&key, rings))
    }

    /// Everything, by target and probe.
    #[must_use]
    pub fn all(&self) -> Vec<Entry> {
        self.lock().iter().map(|(key, rings)| entry(key, rings)).collect()
    }

    /// Drops what is no longer configured.
    pub fn retain(&self, keep: impl Fn(&str, &str) -> bool) {
        self.lock().retain(|(target, probe), _| keep(target, probe));
    }
}

fn push(ring: &mut VecDeque<Arc<Outcome>>, outcome: &Arc<Outcome>, most: usize) {
    ring.push_front(Arc::clone(outcome));
    ring.truncate(most);
}

fn entry((target, probe): &(String, String), rings: &Rings) -> Entry {
    Entry {
        target: target.clone(),
        probe: probe.clone(),
        runs: rings.runs.iter().cloned().collect(),
        failures: rings.failures.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as StdDuration;

    use super::super::outcome::{Failure, Reason};
    use super::*;
    use crate::model::Timestamp;

    fn outcome(at: i64, ok: bool) -> Arc<Outcome> {
        let failure = Failure { reason: Reason::Mismatch, step: "verify", message: String::new() };
        Arc::new(Outcome {
            target: "main".into(),
            probe: "health".into(),
            kind: "health",
            started_at: Timestamp::from_millis(at),
            took: StdDuration::ZERO,
            failure: (!ok).then_some(failure),
            steps: Vec::new(),
            notes: Vec::new(),
            chat_id: None,
            queue: None,
            update_took: None,
            exchanges: Vec::new(),
        })
    }

    #[test]
    fn a_failure_outlasts_many_good_runs() {
        let history = History::new();
        history.record(&outcome(0, false));
        for at in 1..100 {
            history.record(&outcome(at, true));
        }
        let recent = history.recent("main", "health");
        assert_eq!((recent.len(), recent[0].started_at.millis()), (RUNS, 99));
        assert_eq!(history.failures("main", "health")[0].started_at.millis(), 0);
        assert!(history.recent("main", "other").is_empty());
        history.retain(|target, _| target != "main");
        assert!(history.all().is_empty());
    }
}
