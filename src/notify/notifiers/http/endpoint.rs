//! One URL to post to, and what its answers mean.

use std::time::Duration as StdDuration;

use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Response, Url};

use crate::model::secret::{self, redact};
use crate::model::{Duration, Problem, Secret, Timestamp};

use super::super::{Failure, FailureReason, Retry};
use super::{HttpConfig, retry_after};

/// How much of an answer is read.
const MOST_READ: usize = 1024;

/// Where to post, how, and what must not show in an error.
pub struct Endpoint {
    client: Client,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    secrets: Vec<Secret>,
}

impl Endpoint {
    /// An endpoint; `secrets` are kept out of errors with those of the URL and the settings.
    pub fn new(url: Url, http: &HttpConfig, timeout: Duration, secrets: Vec<Secret>) -> Result<Self, Box<Problem>> {
        let mut secrets = secrets;
        secrets.push(Secret::new(url.to_string()));
        // Parts of the URL that look like tokens, should the receiver repeat them.
        let path = url.path_segments().into_iter().flatten().filter(|part| part.len() >= 12).map(str::to_owned);
        let query = url.query_pairs().map(|(_, value)| value.into_owned()).filter(|value| value.len() >= 6);
        secrets.extend(path.chain(query).chain(url.password().map(str::to_owned)).map(Secret::new));
        let (headers, more) = http.headers()?;
        secrets.extend(more);
        Ok(Self { client: http.client()?, url, headers, timeout, secrets })
    }

    /// Host and port, for the log.
    pub fn name(&self) -> String {
        let port = self.url.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}{port}", self.url.host_str().unwrap_or_default())
    }

    /// Whether somebody answers there, over TLS and the proxy as configured. Asks for the head of the root page, without
    /// the URL's path and without credentials: those are for messages alone. Any answer will do.
    pub async fn reach(&self) -> Result<(), Failure> {
        let mut root = self.url.clone();
        root.set_path("/");
        root.set_query(None);
        let _ = (root.set_username(""), root.set_password(None));
        match tokio::time::timeout(self.timeout.std(), self.client.head(root).send()).await {
            Ok(answer) => answer.map(drop).map_err(|error| self.broken(error)),
            Err(_) => Err(Failure::later(FailureReason::Timeout, format!("no answer within {}", self.timeout))),
        }
    }

    /// One request within the time-out. A 2xx comes back with the beginning of its body if `listens`.
    pub async fn post(&self, post: Post<'_>) -> Result<String, Failure> {
        match tokio::time::timeout(self.timeout.std(), self.exchange(post)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::later(FailureReason::Timeout, format!("no answer within {}", self.timeout))),
        }
    }

    async fn exchange(&self, post: Post<'_>) -> Result<String, Failure> {
        let mut request = self.client.post(self.url.clone()).headers(self.headers.clone());
        request = request.header(CONTENT_TYPE, post.content_type).body(post.body);
        if let Some(key) = post.key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.map_err(|error| self.broken(error))?;
        match response.status() {
            status if status.is_success() && post.listens => Ok(excerpt(response).await),
            status if status.is_success() => Ok(String::new()),
            status => Err(self.refused(status, response, post.at).await),
        }
    }

    /// A text without the secrets.
    pub fn clean(&self, text: &str) -> String {
        redact(text, &self.secrets)
    }

    fn broken(&self, error: reqwest::Error) -> Failure {
        let reason = if error.is_timeout() { FailureReason::Timeout } else { FailureReason::Other };
        Failure::later(reason, self.clean(&chain(&error.without_url())))
    }

    async fn refused(&self, status: StatusCode, response: Response, at: Timestamp) -> Failure {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let wait = header(RETRY_AFTER).and_then(|text| retry_after(&text, at));
        let target = header(LOCATION).map(|target| secret::redact_url(&target));
        let said = excerpt(response).await;
        let mut message = status.to_string();
        if status.is_redirection() {
            message.push_str(": this redirect is not followed");
            message.push_str(&target.map(|target| format!(", it leads to {target}")).unwrap_or_default());
        } else if !said.is_empty() {
            message.push_str(": ");
            message.push_str(&said);
        }
        let reason = match status.as_u16() {
            401 | 403 => FailureReason::AuthError,
            429 => FailureReason::RateLimited,
            500..=599 => FailureReason::ServerError,
            _ => FailureReason::ClientError,
        };
        let again = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        let retry = match wait {
            _ if !again => Retry::Never,
            Some(wait) => Retry::After(wait),
            None => Retry::Later,
        };
        Failure { reason, retry, message: self.clean(&message) }
    }
}

/// One request.
pub struct Post<'a> {
    /// What is sent.
    pub body: Vec<u8>,
    /// As what.
    pub content_type: &'a str,
    /// The message's key, for receivers that know repeats by it.
    pub key: Option<&'a str>,
    /// Whether the answer's body matters.
    pub listens: bool,
    /// The time, for dates in answers.
    pub at: Timestamp,
}

/// The beginning of an answer's body on one line; nothing if it cannot be read.
pub async fn excerpt(mut response: Response) -> String {
    let mut read = Vec::new();
    while read.len() < MOST_READ {
        match tokio::time::timeout(StdDuration::from_secs(2), response.chunk()).await {
            Ok(Ok(Some(chunk))) => read.extend_from_slice(chunk.get(..MOST_READ.min(chunk.len())).unwrap_or(&chunk)),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&read);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

/// An error with its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
