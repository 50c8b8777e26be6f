//! The `probes` section: which probes run against which targets, how often, how long.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::model::{Duration, Problem};

use super::kind::Kind;

/// One entry of the `probes` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is done: `health`, `retrieval` or `roundtrip`.
    pub kind: String,
    /// Label value of `probe`; the kind unless set. No two entries share one.
    #[serde(default)]
    pub name: Option<String>,
    /// Names of targets; all of them unless set.
    #[serde(default)]
    pub targets: Option<Vec<String>>,
    /// Time between starts, 1s to 1d; 15s for health and retrieval and 30s for roundtrip unless set. A late run
    /// is cut off, never queued behind the next.
    #[serde(default)]
    pub interval: Option<Duration>,
    /// Longest wait for one run, shorter than `interval`; unless set 5s for health and retrieval and 25s for
    /// roundtrip, or less where `interval` is shorter. Past it the run has failed; it is not missing.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// The kind's own settings.
    #[serde(default)]
    pub settings: Option<Value>,
}

impl Settings {
    /// An entry with every default.
    #[must_use]
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: None, targets: None, interval: None, timeout: None, settings: None }
    }

    /// Label value of `probe`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.kind)
    }

    /// Time between starts.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let default = Kind::find(&self.kind).map_or(Duration::from_secs(15), |kind| kind.interval);
        self.interval.unwrap_or(default)
    }

    /// Longest run.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or_else(|| {
            let default = Kind::find(&self.kind).map_or(Duration::from_secs(5), |kind| kind.timeout);
            default.min(Duration::from(self.interval().std() * 4 / 5))
        })
    }

    /// Whether it runs against `target`.
    #[must_use]
    pub fn applies_to(&self, target: &str) -> bool {
        self.targets.as_ref().is_none_or(|targets| targets.iter().any(|name| name == target))
    }

    fn problems(&self, targets: &[&str]) -> Vec<Problem> {
        let mut problems = Vec::new();
        match Kind::find(&self.kind) {
            None => problems.push(Kind::unknown(&self.kind)),
            Some(kind) => problems.extend((kind.check)(self.settings.as_ref())),
        }
        if self.name().trim().is_empty() {
            problems.push(Problem::at("name", "is empty"));
        }
        for (at, name) in self.targets.iter().flatten().enumerate() {
            if !targets.contains(&name.as_str()) {
                let problem = Problem::at(format!("targets[{at}]"), format!("unknown target {name:?}"));
                let known = if targets.is_empty() { "none".to_owned() } else { targets.join(", ") };
                let problem = problem.note(format!("known targets: {known}"));
                problems.push(problem.suggest(name, targets.iter().copied()));
            }
        }
        if self.targets.as_ref().is_some_and(Vec::is_empty) {
            problems.push(Problem::at("targets", "names no target").hint("leave it out to mean all targets"));
        }
        let (interval, timeout) = (self.interval(), self.timeout());
        if !(Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&interval) {
            problems.push(Problem::at("interval", format!("{interval} is not between 1s and 1d")));
        }
        if timeout.is_zero() {
            problems.push(Problem::at("timeout", "0s leaves no time for a run"));
        } else if timeout >= interval {
            problems.push(Problem::at("timeout", format!("{timeout} is not shorter than its interval, {interval}")));
        }
        problems
    }
}

/// Every mistake in the section; paths such as `[2].timeout`.
#[must_use]
pub fn problems(entries: &[Settings], targets: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for (at, entry) in entries.iter().enumerate() {
        let place = format!("[{at}]");
        problems.extend(entry.problems(targets).into_iter().map(|problem| problem.below(&place)));
        if !names.insert(entry.name()) {
            let path = if entry.name.is_some() { "name" } else { "kind" };
            let problem = Problem::at(path, format!("another probe is called {:?}", entry.name()));
            problems.push(problem.hint("give each a name of its own").below(&place));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_has_its_place() {
        let entries = [
            Settings { targets: Some(vec!["mian".into()]), ..Settings::new("health") },
            Settings {
                interval: Some(Duration::from_secs(15)),
                timeout: Some(Duration::from_secs(20)),
                ..Settings::new("health")
            },
            Settings { name: Some("deep".into()), ..Settings::new("rondtrip") },
        ];
        let told: Vec<String> = problems(&entries, &["main"]).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "[0].targets[0]: unknown target \"mian\"\n  known targets: main\nhint: did you mean \"main\"?",
                "[1].timeout: 20s is not shorter than its interval, 15s",
                "[1].kind: another probe is called \"health\"\nhint: give each a name of its own",
                "[2].kind: unknown probe kind \"rondtrip\"\n  known kinds: health, retrieval, roundtrip\n\
                 hint: did you mean \"roundtrip\"?",
            ]
        );
    }

    #[test]
    fn a_short_interval_shortens_the_default_timeout() {
        let entry = Settings { interval: Some(Duration::from_secs(5)), ..Settings::new("roundtrip") };
        assert_eq!(entry.timeout(), Duration::from_secs(4));
        assert!(problems(&[entry], &[]).is_empty());
    }
}
