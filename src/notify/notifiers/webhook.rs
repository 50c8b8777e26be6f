//! Posts Alertmanager's webhook body, version 4, or a body of the user's own, to an HTTP endpoint.
//!
//! What answers mean is told in `http`. Redirects are refused unless the user wants them followed, because a body must
//! not go to a place nobody configured. Every attempt at a message carries the same `Idempotency-Key`. The URL may
//! hold a token and is never shown.

use crate::model::Problem;

use super::super::settings::Receiver;
use super::http::{Endpoint, Post};
use super::payload::Payload;
use super::text::Words;
use super::{Answer, Attempt, Failure, FailureReason, Notifier, NotifierKind};

mod body;
mod settings;

pub use body::Body;
pub use settings::Settings;

/// One endpoint.
pub struct Webhook {
    endpoint: Endpoint,
    max_alerts: usize,
    payload: Option<Payload>,
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
        let secrets = vec![settings.url.secret().clone()];
        Ok(Self {
            endpoint: Endpoint::new(settings.url.parse("url")?, &settings.http_config, settings.timeout, secrets)?,
            max_alerts: settings.max_alerts,
            payload: settings.payload.clone(),
        })
    }
}

impl Notifier for Webhook {
    fn reach(&self) -> Option<Answer<'_>> {
        Some(Box::pin(self.endpoint.reach()))
    }

    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a> {
        Box::pin(async move {
            let (content_type, body) = self.body(attempt).map_err(|error| {
                Failure::never(FailureReason::Other, format!("the message cannot be written: {error}"))
            })?;
            let post = Post { body, content_type, key: Some(attempt.key), listens: false, at: attempt.at };
            self.endpoint.post(post).await.map(|_| ())
        })
    }
}

impl Webhook {
    fn body(&self, attempt: &Attempt<'_>) -> Result<(&'static str, Vec<u8>), serde_json::Error> {
        const JSON: &str = "application/json";
        let Some(payload) = &self.payload else {
            let body = Body::new(attempt.notification, attempt.runbooks, self.max_alerts).with(attempt.evidence);
            return Ok((JSON, serde_json::to_vec(&body)?));
        };
        match payload.json(&Words::new(attempt, self.max_alerts), "payload") {
            serde_json::Value::String(text) => Ok(("text/plain; charset=utf-8", text.into_bytes())),
            value => Ok((JSON, serde_json::to_vec(&value)?)),
        }
    }
}

#[cfg(test)]
mod tests;
