//! What pages and API show and only the app knows: the running configuration and what came of loading it.
//!
//! Nothing here is secret: configuration arrives as names, problems and a file name.

use std::sync::Arc;

use crate::model::task::BoxFuture;
use crate::model::{Duration, Timestamp};
use crate::rules::GroupView;
use crate::runbooks::Runbooks;

/// Reads the rest of the daemon. Called for each request, so it neither blocks nor takes long.
pub trait View: Send + Sync {
    /// What is not ready yet, one line each; empty once the daemon does its work.
    fn not_ready(&self) -> Vec<String>;
    /// The watched services, in the order of the configuration.
    fn targets(&self) -> Vec<Target>;
    /// Every rule with its alerts, in the order of the files.
    fn rule_groups(&self) -> Vec<GroupView>;
    /// The runbooks of the present configuration.
    fn runbooks(&self) -> Arc<Runbooks>;
    /// How the configuration stands.
    fn config(&self) -> ConfigState;
    /// Loads the configuration again and answers with every problem if that was refused.
    fn reload(&self) -> BoxFuture<Result<(), Vec<String>>>;
}

/// One watched service.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its configured name; the label `target` of its metrics.
    pub name: String,
    /// Where it is, without user and password.
    pub url: String,
    /// Its probes.
    pub probes: Vec<ProbePlan>,
}

/// One probe of a target.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    /// Its name; with the target's name the key of its history.
    pub name: String,
    /// Time between two runs.
    pub interval: Duration,
}

/// How the configuration stands.
#[derive(Debug, Clone, Default)]
pub struct ConfigState {
    /// The file, as it was named at the start.
    pub file: String,
    /// When the running configuration was loaded.
    pub loaded_at: Option<Timestamp>,
    /// The last attempt to load it again.
    pub last_reload: Option<Reload>,
}

/// One attempt to load the configuration again.
#[derive(Debug, Clone)]
pub struct Reload {
    /// When.
    pub at: Timestamp,
    /// Why it was refused, each with its place; empty of a success.
    pub problems: Vec<String>,
}
