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
    "Samples that the embedded time series store refused, by reason: out_of_order, duplicate, series_limit.",
    &["reason"],
);

/// Memory.
pub static BYTES: Definition = Definition::gauge(
    "memsentry_tsdb_bytes",
    "Memory held by the samples and labels of the embedded time series store, estimated.",
    &[],
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&SERIES, &APPENDED, &DROPPED, &BYTES];
