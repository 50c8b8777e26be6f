//! Embedded time series store: the head in memory, chunks compressed, posting lists for matchers.
//!
//! Only the scraper and the rules write. Refused samples are counted, never an error: a later one cannot be
//! placed before an earlier one, a repeated time is refused whatever its value, a series over the limit is not
//! begun. When the clock steps back, [`Tsdb::shift`] moves all samples with it. Writing chunks to the store's file
//! and reading them back (`Chunk::bytes`, `Chunk::from_bytes`) is not here yet.

mod bits;
mod chunk;
mod head;
mod index;
pub mod metrics;
mod window;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use prometheus::{Counter, Gauge};
use serde::Deserialize;

use crate::metrics::Registry;
use crate::model::{Duration, Labels, Matcher, Problem, Sample, Timestamp};

pub use chunk::{CHUNK_SAMPLES, Chunk, DamagedChunk};
pub use window::{Ends, Packed, Window};

use head::{Head, Refusal};

/// Time between two looks for what is too old, in the time of the samples.
const TIDY_MILLIS: i64 = 60_000;

/// How much the store keeps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Age after which samples may go; 24h unless set, at least 10m. Samples go in whole chunks, so some stay up to
    /// ten minutes longer. A thousand series at one sample in 5s need about 25 MB for 24h.
    pub retention: Duration,
    /// Most series at once; 10000 unless set, at least 100. A new series over it is dropped and counted.
    pub max_series: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retention: Duration::from_secs(24 * 3600), max_series: 10_000 }
    }
}

impl Settings {
    /// What is wrong beyond the form.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.retention < Duration::from_secs(600) {
            let message = format!("{} is shorter than 10m, less than rules look back", self.retention);
            problems.push(Problem::at("retention", message));
        }
        if self.retention > Duration::from_secs(366 * 24 * 3600) {
            problems.push(Problem::at("retention", format!("{} is longer than a year", self.retention)));
        }
        if !(100..=1_000_000).contains(&self.max_series) {
            let message = format!("{} is not between 100 and 1000000", self.max_series);
            problems.push(Problem::at("max_series", message));
        }
        problems
    }
}

/// Samples of every series, for queries. Clones share one store.
#[derive(Clone)]
pub struct Tsdb(Arc<Inner>);

struct Inner {
    state: RwLock<State>,
    appended: Counter,
    refused: [Counter; 3],
    series: Gauge,
    bytes: Gauge,
}

struct State {
    head: Head,
    settings: Settings,
    tidied_at: Option<Timestamp>,
}

/// One series as selected.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels, metric name included.
    pub labels: Labels,
    /// Its samples in order of time; staleness markers are samples here.
    pub samples: Vec<Sample>,
}

impl Tsdb {
    /// An empty store.
    #[must_use]
    pub fn new(settings: &Settings, registry: &Registry) -> Self {
        let none: &[&str] = &[];
        let dropped = registry.counter(&metrics::DROPPED);
        let refused = ["out_of_order", "duplicate", "series_limit"].map(|reason| dropped.with_label_values(&[reason]));
        Self(Arc::new(Inner {
            state: RwLock::new(State { head: Head::default(), settings: settings.clone(), tidied_at: None }),
            appended: registry.counter(&metrics::APPENDED).with_label_values(none),
            refused,
            series: registry.gauge(&metrics::SERIES).with_label_values(none),
            bytes: registry.gauge(&metrics::BYTES).with_label_values(none),
        }))
    }

    /// Takes over new settings, as after a reload. Series over a lowered limit stay until they are too old.
    pub fn reconfigure(&self, settings: &Settings) {
        self.write().settings = settings.clone();
    }

    /// Adds one sample per series, all at one time. What cannot be stored is counted, never an error.
    pub fn append(&self, at: Timestamp, batch: impl IntoIterator<Item = (Labels, f64)>) {
        // Collected before the lock is taken, because making the batch may take its time.
        let batch: Vec<(Labels, f64)> = batch.into_iter().collect();
        self.append_all(at, batch.iter().map(|(labels, value)| (labels, *value)));
    }

