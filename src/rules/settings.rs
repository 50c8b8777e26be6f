//! The `rules` section of the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{Duration, Problem};

use super::no_data::NoData;
use super::slo::Slo;

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
    /// What happens to alerts whose data are missing, for rules without the annotation `memsentry_no_data`: `ok` (over,
    /// as in Prometheus, unless set), `keep` (they stay as they are) or `alert` (they stay, and an alert tells it).
    #[serde(default)]
    pub no_data: NoData,
    /// Longest time for which a lack of data holds an alert, or is an alert; 1d unless set, 0s for any time. After
    /// it the alert is over, with nothing known.
    #[serde(default = "default_no_data_at_most")]
    pub no_data_at_most: Duration,
    /// The objectives of the section `slos`, whose rules are judged beside the files.
    #[serde(skip)]
    pub slos: Vec<Slo>,
}

fn default_interval() -> Duration {
    Duration::from_secs(15)
}

fn default_no_data_at_most() -> Duration {
    Duration::from_secs(86_400)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            evaluation_interval: default_interval(),
            external_labels: BTreeMap::new(),
            no_data: NoData::default(),
            no_data_at_most: default_no_data_at_most(),
            slos: Vec::new(),
        }
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
