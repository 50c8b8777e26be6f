//! What the store tells about itself.

use crate::metrics::{Definition, Kind};

/// Series in the head.
pub static SERIES: Definition = Definition {
    name: "memsentry_tsdb_series",
    help: "Series in the embedded time series store.",
    kind: Kind::Gauge,
    labels: &[],
};

/// Samples taken in.
pub static APPENDED: Definition = Definition {
    name: "memsentry_tsdb_samples_appended_total",
    help: "Samples stored in the embedded time series store.",
    kind: Kind::Counter,
    labels: &[],
};

/// Samples refused.
pub static DROPPED: Definition = Definition {
    name: "memsentry_tsdb_samples_dropped_total",
    help: "Samples that the embedded time series store refused, by reason: out_of_order, duplicate, \
        series_limit, metric_limit; unwritten are those that left memory before the file took them.",
    kind: Kind::Counter,
    labels: &["reason"],
};

/// Memory.
pub static BYTES: Definition = Definition {
    name: "memsentry_tsdb_bytes",
    help: "Memory held by the samples and labels of the embedded time series store, estimated.",
    kind: Kind::Gauge,
    labels: &[],
};

/// Whether the history is written.
pub static HISTORY_UP: Definition = Definition {
    name: "memsentry_tsdb_history_up",
    help: "Whether samples reach the store's file (1) or are only held in memory because it fails (0).",
    kind: Kind::Gauge,
    labels: &[],
};

/// Size of the history.
pub static HISTORY_BYTES: Definition = Definition {
    name: "memsentry_tsdb_history_bytes",
    help: "Bytes of the closed blocks of the sample history in the store's file.",
    kind: Kind::Gauge,
    labels: &[],
};

/// What was written.
pub static HISTORY_WRITTEN: Definition = Definition {
    name: "memsentry_tsdb_history_written_bytes_total",
    help: "Bytes of samples handed to the store's file; with its pages and log the file system sees several times that.",
    kind: Kind::Counter,
    labels: &[],
};

/// What was damaged.
pub static HISTORY_DAMAGED: Definition = Definition {
    name: "memsentry_tsdb_history_damaged_total",
    help: "Chunks, series and journals of the sample history that could not be read and were left out.",
    kind: Kind::Counter,
    labels: &[],
};

/// The cache.
pub static CACHE_BYTES: Definition = Definition {
    name: "memsentry_tsdb_cache_bytes",
    help: "Memory of old samples that were read back for queries.",
    kind: Kind::Gauge,
    labels: &[],
};

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
