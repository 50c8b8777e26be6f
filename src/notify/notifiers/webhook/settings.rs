//! What a user says about a webhook, in Alertmanager's words.

use serde::Deserialize;

use crate::model::{Duration, Problem};

use super::super::http::{self, HttpConfig, SecretUrl};
use super::super::payload::Payload;
use super::super::text;

/// One entry of `webhook_configs`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to post; http or https. It may stand here, or in a file or variable (`url_file`, `url_env`), which
    /// is read when the configuration is.
    pub url: SecretUrl,
    /// Whether it is told when alerts are over; true unless set.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Most alerts in one message, the rest only counted; 0, the default, stands for as many as there are.
    #[serde(default)]
    pub max_alerts: usize,
    /// Longest wait for one attempt; 10s unless set, at most 5m.
    #[serde(default = "http::default_timeout")]
    pub timeout: Duration,
    /// What to post instead of Alertmanager's body: any YAML, sent as JSON, its texts being templates. A text alone is
    /// sent as text.
    #[serde(default)]
    pub payload: Option<Payload>,
    /// How to connect.
    #[serde(default)]
    pub http_config: HttpConfig,
}

const fn yes() -> bool {
    true
}

impl Settings {
    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.url.parse("url").err().map(|problem| *problem).into_iter().collect();
        problems.extend(http::timeout_problem(self.timeout));
        problems.extend(self.http_config.problems());
        problems.extend(text::problems(self.payload.iter().flat_map(|payload| payload.texts("payload"))));
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str) -> Settings {
        serde_yaml::from_str(yaml).expect("valid YAML")
    }

    #[test]
    fn a_url_is_checked_and_never_repeated() {
        for (url, problem) in [
            ("http://127.0.0.1:1/x", None),
            ("hooks.example/t0ken", Some("url: not a URL: relative URL without a base")),
            ("ftp://host/t0ken", Some("url: scheme \"ftp\" cannot be posted to\n  known: http, https")),
        ] {
            let settings = settings(&format!("url: {url}"));
            let told = settings.problems().first().map(ToString::to_string);
            assert_eq!(told.as_deref(), problem);
            assert!(!format!("{settings:?}").contains("t0ken"));
        }
    }

    #[test]
    fn a_time_out_has_bounds() {
        for (timeout, fine) in [("10s", true), ("5m", true), ("0s", false), ("6m", false)] {
            let problems = settings(&format!("{{url: 'http://a', timeout: {timeout}}}")).problems();
            assert_eq!(problems.is_empty(), fine, "{timeout}");
        }
    }
}
