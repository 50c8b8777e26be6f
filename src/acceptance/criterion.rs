//! One promise of the service as a row of the table: what it is, how it is measured, what that needs, and the code.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use super::{Evidence, Finding, Obstacle, Scene};

/// Work that judges; an error means that nothing can be said.
pub type Judging<'a> = Pin<Box<dyn Future<Output = Result<Finding, Obstacle>> + Send + 'a>>;

/// A part of the requirements, for the order of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are the words of the requirements
pub enum Area {
    Service,
    Storage,
    Triggers,
    Agent,
    Queue,
    Isolation,
    Edges,
    Security,
    RateLimit,
    Schema,
    Performance,
    Consistency,
    Faults,
}

/// What a criterion cannot do without. What is missing is the reason why it was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The service's database, to read.
    Database,
    /// Another user.
    SecondUser,
    /// Permission to break things (`--chaos`) and a database role that can (`targets[].validate.chaos.database_url`).
    Chaos,
    /// Permission to break things, and the reference's faults endpoint (`targets[].validate.chaos.faults_url`).
    Faults,
}

/// One row of [`super::CRITERIA`].
#[derive(Debug)]
pub struct Criterion {
    /// What `--only` and `--skip` name: lower case with hyphens, stable.
    pub id: &'static str,
    /// The part of the requirements.
    pub area: Area,
    /// What is promised, as a sentence.
    pub promise: &'static str,
    /// How it is measured and why so, as a sentence or two, for the report.
    pub method: &'static str,
    /// What it cannot do without.
    pub needs: &'static [Need],
    /// About how long it takes, for the plan; waiting for users' budgets included.
    pub estimate: fn(&Scene) -> StdDuration,
    /// Measures and judges.
    pub judge: for<'a> fn(&'a Scene, &'a mut Evidence) -> Judging<'a>,
}
