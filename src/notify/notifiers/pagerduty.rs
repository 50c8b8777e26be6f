//! Sends events to PagerDuty's Events API, version 2.
//!
//! One incident for each group of alerts: its key is the hash of the group's key, so that the end resolves what the
//! beginning triggered. 202 is a success, 400 is not tried again, 429 asks for at least a minute. An event over 512 KB
//! loses its details, as PagerDuty would refuse it.

use std::time::Duration as StdDuration;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use crate::model::{AlertStatus, Problem};

use super::super::message::Told;
use super::super::settings::Receiver;
use super::http::{Endpoint, Post};
use super::story::{self, Story};
use super::text::{Words, cut};
use super::{Answer, Attempt, FailureReason, Notifier, NotifierKind, Retry};

mod settings;

pub use settings::{Image, Link, Settings};

/// Longest event that PagerDuty takes, in bytes.
const LARGEST_EVENT: usize = 512_000;
/// Longest summary, in characters.
const LONGEST_SUMMARY: usize = 1024;
/// Least time that a receiver who had enough is left alone.
const REST: StdDuration = StdDuration::from_secs(60);
/// What severities there are.
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];
/// Most alerts that are written out in the default details.
const MOST_WRITTEN: usize = 50;

/// One service of PagerDuty.
pub struct PagerDuty {
    endpoint: Endpoint,
    settings: Settings,
}

impl NotifierKind for PagerDuty {
    const NAME: &'static str = "pagerduty";
    const KEY: &'static str = "pagerduty_configs";
    type Settings = Settings;

    fn settings(receiver: &Receiver) -> &[Settings] {
        &receiver.pagerduty_configs
    }

    fn send_resolved(settings: &Settings) -> bool {
        settings.send_resolved
    }

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn build(settings: &Settings) -> Result<Self, Box<Problem>> {
        let (url, secrets) = (settings.url.parse("url")?, vec![settings.routing_key.clone()]);
        let endpoint = Endpoint::new(url, &settings.http_config, settings.timeout, secrets)?;
        Ok(Self { endpoint, settings: settings.clone() })
    }
}

impl Notifier for PagerDuty {
    fn reach(&self) -> Option<Answer<'_>> {
        Some(Box::pin(self.endpoint.reach()))
    }

    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a> {
        Box::pin(async move {
            let body = self.event(attempt);
            let post = Post { body, content_type: "application/json", key: None, listens: false, at: attempt.at };
            self.endpoint.post(post).await.map(|_| ()).map_err(|mut failure| {
                if failure.reason == FailureReason::RateLimited && failure.retry == Retry::Later {
                    failure.retry = Retry::After(REST);
                }
                failure
            })
        })
    }
}

impl PagerDuty {
    fn event(&self, attempt: &Attempt<'_>) -> Vec<u8> {
        let words = Words::new(attempt, self.settings.max_alerts);
        let story = Story::new(attempt.notification, attempt.runbooks).with(attempt.evidence);
        let mut event = json!({
            "routing_key": self.settings.routing_key.expose(),
            "dedup_key": dedup_key(&attempt.notification.group_key),
            "event_action": if story.fires() { "trigger" } else { "resolve" },
        });
        let home = || Some(story.notification.external_url.clone()).filter(|url| story::is_link(url));
        let client = words.or(self.settings.client.as_ref(), "client", || "memsentry".to_owned());
        let client_url = words.or(self.settings.client_url.as_ref(), "client_url", || home().unwrap_or_default());
        for (name, value) in [("client", client), ("client_url", client_url)] {
            if !value.is_empty() {
                event[name] = Json::from(value);
            }
        }
        let images = self.settings.images.iter().filter_map(|image| image.json(&words)).collect::<Vec<_>>();
        let mut links = self.settings.links.iter().filter_map(|link| link.json(&words)).collect::<Vec<_>>();
        if self.settings.links.is_empty() {
            links.extend(story.actions().into_iter().map(|(text, href)| json!({"href": href, "text": text})));
        }
        for (name, list) in [("images", images), ("links", links)] {
            if !list.is_empty() {
                event[name] = Json::from(list);
            }
        }
        event["payload"] = self.payload(&words, &story);
        let mut body = event.to_string().into_bytes();
        if body.len() > LARGEST_EVENT {
            let receiver = &attempt.notification.receiver;
            tracing::warn!(receiver, bytes = body.len(), "event too large for PagerDuty, sent without its details");
            let message =
                "Custom details have been removed because the original event exceeds the maximum size of 512.0 KB";
            event["payload"]["custom_details"] = json!({ "error": message });
            body = event.to_string().into_bytes();
        }
        body
    }

