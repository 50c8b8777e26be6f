//! How memsentry speaks HTTP to receivers: settings in Alertmanager's words, a client, one request.
//!
//! All kinds of receivers that are reached by HTTP share this. 2xx is a success; 408, 425, 429 and 5xx are tried again,
//! `Retry-After` honoured; anything else is refused for good. What an error says is free of the URL, the credentials
//! and everything in the URL that looks like a token.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::model::secret::PLAIN_OR_SECRET_MARKER;
use crate::model::{Duration, Problem, Secret};

mod client;
mod endpoint;
mod retry_after;
mod tls;

pub(crate) use endpoint::chain;
pub(super) use endpoint::{Endpoint, Post};
pub use retry_after::retry_after;

/// The longest time-out, so that a receiver that hangs is known to hang before the next message is due.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

/// How to connect to an HTTP endpoint.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Name and password for basic authentication.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// An `Authorization` header of another type.
    #[serde(default)]
    pub authorization: Option<Authorization>,
    /// The same with the type `Bearer`, in Alertmanager's older words.
    #[serde(default)]
    pub bearer_token: Option<Secret>,
    /// Whom to trust, and as whom.
    #[serde(default)]
    pub tls_config: Option<TlsConfig>,
    /// A proxy, `http://proxy:3128`; https is tunnelled through it. None unless set, also not the environment's. It may
    /// hold name and password and is never shown.
    #[serde(default)]
    pub proxy_url: Option<SecretUrl>,
    /// Hosts, domains, addresses and networks that are reached without the proxy, with commas between.
    #[serde(default)]
    pub no_proxy: Option<String>,
    /// Whether `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment count; false unless set.
    #[serde(default)]
    pub proxy_from_environment: bool,
    /// Whether to follow where a 307 or 308 leads, at most 10 times and never from https to http; false unless set. Other
    /// redirects would lose the message and are refused.
    #[serde(default)]
    pub follow_redirects: bool,
    /// Further headers.
    #[serde(default)]
    pub http_headers: std::collections::BTreeMap<String, HeaderValues>,
}

/// The values of a header, in Alertmanager's form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderValues {
    /// Values that are no secrets.
    #[serde(default)]
    pub values: Vec<String>,
    /// Files with one value each, read when the configuration is.
    #[serde(default)]
    pub files: Vec<PathBuf>,
}

/// Name and password.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// An `Authorization` header.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// Its first word; `Bearer` unless set.
    #[serde(default = "bearer", rename = "type")]
    pub kind: String,
    /// What follows.
    pub credentials: Secret,
}

/// Whom to trust, and as whom to appear.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// A PEM file with the only authorities to trust; the system's, or Mozilla's where the system has none,
    /// unless set.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to show to the other side; needs `key_file`.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// A PEM file with its key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The name that the other side's certificate must have, if it is not the host's. Without `ca_file` Mozilla's
    /// authorities are trusted then.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Whether any certificate is taken; false unless set. Whoever stands between reads what is sent.
    #[serde(default)]
    pub insecure_skip_verify: bool,
}

/// A URL that may hold a token: it may stand in the file, but is never shown.
#[derive(Clone)]
pub struct SecretUrl(Secret);

impl SecretUrl {
    /// One that is known.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self(Secret::new(url.trim().to_owned()))
    }

    /// Its text.
    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    /// The URL, checked. The problem does not repeat it.
    pub(crate) fn parse(&self, at: &str) -> Result<reqwest::Url, Box<Problem>> {
        let url = reqwest::Url::parse(self.0.expose())
            .map_err(|error| Box::new(Problem::at(at, format!("not a URL: {error}"))))?;
        match url.scheme() {
            "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(url),
            scheme => {
                let problem = Problem::at(at, format!("scheme {scheme:?} cannot be posted to"));
                Err(Box::new(problem.note("known: http, https")))
            }
        }
    }
}

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = SecretUrl;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a URL")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<SecretUrl, E> {
                Ok(SecretUrl::new(value))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<SecretUrl, D::Error> {
                let text = String::deserialize(inner)?;
                self.visit_str(&text)
            }
        }
        deserializer.deserialize_newtype_struct(PLAIN_OR_SECRET_MARKER, Text)
    }
}

fn bearer() -> String {
    "Bearer".to_owned()
}

/// The time-out unless set.
pub(super) const fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

/// What is wrong with a time-out.
pub(super) fn timeout_problem(timeout: Duration) -> Option<Problem> {
    (timeout.is_zero() || timeout > LONGEST_TIMEOUT)
        .then(|| Problem::at("timeout", format!("{timeout} is not between 1ms and {LONGEST_TIMEOUT}")))
}

