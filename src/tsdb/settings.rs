//! The `tsdb` section: how much is kept, and where.

use serde::Deserialize;

use crate::model::{Duration, Problem};

const MEBI: u64 = 1024 * 1024;

/// How much the store keeps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Age after which samples may go; 7d unless set, 10m to a year. They go in whole blocks, so some stay up to an
    /// hour longer. A thousand series at one sample in 5s need about 190 MB in the store's file for 7d.
    pub retention: Duration,
    /// Most bytes of samples in the store's file; 268435456 (256 MiB) unless set, at least 1 MiB. Beyond it the oldest
    /// go before their time.
    pub max_bytes: u64,
    /// How long samples stay in memory; 2h unless set, at least 10m. Always as long as the rules look back and ten
    /// minutes more, because rules never wait for the disk. A thousand series at one sample in 5s need about 1.5 MB an
    /// hour.
    pub memory: Duration,
    /// Most memory for older samples that were read back for queries and may be asked for again; 8388608 (8 MiB)
    /// unless set, 0 to 1 GiB.
    pub cache_bytes: usize,
    /// Most series, those of the past included until they are too old; 10000 unless set, at least 100. A new series
    /// over it is dropped and counted.
    pub max_series: usize,
    /// Most series of one metric name, so that no collector can take the place of the others; 2000 unless set, at
    /// least 10. A new series over it is dropped and counted.
    pub max_series_per_metric: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(7 * 24 * 3600),
            max_bytes: 256 * MEBI,
            memory: Duration::from_secs(2 * 3600),
            cache_bytes: 8 * 1024 * 1024,
            max_series: 10_000,
            max_series_per_metric: 2_000,
        }
    }
}

impl Settings {
    /// What is wrong beyond the form.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (path, value) in [("retention", self.retention), ("memory", self.memory)] {
            if value < Duration::from_secs(600) {
                problems.push(Problem::at(path, format!("{value} is shorter than 10m, less than rules look back")));
            }
            if value > Duration::from_secs(366 * 24 * 3600) {
                problems.push(Problem::at(path, format!("{value} is longer than a year")));
            }
        }
        if self.max_bytes < MEBI {
            problems.push(Problem::at("max_bytes", format!("{} is less than 1048576", self.max_bytes)));
        }
        if self.cache_bytes > 1024 * 1024 * 1024 {
            problems.push(Problem::at("cache_bytes", format!("{} is more than 1073741824", self.cache_bytes)));
        }
        for (path, value, least) in
            [("max_series", self.max_series, 100), ("max_series_per_metric", self.max_series_per_metric, 10)]
        {
            if !(least..=1_000_000).contains(&value) {
                problems.push(Problem::at(path, format!("{value} is not between {least} and 1000000")));
            }
        }
        problems
    }
}
