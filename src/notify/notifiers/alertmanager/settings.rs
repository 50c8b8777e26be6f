//! What a user says about an Alertmanager cluster.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{Duration, Problem};

use super::super::http::{self, HttpConfig, SecretUrl};

/// Bounds of the refresh.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// One entry of `alertmanager_configs`: one cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Every member's address as in a browser, with the path prefix if it has one; at least one.
    pub urls: Vec<SecretUrl>,
    /// Whether it is told when alerts are over; true unless set. Otherwise they lapse there after four refreshes.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// How often what fires is told again, so that it does not lapse there, and a member that was away learns of it; 1m
    /// unless set, from 1s to 1h. A firing alert that is not told again is over there after four times this.
    #[serde(default = "default_refresh")]
    pub refresh_interval: Duration,
    /// Labels added to every alert that does not have them.
    #[serde(default)]
    pub external_labels: BTreeMap<String, String>,
    /// Longest wait for one request to one member; 10s unless set, at most 5m.
    #[serde(default = "http::default_timeout")]
    pub timeout: Duration,
    /// How to connect.
    #[serde(default)]
    pub http_config: HttpConfig,
}

const fn yes() -> bool {
    true
}

const fn default_refresh() -> Duration {
    Duration::from_secs(60)
}

impl Settings {
    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.urls.is_empty() {
            problems.push(Problem::at("urls", "a cluster has at least one member"));
        }
        problems.extend(self.urls().err().map(|problem| *problem));
        if self.refresh_interval < SHORTEST || self.refresh_interval > LONGEST {
            let message = format!("{} is not between {SHORTEST} and {LONGEST}", self.refresh_interval);
            problems.push(Problem::at("refresh_interval", message));
        }
        problems.extend(http::timeout_problem(self.timeout));
        problems.extend(self.http_config.problems());
        problems
    }

    /// Where each member takes alerts.
    pub(super) fn urls(&self) -> Result<Vec<reqwest::Url>, Box<Problem>> {
        let url = |(index, url): (usize, &SecretUrl)| {
            let at = format!("urls[{index}]");
            let mut url = url.parse(&at)?;
            let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
            url.set_path(&path);
            Ok(url)
        };
        self.urls.iter().enumerate().map(url).collect()
    }
}
