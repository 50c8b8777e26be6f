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
    help: "Samples that the embedded time series store refused, by reason: out_of_order, duplicate, series_limit.",
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

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&SERIES, &APPENDED, &DROPPED, &BYTES];
