//! What an objective has counted in five-minute slots, for as long as its window: raw samples are not kept so long.
//!
//! Fed by the two recorded increases of a group of long windows, it answers the error ratio of any window. The sums
//! are those of `sum_over_time` over the recorded series. It outlives the process as one document per series and day,
//! written when a slot ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use crate::model::labels::METRIC_NAME;
use crate::model::{Duration, Labels, Timestamp};
use crate::store::Document;

use super::super::evaluation::StateChange;
use super::generate::{BAD, COVERAGE, RATIO, TOTAL};

const SLOT: i64 = 300_000;
const SLOTS_OF_DAY: i64 = 288;

/// Keys of the ledger's documents begin with this, then the definition, the series, the day.
pub(in crate::rules) const PREFIX: &str = "slo/";

/// Most series of one objective; further ones are not kept.
const MOST_SERIES: usize = 100;

/// What a recording rule is to the ledger of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum Part {
    /// Its results are the bad operations.
    Bad,
    /// Its results are all operations.
    Total,
    /// Its results come from the ledger: the share of bad operations over a window.
    Ratio(Duration),
    /// Its results come from the ledger: the share of a window in which operations were counted.
    Coverage(Duration),
}

impl Part {
    /// The part of a rule of a group of long windows.
    pub(in crate::rules) fn of(record: &str) -> Option<Self> {
        match record {
            BAD => Some(Self::Bad),
            TOTAL => Some(Self::Total),
            _ => {
                let window = |start: &str| record.strip_prefix(start)?.parse().ok();
                window(RATIO).map(Self::Ratio).or_else(|| window(COVERAGE).map(Self::Coverage))
            }
        }
    }
}

/// Bad and all operations by slot, for each series.
#[derive(Debug, Clone)]
pub(in crate::rules) struct Ledger {
    /// Hash of what is counted: another definition begins another ledger.
    definition: String,
    window: StdDuration,
    series: BTreeMap<Labels, BTreeMap<i64, [f64; 2]>>,
    slot: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredDay {
    labels: Labels,
    slots: Vec<(i64, f64, f64)>,
}

impl Ledger {
    /// An empty one that keeps `window`.
    pub(in crate::rules) fn new(definition: String, window: StdDuration) -> Self {
        Self { definition, window, series: BTreeMap::new(), slot: None }
    }

    /// Takes over what an earlier one of the same definition counted.
    pub(in crate::rules) fn follow(&mut self, old: &Self) {
        if self.definition == old.definition {
            self.series.clone_from(&old.series);
            self.slot = old.slot;
        }
    }

    /// Adds the results of a rule.
    pub(in crate::rules) fn feed(&mut self, part: Part, at: Timestamp, results: &[(Labels, f64)]) {
        let (slot, place) = (at.millis().div_euclid(SLOT), usize::from(part == Part::Total));
        for (labels, value) in results.iter().filter(|(_, value)| value.is_finite()) {
            let labels = labels.without(|name| name == METRIC_NAME);
            if self.series.len() < MOST_SERIES || self.series.contains_key(&labels) {
                // Extrapolation may find a little more good ones than there are operations.
                self.series.entry(labels).or_default().entry(slot).or_default()[place] += value.max(0.0);
            }
        }
    }

    /// What a rule that reads the ledger answers; nothing for the others.
    pub(in crate::rules) fn answer(&self, part: Part, at: Timestamp) -> Vec<(Labels, f64)> {
        let (Part::Ratio(window) | Part::Coverage(window)) = part else { return Vec::new() };
        let slot = at.millis().div_euclid(SLOT);
        let count = i64::try_from(window.std().as_millis()).unwrap_or(i64::MAX) / SLOT;
        let mut answer = Vec::new();
        for (labels, slots) in &self.series {
            let within = slots.range(slot.saturating_sub(count) + 1..=slot).map(|(_, sums)| sums);
            let (bad, total, slots) =
                within.fold((0.0, 0.0, 0.0), |sum, [bad, total]| (sum.0 + bad, sum.1 + total, sum.2 + 1.0));
            #[allow(clippy::cast_precision_loss)] // a few thousand
            match part {
                Part::Coverage(_) if slots > 0.0 => answer.push((labels.clone(), slots / count.max(1) as f64)),
                Part::Ratio(_) if total > 0.0 => answer.push((labels.clone(), bad / total)),
                _ => {}
            }
        }
        answer
    }

    /// Notes what is to be written when a slot has ended, and forgets what is older than the window.
    pub(in crate::rules) fn note(&mut self, at: Timestamp, change: &mut StateChange) {
        let slot = at.millis().div_euclid(SLOT);
        let Some(ended) = self.slot.replace(slot).filter(|last| *last != slot) else { return };
        let window = i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX);
        let oldest = at.millis().saturating_sub(window).div_euclid(SLOT).div_euclid(SLOTS_OF_DAY);
        for (labels, slots) in &mut self.series {
            let key = |day: i64| format!("{PREFIX}{}/{}/{day}", self.definition, labels.fingerprint());
            let days: BTreeSet<i64> = slots.keys().map(|slot| slot.div_euclid(SLOTS_OF_DAY)).collect();
            change.remove.extend(days.range(..oldest).map(|day| key(*day)));
            *slots = slots.split_off(&oldest.saturating_mul(SLOTS_OF_DAY));
            let day = ended.div_euclid(SLOTS_OF_DAY);
            let first = day.saturating_mul(SLOTS_OF_DAY);
            let of_day = slots.range(first..first.saturating_add(SLOTS_OF_DAY));
            let slots: Vec<_> = of_day.map(|(slot, [bad, total])| (*slot, *bad, *total)).collect();
            if !slots.is_empty() {
                let body = serde_json::to_string(&StoredDay { labels: labels.clone(), slots }).unwrap_or_default();
                change.set.push(Document { key: key(day), body });
            }
        }
        self.series.retain(|_, slots| !slots.is_empty());
    }

    /// Takes a stored day in; whether it is one of this ledger.
    pub(in crate::rules) fn restore(&mut self, document: &Document) -> bool {
        let own = document.key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
        if own.is_none_or(|(definition, _)| definition != self.definition) {
            return false;
        }
        let Ok(StoredDay { labels, slots }) = serde_json::from_str(&document.body) else { return false };
        if self.series.len() >= MOST_SERIES && !self.series.contains_key(&labels) {
            return false;
        }
        let kept = self.series.entry(labels).or_default();
        kept.extend(slots.into_iter().map(|(slot, bad, total)| (slot, [bad, total])));
        true
    }
}