    fn payload(&self, words: &Words<'_>, story: &Story<'_>) -> Json {
        let settings = &self.settings;
        let headline = || match story.headline() {
            text if text.is_empty() => story.subject(),
            text => format!("{} {text}", story.subject()),
        };
        let known = |text: String| SEVERITIES.into_iter().find(|known| *known == text);
        let own = || story.severity().unwrap_or("error").to_owned();
        let severity = known(words.or(settings.severity.as_ref(), "severity", own)).unwrap_or("error");
        let source = || story.place().unwrap_or_else(|| "memsentry".to_owned());
        let mut payload = json!({
            "summary": cut(&words.or(settings.description.as_ref(), "description", headline), LONGEST_SUMMARY),
            "source": words.or(settings.source.as_ref(), "source", source),
            "severity": severity,
        });
        if let Some(since) = story.since() {
            payload["timestamp"] = Json::from(since.rfc3339());
        }
        for (name, text) in [("component", &settings.component), ("group", &settings.group), ("class", &settings.class)]
        {
            if let Some(text) = words.maybe(text.as_ref(), name) {
                payload[name] = Json::from(text);
            }
        }
        let mut details = default_details(story);
        for (name, value) in &settings.details {
            details.insert(name.clone(), value.json(words, &format!("details.{name}")));
        }
        if let Some(troubles) = words.troubles() {
            details.insert("template_errors".to_owned(), Json::from(troubles));
        }
        payload["custom_details"] = Json::from(details);
        payload
    }
}

/// The incident's key: the same for everything about one group of alerts.
fn dedup_key(group_key: &str) -> String {
    Sha256::digest(group_key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn default_details(story: &Story<'_>) -> Map<String, Json> {
    let notification = story.notification;
    let write = |alerts: Vec<&Told>| {
        let shown: Vec<String> = alerts.iter().take(MOST_WRITTEN).map(|alert| one(story, alert)).collect();
        let more = alerts.len().saturating_sub(MOST_WRITTEN);
        if more > 0 { format!("{}\n… and {more} more", shown.join("\n")) } else { shown.join("\n") }
    };
    let (firing, resolved): (Vec<&Told>, Vec<&Told>) =
        notification.alerts.iter().partition(|alert| alert.status == AlertStatus::Firing);
    let mut details = Map::new();
    details.insert("num_firing".to_owned(), Json::from(firing.len().to_string()));
    details.insert("num_resolved".to_owned(), Json::from(resolved.len().to_string()));
    details.insert("firing".to_owned(), Json::from(write(firing)));
    details.insert("resolved".to_owned(), Json::from(write(resolved)));
    details.insert("occasion".to_owned(), Json::from(story.occasion()));
    if let Some(book) = story.runbook {
        details.insert("runbook".to_owned(), Json::from(book.summary()));
    }
    details
}

fn one(story: &Story<'_>, alert: &Told) -> String {
    let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let values = story.values(alert).map_or_else(String::new, |values| format!(" {values}"));
    format!("{}{values} ({})", story::summary(alert).unwrap_or_else(|| alert.name()), labels.join(", "))
}

#[cfg(test)]
mod tests;