impl HttpConfig {
    /// What is wrong, with paths below `http_config`.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let ways = [self.basic_auth.is_some(), self.authorization.is_some(), self.bearer_token.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            let message = "basic_auth, authorization and bearer_token exclude each other";
            problems.push(Problem::at("http_config", message));
        }
        if self.header().is_some_and(|header| http::HeaderValue::from_str(header.expose()).is_err()) {
            problems.push(Problem::at("http_config", "the credentials hold a character that no header may hold"));
        }
        if self.proxy_url.is_some() && self.proxy_from_environment {
            let message = "proxy_url and proxy_from_environment exclude each other";
            problems.push(Problem::at("http_config.proxy_from_environment", message));
        }
        if self.no_proxy.is_some() && self.proxy_url.is_none() {
            problems.push(Problem::at("http_config.no_proxy", "no_proxy without proxy_url"));
        }
        if let Some(Err(problem)) = self.proxy_url.as_ref().map(|url| url.parse("http_config.proxy_url")) {
            problems.push(*problem);
        }
        for (name, values) in &self.http_headers {
            let at = format!("http_config.http_headers.{name}");
            if http::HeaderName::try_from(name).is_err() {
                problems.push(Problem::at(at, "is not a header name"));
            } else if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                problems.push(Problem::at(at, "memsentry writes this header itself"));
            } else if values.values.iter().any(|value| http::HeaderValue::from_str(value).is_err()) {
                problems.push(Problem::at(at, "holds a character that no header may hold"));
            }
        }
        problems.extend(self.tls_config.iter().flat_map(|tls| tls.problems("http_config.tls_config")));
        problems
    }

    /// The `Authorization` header.
    fn header(&self) -> Option<Secret> {
        if let Some(BasicAuth { username, password }) = &self.basic_auth {
            use base64::Engine as _;
            let both = format!("{username}:{}", password.expose());
            let coded = base64::engine::general_purpose::STANDARD.encode(both);
            return Some(Secret::new(format!("Basic {coded}")));
        }
        if let Some(token) = &self.bearer_token {
            return Some(Secret::new(format!("Bearer {}", token.expose())));
        }
        let authorization = self.authorization.as_ref()?;
        Some(Secret::new(format!("{} {}", authorization.kind, authorization.credentials.expose())))
    }

    /// A client that connects as the settings say.
    pub(crate) fn client(&self) -> Result<reqwest::Client, Box<Problem>> {
        client::build(self)
    }

    /// The headers of every request, with what in them is secret.
    pub(crate) fn headers(&self) -> Result<(http::HeaderMap, Vec<Secret>), Box<Problem>> {
        let (mut headers, mut secrets) = (http::HeaderMap::new(), self.secrets());
        if let Some(header) = self.header() {
            if let Ok(mut value) = http::HeaderValue::from_str(header.expose()) {
                value.set_sensitive(true);
                headers.insert(http::header::AUTHORIZATION, value);
            }
            secrets.push(header);
        }
        for (name, values) in &self.http_headers {
            let at = format!("http_config.http_headers.{name}");
            let wrong = |why: String| Box::new(Problem::at(&at, why));
            let header = http::HeaderName::try_from(name).map_err(|_| wrong("is not a header name".to_owned()))?;
            let mut texts = values.values.clone();
            for file in &values.files {
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|error| wrong(format!("cannot read {}: {error}", file.display())))?;
                secrets.push(Secret::new(text.trim().to_owned()));
                texts.push(text.trim().to_owned());
            }
            for text in texts {
                let value = http::HeaderValue::from_str(&text);
                let value = value.map_err(|_| wrong("holds a character that no header may hold".to_owned()))?;
                headers.append(header.clone(), value);
            }
        }
        Ok((headers, secrets))
    }

    /// The bare credentials, to be kept out of errors.
    fn secrets(&self) -> Vec<Secret> {
        let password = self.basic_auth.iter().map(|auth| auth.password.clone());
        let credentials = self.authorization.iter().map(|auth| auth.credentials.clone());
        let proxy = self.proxy_url.iter().map(|url| url.secret().clone());
        password.chain(credentials).chain(self.bearer_token.clone()).chain(proxy).collect()
    }

    /// Puts relative paths below `folder`.
    pub(crate) fn resolve_paths(&mut self, folder: &Path) {
        self.tls_config.iter_mut().for_each(|tls| tls.resolve_paths(folder));
        for file in self.http_headers.values_mut().flat_map(|values| &mut values.files) {
            *file = folder.join(&file);
        }
    }
}

/// Headers that belong to the message.
const OWN_HEADERS: &[&str] = &["Authorization", "Content-Type", "Content-Length", "Host", "Idempotency-Key"];

impl TlsConfig {
    /// What is wrong, with paths below `at`.
    pub(super) fn problems(&self, at: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => problems.push(Problem::at(format!("{at}.cert_file"), "a certificate without key_file")),
            (None, Some(_)) => problems.push(Problem::at(format!("{at}.key_file"), "a key without cert_file")),
            _ => {}
        }
        let name = self.server_name.as_ref();
        if let Some(name) = name.filter(|name| rustls::pki_types::ServerName::try_from(name.as_str()).is_err()) {
            problems.push(Problem::at(format!("{at}.server_name"), format!("{name:?} is not a host name")));
        }
        problems
    }

    /// Puts relative paths below `folder`.
    pub(in crate::notify) fn resolve_paths(&mut self, folder: &Path) {
        for file in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *file = folder.join(&file);
        }
    }
}

#[cfg(test)]
mod tests;
