//! The `heartbeat` section: where the ping goes, and how often.

use std::path::Path;
use std::time::Duration as StdDuration;

use serde::Deserialize;

use crate::model::{Duration, Problem};
use crate::notify::notifiers::http::{HttpConfig, SecretUrl};

/// A ping to an address outside that raises the alarm when pings stop, such as healthchecks.io.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to ping; http or https. It may stand here, or in a file or variable (`url_file`, `url_env`).
    pub url: SecretUrl,
    /// Time between pings while all is well; 1m unless set, 1s to 1h. The other side should wait for two or three of
    /// them before it raises the alarm.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// GET unless set.
    #[serde(default)]
    pub method: Method,
    /// Longest wait for the answer; 10s unless set, at most 1m.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// How to connect; the same keys as of a webhook.
    #[serde(default)]
    pub http_config: HttpConfig,
}

/// How to ping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// POST, without a body.
    Post,
}

const fn default_interval() -> Duration {
    Duration::from_secs(60)
}

const fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

impl Settings {
    /// What is wrong beyond the form.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.url.parse("url").err().map(|problem| *problem).into_iter().collect();
        let between = |name: &str, value: Duration, least: Duration, most: Duration| {
            let wrong = !(least..=most).contains(&value);
            wrong.then(|| Problem::at(name, format!("{value} is not between {least} and {most}")))
        };
        problems.extend(between("interval", self.interval, Duration::from_secs(1), Duration::from_secs(3600)));
        problems.extend(between("timeout", self.timeout, Duration::from_millis(1), Duration::from_secs(60)));
        problems.extend(self.http_config.problems());
        problems
    }

    /// Puts relative paths below `folder`, that of the configuration.
    pub fn resolve_paths(&mut self, folder: &Path) {
        self.http_config.resolve_paths(folder);
    }

    /// How long to wait for a loop that is not complete, or for a ping that was not taken.
    pub(super) fn patience(&self) -> StdDuration {
        self.interval.std().min(StdDuration::from_secs(5))
    }
}
