//! What pages and API show and the web server does not own: plain data, filled in by the app.
//!
//! Nothing here is secret: exchanges arrive redacted, configuration as problems and a file name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::model::task::BoxFuture;
use crate::model::{Duration, Labels, Timestamp};
use crate::runbooks::Runbooks;

/// How many runs and how many failures of a probe a page shows at most.
pub const PROBES_KEPT: usize = 50;

/// Reads the rest of the daemon. Called for each request, so it neither blocks nor takes long.
pub trait View: Send + Sync {
    /// What is not ready yet, one line each; empty once the daemon does its work.
    fn not_ready(&self) -> Vec<String>;
    /// The watched services, in the order of the configuration.
    fn targets(&self) -> Vec<Target>;
    /// The last runs of one probe; `None` if there is no such target or probe.
    fn probe_history(&self, target: &str, probe: &str) -> Option<ProbeHistory>;
    /// Every rule with its alerts, in the order of the files.
    fn rule_groups(&self) -> Vec<RuleGroup>;
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
    pub probes: Vec<ProbeStatus>,
}

/// How one probe of a target stands.
#[derive(Debug, Clone)]
pub struct ProbeStatus {
    /// Its name.
    pub name: String,
    /// Time between two runs.
    pub interval: Duration,
    /// Its newest run; `None` before the first has ended.
    pub last: Option<RunSummary>,
}

/// A run in one line.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: StdDuration,
    /// The kind of failure and what happened, as in `timeout` and `no answer within 5s`; `None` of a success.
    pub failure: Option<(String, String)>,
}

/// The runs that are kept of one probe, newest first.
#[derive(Debug, Clone, Default)]
pub struct ProbeHistory {
    /// The last runs, whatever their outcome.
    pub runs: Vec<Run>,
    /// The last failures; they outlive the runs between them.
    pub failures: Vec<Run>,
}

/// One run with everything that helps to understand it.
#[derive(Debug, Clone)]
pub struct Run {
    /// When, how long and how it ended.
    pub summary: RunSummary,
    /// Its steps in order of their beginning.
    pub steps: Vec<Step>,
    /// What was sent and answered, redacted.
    pub exchanges: Vec<Exchange>,
}

/// One step of a run.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// From the beginning of the run.
    pub began_after: StdDuration,
    /// How long it took.
    pub took: StdDuration,
    /// What went wrong in it.
    pub failure: Option<String>,
}

/// One request with its answer, redacted and cut to a length.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What it was, as in `GET /api/v1/memory/…` and its status.
    pub title: String,
    /// The request as text.
    pub request: String,
    /// The answer as text, or why there is none.
    pub answer: String,
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

/// One group of rules.
#[derive(Debug, Clone)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// Time between two evaluations.
    pub interval: Duration,
    /// Most alerts or series that a rule may give; 0 for any number.
    pub limit: usize,
    /// How long the last evaluation took.
    pub evaluation_time: StdDuration,
    /// When it was evaluated last.
    pub last_evaluation: Option<Timestamp>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The alert or the recorded series.
    pub name: String,
    /// Its expression.
    pub query: String,
    /// Labels that it adds, as written.
    pub labels: Labels,
    /// Whether its last evaluation went well.
    pub health: Health,
    /// Why not.
    pub last_error: Option<String>,
    /// How long its last evaluation took.
    pub evaluation_time: StdDuration,
    /// When it was evaluated last.
    pub last_evaluation: Option<Timestamp>,
    /// What else depends on its kind.
    pub kind: RuleKind,
}

/// How the last evaluation of a rule went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Well.
    Ok,
    /// It failed.
    Err,
    /// There was none yet.
    Unknown,
}

/// The two kinds of rules.
#[derive(Debug, Clone)]
pub enum RuleKind {
    /// Records a series.
    Recording,
    /// Raises alerts.
    Alerting {
        /// How long the condition must hold before it fires.
        hold: Duration,
        /// How long it goes on firing after the condition.
        keep_firing_for: Duration,
        /// Annotations as written.
        annotations: BTreeMap<String, String>,
        /// What is pending or firing now.
        alerts: Vec<ActiveAlert>,
    },
}

/// One alert that is pending or firing.
#[derive(Debug, Clone)]
pub struct ActiveAlert {
    /// Its labels, `alertname` among them.
    pub labels: Labels,
    /// Its annotations, expanded.
    pub annotations: BTreeMap<String, String>,
    /// Whether it fires, or is still pending.
    pub firing: bool,
    /// Since when its condition holds.
    pub active_at: Timestamp,
    /// Since when it fires only because it is to go on.
    pub keep_firing_since: Option<Timestamp>,
    /// The expression's value.
    pub value: f64,
}
