//! When is it an alert: rule files in Prometheus's format, evaluated over our own store.
//!
//! [`RuleSet`] holds the groups of all files. Evaluating a group takes the instant as an argument, writes the
//! results of its rules to the store and answers with the alerts to hand on and the state to keep. Who is
//! told about an alert is decided elsewhere (`notify`); the two share `model::Alert` only.

mod absence;
mod alerting;
mod evaluation;
mod file;
mod glob;
mod group;
mod metrics;
mod no_data;
mod pending;
mod recording;
mod restore;
mod retired;
mod rule;
mod set;
mod settings;
pub mod slo;
mod sources;
mod text;
mod values;
mod view;
mod window;

#[cfg(test)]
mod tests;

pub use evaluation::{DataChange, Evaluation, RuleFailure, StateChange};
pub use file::Source;
pub use group::Group;
pub use metrics::DEFINITIONS;
pub use no_data::NoData;
pub use set::{Options, RuleSet};
pub use settings::Settings;
pub use sources::{read_sources, sources};
pub use view::{AlertView, GroupView, Health, RuleKind, RuleView, State};

/// The rules that come with memsentry, used where the configuration names no file.
pub const SHIPPED: &str = include_str!("../../alerts.yaml");

/// The name of [`SHIPPED`] in messages and in the API.
pub const SHIPPED_NAME: &str = "alerts.yaml";
