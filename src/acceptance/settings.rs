//! The section `validate` of a target: what this service promises beyond the objectives, and what may be broken there.

use serde::{Deserialize, Serialize};

use crate::model::{Duration, Problem, Secret};

/// What validation measures this target by.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Requests that the service accepts of one user.
    pub rate_limit: RateLimit,
    /// Updates at once that must not degrade it; 1, 10, 100 and 1000 unless set.
    pub concurrency: Vec<u32>,
    /// Stored memories that must not degrade it; 10000 unless set.
    pub stored_memories: u32,
    /// The share of facts that must still be known after several updates; 0.95 unless set, above 0 and at most 1.
    pub retention: f64,
    /// How long an update is waited for where its time is not what is judged; ten times the promised time, and 20s at
    /// least, unless set. At least 1s.
    pub patience: Option<Duration>,
    /// What may be broken, if `--chaos` asks for it.
    pub chaos: Option<Chaos>,
}

/// A promised rate limit; it is also the pace at which validation and load send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Requests of one user; 100 unless set, at least 10, 0 for a service without limit.
    pub requests: u32,
    /// In any time of this length; 1m unless set.
    pub per: Duration,
}

/// The means to break things. Nothing is broken without `--chaos` and a confirmation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chaos {
    /// URL of a database role that may write the service's tables and end its connections.
    #[serde(default)]
    pub database_url: Option<Secret>,
    /// The reference service's faults endpoint.
    #[serde(default)]
    pub faults_url: Option<String>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { requests: 100, per: Duration::from_secs(60) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate_limit: RateLimit::default(),
            concurrency: vec![1, 10, 100, 1000],
            stored_memories: 10_000,
            retention: 0.95,
            patience: None,
            chaos: None,
        }
    }
}

impl Settings {
    /// What is wrong with them, all at once.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let RateLimit { requests, per } = self.rate_limit;
        if requests != 0 && requests < 10 {
            problems.push(Problem::at("rate_limit.requests", format!("{requests} is neither 0 nor at least 10")));
        }
        if per < Duration::from_secs(1) || per > Duration::from_secs(3600) {
            problems.push(Problem::at("rate_limit.per", format!("{per} is not between 1s and 1h")));
        }
        if self.concurrency.is_empty() || self.concurrency.iter().any(|level| !(1..=10_000).contains(level)) {
            problems.push(Problem::at("concurrency", "is not a list of numbers from 1 to 10000"));
        }
        if !(1..=1_000_000).contains(&self.stored_memories) {
            let message = format!("{} is not between 1 and 1000000", self.stored_memories);
            problems.push(Problem::at("stored_memories", message));
        }
        if !(self.retention > 0.0 && self.retention <= 1.0) {
            problems.push(Problem::at("retention", format!("{} is not above 0 and at most 1", self.retention)));
        }
        if let Some(patience) = self.patience.filter(|patience| *patience < Duration::from_secs(1)) {
            problems.push(Problem::at("patience", format!("{patience} is shorter than 1s")));
        }
        if let Some(chaos) = &self.chaos {
            problems.extend(chaos.problems().into_iter().map(|problem| problem.below("chaos")));
        }
        problems
    }
}

impl Chaos {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let database = self.database_url.as_ref().map(|url| url.expose());
        if database.is_some_and(|url| !url.starts_with("postgres://") && !url.starts_with("postgresql://")) {
            let problem = Problem::at("database_url", "not a Postgres URL");
            problems.push(problem.note("expected postgres://user:password@host:5432/database"));
        }
        if self.faults_url.as_ref().is_some_and(|url| !url.starts_with("http://")) {
            problems.push(Problem::at("faults_url", "does not begin with http://"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_once_and_the_defaults_are_the_requirements() {
        assert_eq!(Settings::default().problems(), []);
        let settings = Settings {
            rate_limit: RateLimit { requests: 3, per: Duration::from_millis(10) },
            concurrency: vec![0],
            stored_memories: 0,
            retention: 1.5,
            patience: Some(Duration::from_millis(1)),
            chaos: Some(Chaos {
                database_url: Some(Secret::new("mysql://hunter2".into())),
                faults_url: Some("ftp://x".into()),
            }),
        };
        let problems = settings.problems();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        let expected = [
            "rate_limit.requests",
            "rate_limit.per",
            "concurrency",
            "stored_memories",
            "retention",
            "patience",
            "chaos.database_url",
            "chaos.faults_url",
        ];
        assert_eq!(paths, expected);
        assert!(problems.iter().all(|problem| !problem.to_string().contains("hunter2")));
    }
}
