//! Embedded time series store: the head in memory, chunks compressed, posting lists for matchers.
//!
//! Only the scraper and the rules write. Refused samples are counted, never an error: a later one cannot be
//! placed before an earlier one, a repeated time is refused whatever its value, a series over the limit is not
//! begun. When the clock steps back, [`Tsdb::shift`] moves all samples with it. With [`Tsdb::keep_history`] samples
//! outlive the process and memory: `history` has them written to the store's file and read back.

mod bits;
mod chunk;
mod head;
mod history;
mod index;
pub mod metrics;
mod selection;
mod settings;
mod window;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration as StdDuration;

use prometheus::{Counter, Gauge};

use crate::metrics::Registry;
use crate::model::{Labels, Matcher, Sample, Timestamp};

pub use chunk::{CHUNK_SAMPLES, Chunk, DamagedChunk};
pub use selection::Selection;
pub use settings::Settings;
pub use window::{Ends, Packed, Window};

use head::{Forgetting, Head, HeadSeries, Refusal, SeriesLimits};
use history::{Keeper, Ledger, View};

/// Time between two looks for what is too old, in the time of the samples.
const TIDY_MILLIS: i64 = 60_000;

/// More than the rules look back that memory holds.
const REACH_MARGIN: StdDuration = StdDuration::from_secs(600);

/// Samples of every series, for queries. Clones share one store; the second part is there for one query that may
/// look back farther than memory reaches.
#[derive(Clone)]
pub struct Tsdb(Arc<Inner>, Option<Arc<View>>);

struct Inner {
    state: RwLock<State>,
    keeper: OnceLock<Keeper>,
    appended: Counter,
    refused: [Counter; 4],
    unwritten: Counter,
    series: Gauge,
    bytes: Gauge,
}

