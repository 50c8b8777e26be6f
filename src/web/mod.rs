//! What people and tools see of the daemon: pages, health, `/metrics`, and the HTTP APIs of Prometheus and Alertmanager.
//!
//! Reads, and hands on what may change something: a reload, silences, alerts of others. [`routes`] holds the table of everything that it answers.
//! What only the app knows (rules, configuration) comes through [`View`], which the app
//! implements. `server` accepts: bounded connections, no client holds one for long without making progress.

mod api;
mod api_v2;
mod health;
pub mod load;
pub mod metrics;
mod numbers;
mod ours;
mod pages;
pub mod routes;
mod same_site;

mod server;
mod settings;
mod stall;
mod view;

use std::sync::Arc;

use crate::metrics::Registry;
use crate::model::{Clock, Timestamp};
use crate::notify::Notify;
use crate::probes::History;
use crate::promql::Limits;
use crate::tsdb::Tsdb;

pub use load::Loads;
pub use metrics::DEFINITIONS;
pub use server::{BindError, Web};
pub use settings::Settings;
pub use view::{ConfigState, ProbePlan, Reload, Target, View};

/// What the handlers read from.
#[derive(Clone)]
pub struct Sources {
    /// Tells the time of pages and of queries that name none.
    pub clock: Clock,
    /// What `/metrics` shows.
    pub registry: Registry,
    /// What queries read.
    pub tsdb: Tsdb,
    /// What one query may use; a request may ask for less.
    pub limits: Limits,
    /// The last runs of every probe.
    pub history: History,
    /// Alerts as they are told, and silences.
    pub notify: Notify,
    /// Load runs that go on.
    pub loads: load::Loads,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// Everything else.
    pub view: Arc<dyn View>,
}

#[cfg(test)]
mod tests;
