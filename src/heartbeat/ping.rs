//! One ping: a request without a body; any 2xx is an answer. The address may hold a token and is never shown.

use http::HeaderMap;
use reqwest::{Client, Url};

use crate::model::secret::redact;
use crate::model::{Duration, Problem, Secret};

use super::settings::{Method, Settings};

pub(super) struct Ping {
    client: Client,
    url: Url,
    method: Method,
    timeout: Duration,
    headers: HeaderMap,
    /// What must not show in an error.
    secrets: Vec<Secret>,
}

impl Ping {
    pub fn new(settings: &Settings) -> Result<Self, Box<Problem>> {
        let url = settings.url.parse("url")?;
        let (headers, mut secrets) = settings.http_config.headers()?;
        secrets.push(Secret::new(url.to_string()));
        secrets.extend(url.path_segments().into_iter().flatten().map(|part| Secret::new(part.to_owned())));
        secrets.extend(url.query_pairs().map(|(_, value)| Secret::new(value.into_owned())));
        Ok(Self {
            client: settings.http_config.client()?,
            url,
            method: settings.method,
            timeout: settings.timeout,
            headers,
            secrets,
        })
    }

    /// Sends it; says what went wrong, redacted.
    pub async fn send(&self) -> Result<(), String> {
        let url = self.url.clone();
        let request = match self.method {
            Method::Get => self.client.get(url),
            Method::Head => self.client.head(url),
            Method::Post => self.client.post(url),
        };
        let request = request.headers(self.headers.clone());
        match tokio::time::timeout(self.timeout.std(), request.send()).await {
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => Err(format!("answered {}", response.status())),
            Ok(Err(error)) => Err(redact(&crate::notify::notifiers::http::chain(&error.without_url()), &self.secrets)),
            Err(_) => Err(format!("no answer within {}", self.timeout)),
        }
    }
}
