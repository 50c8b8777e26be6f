//! Posts Alertmanager's webhook body, version 4, to an HTTP endpoint.
//!
//! 2xx is delivered; 408, 425, 429 and 5xx are tried again, `Retry-After` honoured; anything else is refused
//! for good, redirects included, because a body must not follow to a place nobody configured. Every attempt
//! at a message carries the same `Idempotency-Key`. The URL may hold a token and is never shown.

use std::time::Duration as StdDuration;

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use crate::model::secret::{self, redact};
use crate::model::{Duration, Problem, Secret};

use super::super::settings::Receiver;
use super::{Answer, Attempt, Failure, FailureReason, Notifier, NotifierKind, Retry};

mod body;
mod retry_after;
mod settings;

pub use body::Body;
pub use retry_after::retry_after;
pub use settings::{Authorization, BasicAuth, HttpConfig, Settings, TlsConfig, WebhookUrl};

/// How much of a refusal is read, for its message.
const MOST_READ: usize = 1024;

/// One endpoint.
pub struct Webhook {
    client: Client,
    url: Url,
    authorization: Option<Secret>,
    max_alerts: usize,
    timeout: Duration,
    /// What must not show in an error.
    secrets: Vec<Secret>,
}

impl NotifierKind for Webhook {
    const NAME: &'static str = "webhook";
    const KEY: &'static str = "webhook_configs";
    type Settings = Settings;

    fn settings(receiver: &Receiver) -> &[Settings] {
        &receiver.webhook_configs
    }

    fn send_resolved(settings: &Settings) -> bool {
        settings.send_resolved
    }

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn build(settings: &Settings) -> Result<Self, Box<Problem>> {
        let url = settings.url()?;
        let authorization = settings.http_config.header();
        let mut secrets = vec![settings.url.secret().clone()];
        // Parts of the URL that look like tokens, should the receiver repeat them.
        let path = url.path_segments().into_iter().flatten().filter(|part| part.len() >= 12).map(str::to_owned);
        let query = url.query_pairs().map(|(_, value)| value.into_owned()).filter(|value| value.len() >= 6);
        secrets.extend(path.chain(query).chain(url.password().map(str::to_owned)).map(Secret::new));
        secrets.extend(authorization.clone());
        secrets.extend(settings.http_config.secrets());
        Ok(Self {
            client: settings.http_config.client()?,
            url,
            authorization,
            max_alerts: settings.max_alerts,
            timeout: settings.timeout,
            secrets,
        })
    }
}

impl Notifier for Webhook {
    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a> {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout.std(), self.post(attempt)).await {
                Ok(answer) => answer,
                Err(_) => Err(Failure::later(FailureReason::Timeout, format!("no answer within {}", self.timeout))),
            }
        })
    }
}

impl Webhook {
    async fn post(&self, attempt: &Attempt<'_>) -> Result<(), Failure> {
        let body = Body::new(attempt.notification, attempt.runbooks, self.max_alerts).with(attempt.evidence);
        let body = serde_json::to_vec(&body)
            .map_err(|error| Failure::never(FailureReason::Other, format!("the message cannot be written: {error}")))?;
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", attempt.key)
            .body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        let response = request.send().await.map_err(|error| self.broken(error))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(self.refused(status, response, attempt).await),
        }
    }

    fn broken(&self, error: reqwest::Error) -> Failure {
        let reason = if error.is_timeout() { FailureReason::Timeout } else { FailureReason::Other };
        Failure::later(reason, redact(&chain(&error.without_url()), &self.secrets))
    }

    async fn refused(&self, status: StatusCode, response: Response, attempt: &Attempt<'_>) -> Failure {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let wait = header(RETRY_AFTER).and_then(|text| retry_after(&text, attempt.at));
        let target = header(LOCATION).map(|target| secret::redact_url(&target));
        let said = excerpt(response).await;
        let mut message = status.to_string();
        if status.is_redirection() {
            message.push_str(": redirects are not followed");
            message.push_str(&target.map(|target| format!(", this one leads to {target}")).unwrap_or_default());
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
        Failure { reason, retry, message: redact(&message, &self.secrets) }
    }
}

/// The beginning of a refusal's body on one line; nothing if it cannot be read.
async fn excerpt(mut response: Response) -> String {
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
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
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

#[cfg(test)]
mod tests;
