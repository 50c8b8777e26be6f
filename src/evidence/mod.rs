//! Gathers what stands behind a message when it is first attempted: numbers, a chart, a failed run, diagnostics.
//!
//! [`Gatherer`] is the witness that `notify` asks. It reads what probes, rules, store and database know, never writes,
//! and keeps to a time limit of which every part gets its share: what is late is left out and named. Answers that
//! several messages need are made once. What the pieces look like in a message is `notify`'s business.

mod cells;
pub mod check;
mod diagnostics;
mod fresh;
mod gather;
mod measure;
mod metrics;
mod probe;
mod reading;
mod settings;
mod unit;

pub use gather::{Gatherer, Scene, Sources};
pub use metrics::DEFINITIONS;
pub use settings::Settings;