    /// As [`Tsdb::append`], for labels that the caller keeps. Readers wait while it runs.
    pub fn append_all<'a>(&self, at: Timestamp, batch: impl Iterator<Item = (&'a Labels, f64)>) {
        let (mut appended, mut refused) = (0u64, [0u64; 3]);
        let mut state = self.write();
        let max_series = state.settings.max_series;
        for (labels, value) in batch {
            match state.head.append(labels, Sample { at, value }, max_series) {
                Ok(()) => appended += 1,
                Err(Refusal::OutOfOrder) => refused[0] += 1,
                Err(Refusal::Duplicate) => refused[1] += 1,
                Err(Refusal::SeriesLimit) => refused[2] += 1,
            }
        }
        let due = state.tidied_at.is_none_or(|last| (at.millis().saturating_sub(last.millis())).abs() >= TIDY_MILLIS);
        if due {
            let cutoff = at - state.settings.retention.std();
            state.head.tidy(at, cutoff);
            state.tidied_at = Some(at);
            self.0.bytes.set(as_float(state.head.bytes()));
        }
        self.0.series.set(as_float(state.head.len()));
        drop(state);
        self.0.appended.inc_by(as_float(appended));
        for (counter, count) in self.0.refused.iter().zip(refused) {
            counter.inc_by(as_float(count));
        }
    }

    /// Moves every sample by so many milliseconds, because the clock was set. Distances between samples stay what
    /// they really were, so rates and look-back give the same answers as if the clock had never been wrong.
    pub fn shift(&self, millis: i64) {
        let mut state = self.write();
        state.head.shift(millis);
        state.tidied_at = None;
    }

    /// Every series that satisfies all matchers and has a sample with `from <= at <= to`, with those samples.
    /// In no particular order, but the same one while no series comes or goes.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<Series> {
        let parts: Vec<(Labels, Vec<Chunk>, Vec<Sample>)> = {
            let state = self.read();
            let matching = state.head.matching(matchers);
            matching
                .map(|series| {
                    let chunks = series.chunks.iter().filter(|chunk| chunk.overlaps(from, to)).cloned().collect();
                    (series.labels.clone(), chunks, series.tail_between(from, to).to_vec())
                })
                .collect()
        };
        // Chunks are shared and never change, so they are unpacked when the lock is free again.
        let unpacked = parts.into_iter().map(|(labels, chunks, tail)| {
            if chunks.is_empty() {
                return Series { labels, samples: tail };
            }
            let mut samples = Vec::with_capacity(chunks.len() * CHUNK_SAMPLES + tail.len());
            chunks.iter().for_each(|chunk| chunk.read_into(from, to, &mut samples));
            samples.extend(tail);
            Series { labels, samples }
        });
        unpacked.filter(|series| !series.samples.is_empty()).collect()
    }

    /// The newest sample from `from` to `to` of each series that satisfies all matchers and has one; cheaper than
    /// [`Tsdb::select`]. It may be a staleness marker.
    #[must_use]
    pub fn latest(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<(Labels, Sample)> {
        let state = self.read();
        let matching = state.head.matching(matchers);
        matching.filter_map(|series| Some((series.labels.clone(), series.latest(from, to)?))).collect()
    }

    /// Shows every series that satisfies all matchers through a window of time, in the order of [`Tsdb::select`], also
    /// those without samples in it. Writers wait while it runs: keep what takes long for later ([`Window::pack`]).
    pub fn scan(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp, mut each: impl FnMut(&Window<'_>)) {
        let state = self.read();
        state.head.matching(matchers).for_each(|series| each(&Window::new(series, from, to)));
    }

    /// The label sets of the series that satisfy all matchers and have samples around `from` to `to`.
    #[must_use]
    pub fn series(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<Labels> {
        let state = self.read();
        let matching = state.head.matching(matchers);
        matching.filter(|series| series.overlaps(from, to)).map(|series| series.labels.clone()).collect()
    }

    /// The label names of those series, sorted.
    #[must_use]
    pub fn label_names(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> BTreeSet<Arc<str>> {
        let series = self.series(matchers, from, to);
        series.iter().flat_map(|labels| labels.iter_shared().map(|(name, _)| Arc::clone(name))).collect()
    }

    /// The values of the label `name` among those series, sorted.
    #[must_use]
    pub fn label_values(&self, name: &str, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> BTreeSet<Arc<str>> {
        let series = self.series(matchers, from, to);
        let labels = series.iter().flat_map(|labels| labels.iter_shared());
        labels.filter(|(other, _)| other.as_ref() == name).map(|(_, value)| Arc::clone(value)).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic while writing leaves at worst one series without its newest sample.
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[allow(clippy::cast_precision_loss)] // counts beyond 2^53 are out of reach
fn as_float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests;
