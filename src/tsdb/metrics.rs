//! What the store tells about itself.

use crate::metrics::Definition;

/// Series in the head.
pub static SERIES: Definition =
    Definition::gauge("memsentry_tsdb_series", "Series in the embedded time series store.", &[]);

/// Samples taken in.
pub static APPENDED: Definition = Definition::counter(
    "memsentry_tsdb_samples_appended_total",
    "Samples stored in the embedded time series store.",
    &[],
);

/// Samples refused.
pub static DROPPED: Definition = Definition::counter(
    "memsentry_tsdb_samples_dropped_total",
    "Samples that the embedded time series store refused, by reason: out_of_order, duplicate, \
        series_limit, metric_limit; unwritten are those that left memory before the file took them.",
    &["reason"],
);

/// Memory.
pub static BYTES: Definition = Definition::gauge(
    "memsentry_tsdb_bytes",
    "Memory held by the samples and labels of the embedded time series store, estimated.",
    &[],
);

/// Whether the history is written.
pub static HISTORY_UP: Definition = Definition::gauge(
    "memsentry_tsdb_history_up",
    "Whether samples reach the store's file (1) or are only held in memory because it fails (0).",
    &[],
);

/// Size of the history.
pub static HISTORY_BYTES: Definition = Definition::gauge(
    "memsentry_tsdb_history_bytes",
    "Bytes of the closed blocks of the sample history in the store's file.",
    &[],
);

/// What was written.
pub static HISTORY_WRITTEN: Definition = Definition::counter(
    "memsentry_tsdb_history_written_bytes_total",
    "Bytes of samples handed to the store's file; with its pages and log the file system sees several times that.",
    &[],
);

/// What was damaged.
pub static HISTORY_DAMAGED: Definition = Definition::counter(
    "memsentry_tsdb_history_damaged_total",
    "Chunks, series and journals of the sample history that could not be read and were left out.",
    &[],
);

/// The cache.
pub static CACHE_BYTES: Definition =
    Definition::gauge("memsentry_tsdb_cache_bytes", "Memory of old samples that were read back for queries.", &[]);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[
    &SERIES,
    &APPENDED,
    &DROPPED,
    &BYTES,
    &HISTORY_UP,
    &HISTORY_BYTES,
    &HISTORY_WRITTEN,
    &HISTORY_DAMAGED,
    &CACHE_BYTES,
];
