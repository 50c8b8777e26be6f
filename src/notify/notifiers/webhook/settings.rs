//! What a user says about an HTTP endpoint, in Alertmanager's words.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use reqwest::{Certificate, Client, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::model::secret::PLAIN_OR_SECRET_MARKER;
use crate::model::{Duration, Problem, Secret};

/// The longest time-out, so that a receiver that hangs is known to hang before the next message is due.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

/// One entry of `webhook_configs`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to post; http or https. It may stand here, or in a file or variable (`url_file`, `url_env`), which
    /// is read when the configuration is.
    pub url: WebhookUrl,
    /// Whether it is told when alerts are over; true unless set.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Most alerts in one message, the rest only counted; 0, the default, stands for as many as there are.
    #[serde(default)]
    pub max_alerts: usize,
    /// Longest wait for one attempt; 10s unless set, at most 5m.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// How to connect.
    #[serde(default)]
    pub http_config: HttpConfig,
}

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
    /// Whom to trust.
    #[serde(default)]
    pub tls_config: Option<TlsConfig>,
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

/// Whom to trust.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// A PEM file with the only authorities to trust; the system's, or Mozilla's where the system has none,
    /// unless set.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A URL that may hold a token: it may stand in the file, but is never shown.
#[derive(Clone)]
pub struct WebhookUrl(Secret);

impl WebhookUrl {
    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    /// The URL, checked. The problem, below `url`, does not repeat it.
    pub(crate) fn checked(&self) -> Result<Url, Box<Problem>> {
        let url = Url::parse(self.secret().expose())
            .map_err(|error| Box::new(Problem::at("url", format!("not a URL: {error}"))))?;
        match url.scheme() {
            "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(url),
            scheme => {
                let problem = Problem::at("url", format!("scheme {scheme:?} cannot be posted to"));
                Err(Box::new(problem.note("known: http, https")))
            }
        }
    }
}

impl std::fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for WebhookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = WebhookUrl;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a URL")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<WebhookUrl, E> {
                Ok(WebhookUrl(Secret::new(value.trim().to_owned())))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<WebhookUrl, D::Error> {
                let text = String::deserialize(inner)?;
                self.visit_str(&text)
            }
        }
        deserializer.deserialize_newtype_struct(PLAIN_OR_SECRET_MARKER, Text)
    }
}

const fn yes() -> bool {
    true
}

const fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn bearer() -> String {
    "Bearer".to_owned()
}

impl Settings {
    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.url().err().map(|problem| *problem).into_iter().collect();
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            let message = format!("{} is not between 1ms and {LONGEST_TIMEOUT}", self.timeout);
            problems.push(Problem::at("timeout", message));
        }
        problems.extend(self.http_config.problems().into_iter().map(|problem| problem.below("http_config")));
        problems
    }

    /// The URL, checked. The problem does not repeat it.
    pub(super) fn url(&self) -> Result<Url, Box<Problem>> {
        self.url.checked()
    }
}

impl HttpConfig {
    /// What is wrong beyond the form.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.basic_auth.is_some() && self.authorization.is_some() {
            problems.push(Problem::at("", "basic_auth and authorization exclude each other"));
        }
        if self.header().is_some_and(|header| http::HeaderValue::from_str(header.expose()).is_err()) {
            problems.push(Problem::at("", "the credentials hold a character that no header may hold"));
        }
        problems
    }

    /// Puts relative paths below `folder`, that of the configuration.
    pub fn resolve_paths(&mut self, folder: &Path) {
        if let Some(file) = self.tls_config.as_mut().and_then(|tls| tls.ca_file.as_mut()) {
            *file = folder.join(&file);
        }
    }

    /// The `Authorization` header.
    pub(crate) fn header(&self) -> Option<Secret> {
        if let Some(BasicAuth { username, password }) = &self.basic_auth {
            return Some(Secret::new(basic(username, password.expose())));
        }
        let authorization = self.authorization.as_ref()?;
        Some(Secret::new(format!("{} {}", authorization.kind, authorization.credentials.expose())))
    }

    /// The bare credentials, to be kept out of errors.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let password = self.basic_auth.iter().map(|auth| auth.password.clone());
        password.chain(self.authorization.iter().map(|auth| auth.credentials.clone())).collect()
    }

    /// A client that follows no redirect and no proxy from the environment.
    pub(crate) fn client(&self) -> Result<Client, Box<Problem>> {
        // Somebody has to choose a provider once for the process; who came first does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .user_agent(concat!("memsentry/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .no_proxy()
                .connect_timeout(StdDuration::from_secs(10))
                .pool_max_idle_per_host(8)
        };
        let at = "http_config.tls_config.ca_file";
        if let Some(path) = self.tls_config.as_ref().and_then(|tls| tls.ca_file.as_ref()) {
            let unusable =
                |error: &dyn std::fmt::Display| Box::new(Problem::at(at, format!("{}: {error}", path.display())));
            let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
            let roots = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            if roots.is_empty() {
                return Err(unusable(&"no certificate in it"));
            }
            return builder().tls_certs_only(roots).build().map_err(|error| unusable(&error));
        }
        builder()
            .build()
            .or_else(|_| builder().tls_backend_preconfigured(mozilla_roots()).build())
            .map_err(|error| Box::new(Problem::at("http_config", format!("no HTTP client can be made: {error}"))))
    }
}

/// TLS that trusts Mozilla's list, for machines without one of their own.
fn mozilla_roots() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder().with_root_certificates(Arc::new(roots)).with_no_client_auth()
}

/// `Basic` and the base64 of name and password.
fn basic(username: &str, password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::from("Basic ");
    for chunk in format!("{username}:{password}").as_bytes().chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str) -> Settings {
        serde_yaml::from_str(yaml).expect("valid YAML")
    }

    #[test]
    fn basic_authentication_is_written_as_rfc_7617_does() {
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("a", "b"), "Basic YTpi");
        assert_eq!(basic("ab", "c"), "Basic YWI6Yw==");
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
