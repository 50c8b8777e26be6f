//! Synthetic probes: small, marked, self-cleaning uses of the service that tell whether it keeps its promises.
//!
//! One file per kind, one row each in [`KINDS`]; [`tasks`] runs every probe against every target in a task of its
//! own, on its own schedule and under its own time-out. An [`Outcome`] says which step failed and why, with the
//! redacted exchanges as evidence; [`History`] keeps the last ones. What fires an alert is decided in `rules`.

mod health;
mod history;
mod kind;
pub mod metrics;
mod outcome;
mod retrieval;
mod roundtrip;
mod run;
mod schedule;
mod settings;
mod synthetic;
mod task;
mod withdraw;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use crate::memory_api::Client;
use crate::metrics::Registry;
use crate::model::Clock;
use crate::queue::Database;

pub use crate::memory_api::{ExchangeRecord, Timings};
pub use health::Health;
pub use history::{Entry, History};
pub use kind::{KINDS, Kind, Probe, Target};
pub use metrics::DEFINITIONS;
pub use outcome::{Failure, Outcome, QueueTrace, Reason, Step, StepExchange};
pub use retrieval::Retrieval;
pub use roundtrip::Roundtrip;
pub use run::Run;
pub use schedule::Schedule;
pub use settings::{Settings, problems};
pub use synthetic::ORPHAN_AGE;
pub use task::{run_once, tasks};
pub use withdraw::withdraw;

/// What the probes are given: the targets, and where results go.
#[derive(Clone)]
pub struct Context {
    /// This memsentry's name, the marker's value in synthetic data.
    pub instance: String,
    /// A client per target, by the target's name.
    pub clients: BTreeMap<String, Client>,
    /// The databases of those targets that have one configured.
    pub databases: BTreeMap<String, Database>,
    /// Where runs are kept.
    pub history: History,
    /// Where metrics go.
    pub registry: Registry,
    /// What time it is.
    pub clock: Clock,
    /// Ends all probes; a run under way is dropped and gets 2 s to clean up.
    pub cancel: CancellationToken,
}
