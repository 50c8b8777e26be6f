//! The `rules` section of the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{Duration, Problem};

/// Which rules are judged, and how often.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Rule files, relative to the configuration file; `*`, `?` and `[a-z]` match as in a shell. The shipped
    /// `alerts.yaml` unless set.
    #[serde(default)]
    pub files: Vec<String>,
    /// Time between evaluations of a group that does not set its own; 15s unless set.
    #[serde(default = "default_interval")]
    pub evaluation_interval: Duration,
    /// Labels that every alert carries to its receivers unless it has them already; templates see them too.
    #[serde(default)]
    pub external_labels: BTreeMap<String, String>,
}

fn default_interval() -> Duration {
    Duration::from_secs(15)
}

impl Default for Settings {
    fn default() -> Self {
        Self { files: Vec::new(), evaluation_interval: default_interval(), external_labels: BTreeMap::new() }
    }
}

impl Settings {
    /// Mistakes that the types let through; paths are relative to the section.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.evaluation_interval < Duration::from_millis(100) {
            let message = format!("{} is too short, at least 100ms", self.evaluation_interval);
            problems.push(Problem::at("evaluation_interval", message));
        }
        for name in self.external_labels.keys().filter(|name| !super::file::is_label_name(name)) {
            problems.push(Problem::at(format!("external_labels.{name}"), format!("invalid label name: {name:?}")));
        }
        problems
    }
}