struct State {
    head: Head,
    settings: Settings,
    tidied_at: Option<Timestamp>,
    /// What the file holds and lacks; `None` where no history is kept.
    ledger: Option<Ledger>,
    /// Time of the newest batch.
    newest: Timestamp,
    /// How far rules look back.
    reach: StdDuration,
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
        let dropped = |reason: &str| dropped.with_label_values(&[reason]);
        let state = State {
            head: Head::default(),
            settings: settings.clone(),
            tidied_at: None,
            ledger: None,
            newest: Timestamp::default(),
            reach: StdDuration::ZERO,
        };
        let inner = Inner {
            state: RwLock::new(state),
            keeper: OnceLock::new(),
            appended: registry.counter(&metrics::APPENDED).with_label_values(none),
            refused: ["out_of_order", "duplicate", "series_limit", "metric_limit"].map(dropped),
            unwritten: dropped("unwritten"),
            series: registry.gauge(&metrics::SERIES).with_label_values(none),
            bytes: registry.gauge(&metrics::BYTES).with_label_values(none),
        };
        Self(Arc::new(inner), None)
    }

    /// Takes over new settings, as after a reload. Series over a lowered limit stay until they are too old.
    pub fn reconfigure(&self, settings: &Settings) {
        self.write().settings = settings.clone();
    }

    /// Keeps at least so much in memory, because rules look back so far: they never wait for the disk. What memory
    /// has let go already does not come back.
    pub fn reach_back(&self, reach: StdDuration) {
        self.write().reach = reach;
    }

    /// Adds one sample per series, all at one time. What cannot be stored is counted, never an error.
    pub fn append(&self, at: Timestamp, batch: impl IntoIterator<Item = (Labels, f64)>) {
        // Collected before the lock is taken, because making the batch may take its time.
        let batch: Vec<(Labels, f64)> = batch.into_iter().collect();
        self.append_all(at, batch.iter().map(|(labels, value)| (labels, *value)));
    }

    /// As [`Tsdb::append`], for labels that the caller keeps. Readers wait while it runs.
    pub fn append_all<'a>(&self, at: Timestamp, batch: impl Iterator<Item = (&'a Labels, f64)>) {
        let (mut appended, mut refused) = (0u64, [0u64; 4]);
        let mut guard = self.write();
        let state = &mut *guard;
        let limits = SeriesLimits { all: state.settings.max_series, metric: state.settings.max_series_per_metric };
        state.newest = at;
        if let Some(ledger) = &mut state.ledger {
            ledger.begin(at);
        }
        for (labels, value) in batch {
            let sample = Sample { at, value };
            match state.head.append(labels, sample, limits) {
                Ok(series) => {
                    appended += 1;
                    if let Some(ledger) = &mut state.ledger {
                        ledger.note(series, sample);
                    }
                }
                Err(Refusal::OutOfOrder) => refused[0] += 1,
                Err(Refusal::Duplicate) => refused[1] += 1,
                Err(Refusal::SeriesLimit) => refused[2] += 1,
                Err(Refusal::MetricLimit) => refused[3] += 1,
            }
        }
        let due = state.tidied_at.is_none_or(|last| (at.millis().saturating_sub(last.millis())).abs() >= TIDY_MILLIS);
        if due {
            self.0.unwritten.inc_by(as_float(state.tidy(at)));
            self.0.bytes.set(as_float(state.head.bytes()));
        }
        self.0.series.set(as_float(state.head.len()));
        drop(guard);
        self.0.appended.inc_by(as_float(appended));
        for (counter, count) in self.0.refused.iter().zip(refused) {
            counter.inc_by(as_float(count));
        }
    }

    /// Moves every sample by so many milliseconds, because the clock was set. Distances between samples stay what
    /// they really were, so rates and look-back give the same answers as if the clock had never been wrong.
    pub fn shift(&self, millis: i64) {
        self.write().shift(millis);
    }

    /// The newest sample from `from` to `to` of each series that satisfies all matchers and has one; cheaper than
    /// [`Tsdb::select`], and as far as memory goes. It may be a staleness marker.
    #[must_use]
    pub fn latest(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<(Labels, Sample)> {
        let mut newest = Vec::new();
        self.scan(matchers, from, to, |window| {
            newest.extend(window.latest().map(|sample| (window.labels().clone(), sample)));
        });
        newest
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
        let in_file = |series: &HeadSeries| {
            let span = state.ledger.as_ref().and_then(|ledger| ledger.span(series));
            span.is_some_and(|(first, last)| first <= to && last >= from)
        };
        let found = matching.filter(|series| series.overlaps(from, to) || in_file(series));
        found.map(|series| series.labels.clone()).collect()
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

impl State {
    /// Forgets what is too old; answers how many samples went that the file should have taken.
    fn tidy(&mut self, at: Timestamp) -> u64 {
        self.tidied_at = Some(at);
        let Some(ledger) = &self.ledger else {
            let cutoff = at - self.settings.retention.std();
            self.head.tidy(at, &Forgetting { cutoff, keep_unwritten: false, oldest_block: None });
            return 0;
        };
        let cutoff = self.memory_since(at);
        let oldest_block = ledger.blocks.first().map(|block| block.id);
        self.head.tidy(at, &Forgetting { cutoff, keep_unwritten: ledger.attached, oldest_block })
    }

    /// The oldest time of which samples are held in memory, where the file holds older ones.
    fn memory_since(&self, at: Timestamp) -> Timestamp {
        let memory = self.settings.memory.std().max(self.reach + REACH_MARGIN);
        at - memory.min(self.settings.retention.std())
    }

    fn shift(&mut self, millis: i64) {
        self.head.shift(millis);
        if let Some(ledger) = &mut self.ledger {
            ledger.shift(millis);
        }
        self.newest = Timestamp::from_millis(self.newest.millis().saturating_add(millis));
        self.tidied_at = None;
    }
}

#[allow(clippy::cast_precision_loss)] // counts beyond 2^53 are out of reach
fn as_float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests;
