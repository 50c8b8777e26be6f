//! What this process measures: definitions, handles, snapshots, and the text that a scraper reads.
//!
//! A module declares each of its metrics as a [`Definition`] constant and asks the one [`Registry`] for a
//! handle. Values that a probe or a query found are published as a [`Snapshot`] instead, which is replaced
//! or withdrawn whole, so that what vanished vanishes. [`Registry::gather`] is the single view that both
//! `/metrics` and the time series store see.

mod definition;
mod exposition;
mod family;
mod registry;

pub use definition::{Definition, Kind, buckets};
pub use exposition::{CONTENT_TYPE, write_text};
pub use family::{Family, Point, Value, flatten, flatten_values};
pub use registry::{Counter, Gauge, Histogram, Registry, Snapshot};
