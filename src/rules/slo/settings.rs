//! A row of the `slos` section, and what can be wrong with it.

use std::collections::BTreeSet;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::model::{Duration, Problem};

use super::expression::{self, Counters};

/// One objective: what share of operations has to be good.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Unique; the label `slo` of everything that is made of it. Lower-case letters, digits and dashes.
    pub name: String,
    /// The share that has to be good, such as `99.5%`; from 50 % to less than 100 %.
    pub objective: Objective,
    /// Over how long; 30d unless set, 1d to 90d.
    #[serde(default = "default_window")]
    pub window: Duration,
    /// Counters of good operations; `good` or `bad` with `total`. Selectors of counters, `+`, `-` and brackets.
    #[serde(default)]
    pub good: Option<String>,
    /// Counters of bad operations, instead of `good`.
    #[serde(default)]
    pub bad: Option<String>,
    /// Counters of all operations that count.
    #[serde(default)]
    pub total: Option<String>,
    /// Good is what a histogram found fast enough, instead of `good`, `bad` and `total`.
    #[serde(default)]
    pub latency: Option<LatencyBound>,
    /// Labels for whose values it is judged one by one; `[target]` unless set.
    #[serde(default = "default_by")]
    pub by: Vec<String>,
    /// The operation it is about, `update` or `retrieval`, for load tests and validation; none unless set.
    #[serde(default)]
    pub operation: Option<Operation>,
}

/// What is fast enough.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyBound {
    /// A histogram's name without `_bucket`, with matchers if wanted.
    pub histogram: String,
    /// Longest time that counts as good; the histogram must have a bucket that ends there.
    pub at_most: Duration,
}

/// What an objective is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Sending a snippet until it can be read.
    Update,
    /// Reading a memory.
    Retrieval,
}

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective(f64);

impl Objective {
    /// As a number between 0 and 1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        match percent {
            Some(percent) if percent.is_finite() => Ok(Self(percent / 100.0)),
            _ => Err(D::Error::custom(format!("{text:?} is not a percentage such as 99.5%"))),
        }
    }
}

fn default_window() -> Duration {
    Duration::from_secs(30 * 86_400)
}

fn default_by() -> Vec<String> {
    vec!["target".to_owned()]
}

impl Slo {
    pub(super) fn new(name: &str, objective: f64, operation: Operation) -> Self {
        Self {
            name: name.to_owned(),
            objective: Objective(objective),
            window: default_window(),
            good: None,
            bad: None,
            total: None,
            latency: None,
            by: default_by(),
            operation: Some(operation),
        }
    }

    /// The counters of bad and of all operations.
    ///
    /// # Errors
    /// What is wrong, with paths relative to the row.
    pub(super) fn counters(&self) -> Result<(Counters, Counters), Vec<Problem>> {
        let read = |path: &str, text: &str| expression::read(text).map_err(|message| vec![Problem::at(path, message)]);
        match (&self.good, &self.bad, &self.total, &self.latency) {
            (Some(good), None, Some(total), None) => match (read("good", good), read("total", total)) {
                (Ok(good), Ok(total)) => Ok((total.clone().minus(good), total)),
                (good, total) => Err([good.err(), total.err()].into_iter().flatten().flatten().collect()),
            },
            (None, Some(bad), Some(total), None) => match (read("bad", bad), read("total", total)) {
                (Ok(bad), Ok(total)) => Ok((bad, total)),
                (bad, total) => Err([bad.err(), total.err()].into_iter().flatten().flatten().collect()),
            },
            (None, None, None, Some(latency)) => expression::latency(&latency.histogram, latency.at_most)
                .map_err(|message| vec![Problem::at("latency.histogram", message)]),
            _ => {
                let message = "give good and total, or bad and total, or latency, and nothing else of these";
                Err(vec![Problem::at("", message)])
            }
        }
    }

    /// The share that may be bad, as text without the noise of floats.
    pub(super) fn budget(&self) -> String {
        let text = format!("{:.9}", 1.0 - self.objective.0);
        text.trim_end_matches('0').to_owned()
    }

    /// The objective as a percentage.
    pub(super) fn percent(&self) -> String {
        let text = format!("{:.6}", self.objective.0 * 100.0);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.counters().err().unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_plain) {
            let message = format!("{:?} is not 1 to 64 lower-case letters, digits and dashes", self.name);
            problems.push(Problem::at("name", message));
        }
        if !(0.5..1.0).contains(&self.objective.0) {
            let message = format!("{}% is not between 50% and less than 100%", self.percent());
            problems.push(Problem::at("objective", message).hint("an objective of 100% leaves no error budget"));
        }
        if !(Duration::from_secs(86_400)..=Duration::from_secs(90 * 86_400)).contains(&self.window) {
            problems.push(Problem::at("window", format!("{} is not between 1d and 90d", self.window)));
        }
        for (i, name) in self.by.iter().enumerate() {
            let taken = ["slo", "le", "severity", "alertname", "long_window"].contains(&name.as_str());
            if taken || !super::super::file::is_label_name(name) || name == "__name__" {
                problems.push(Problem::at(format!("by[{i}]"), format!("{name:?} cannot be used here")));
            }
        }
        problems
    }

    /// What is wrong with the section; paths are relative to it.
    #[must_use]
    pub fn all_problems(slos: &[Self]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        for (i, slo) in slos.iter().enumerate() {
            let at = format!("[{i}]");
            problems.extend(slo.problems().into_iter().map(|problem| problem.below(&at)));
            if !names.insert(&slo.name) {
                problems.push(Problem::at(format!("{at}.name"), format!("the name {:?} is taken", slo.name)));
            }
        }
        problems
    }
}
