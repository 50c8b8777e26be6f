//! The `service` section of a target: where the service is, who we are there, how much we may ask.
//!
//! Checks that need no I/O are in [`Settings::problems`]; `ca_file` is read when the client is made.

use std::path::PathBuf;

use serde::Deserialize;

use crate::model::{Duration, Problem, Secret};

use super::connect::Endpoint;

/// One chat memory service as seen over HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `http://` or `https://`, host, optional port and path prefix; neither user nor query.
    pub url: String,
    /// A user of memsentry's own, so that its rate limit is nobody else's. Either this or `token`.
    #[serde(default)]
    pub login: Option<Login>,
    /// A bearer token that does not expire, instead of `login`.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Longest wait for one request, with connecting; 10s unless set, at most 5m.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// Authenticated requests that memsentry sends in any minute; 60 unless set, which leaves room under the
    /// service's 100. A request beyond it is not sent and counts as `rate_limited`. 0 lifts the budget and the
    /// pause after a 429: for load generation only.
    #[serde(default = "default_requests_per_minute")]
    pub requests_per_minute: u32,
    /// Connections open at once, idle ones included; 8 unless set, 1 to 10000.
    #[serde(default = "default_max_connections")]
    pub max_connections: usize,
    /// PEM file with the certificates to trust instead of the public ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How memsentry introduces itself; `memsentry/VERSION` unless set.
    #[serde(default = "default_user_agent")]
    pub user_agent: String,
}

/// Credentials for `POST /auth/login`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's mail address.
    pub email: String,
    /// The user's password.
    pub password: Secret,
}

impl Login {
    /// What is wrong with them.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let empty = [("email", self.email.is_empty()), ("password", self.password.expose().is_empty())];
        empty.iter().filter(|(_, is)| *is).map(|(path, _)| Problem::at(*path, "is empty")).collect()
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_requests_per_minute() -> u32 {
    60
}

fn default_max_connections() -> usize {
    8
}

fn default_user_agent() -> String {
    concat!("memsentry/", env!("CARGO_PKG_VERSION")).to_owned()
}

impl Settings {
    /// Settings for `url` with every default and no credentials yet.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            login: None,
            token: None,
            timeout: default_timeout(),
            requests_per_minute: default_requests_per_minute(),
            max_connections: default_max_connections(),
            ca_file: None,
            user_agent: default_user_agent(),
        }
    }

    /// Every mistake that shows without dialling or reading files; paths are relative to this section.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match Endpoint::parse(&self.url) {
            Err(problem) => problems.push(*problem),
            Ok(endpoint) if self.ca_file.is_some() && !endpoint.tls => {
                problems.push(Problem::at("ca_file", "has no use, because url is not https"));
            }
            Ok(_) => {}
        }
        match (&self.login, &self.token) {
            (None, None) => {
                problems.push(Problem::at("", "no credentials").note("give login with email and password, or token"));
            }
            (Some(_), Some(_)) => {
                problems.push(Problem::at("token", "given beside login").hint("keep one of the two"));
            }
            _ => {}
        }
        let login = self.login.iter().flat_map(Login::problems).map(|problem| problem.below("login"));
        problems.extend(login);
        if self.token.as_ref().is_some_and(|token| token.expose().is_empty()) {
            problems.push(Problem::at("token", "is empty"));
        }
        if self.timeout.is_zero() || self.timeout > Duration::from_secs(300) {
            problems.push(Problem::at("timeout", format!("{} is not between 1ms and 5m", self.timeout)));
        }
        if !(1..=10_000).contains(&self.max_connections) {
            let message = format!("{} is not between 1 and 10000", self.max_connections);
            problems.push(Problem::at("max_connections", message));
        }
        if http::HeaderValue::from_str(&self.user_agent).is_err() {
            problems.push(Problem::at("user_agent", "has characters that no HTTP header can carry"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(settings: &Settings) -> Vec<String> {
        settings.problems().into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let settings = Settings {
            login: Some(Login { email: String::new(), password: Secret::new(String::new()) }),
            token: Some(Secret::new("t".into())),
            timeout: Duration::from_secs(0),
            max_connections: 0,
            user_agent: "a\nb".into(),
            ..Settings::new("ftp://x")
        };
        assert_eq!(
            paths(&settings),
            ["url", "token", "login.email", "login.password", "timeout", "max_connections", "user_agent"]
        );
    }

    #[test]
    fn one_kind_of_credentials_is_needed() {
        assert_eq!(paths(&Settings::new("http://localhost")), [""]);
        let settings = Settings { token: Some(Secret::new("t".into())), ..Settings::new("http://localhost") };
        assert!(settings.problems().is_empty());
    }
}
