//! Posts to a Slack incoming webhook.
//!
//! Slack has taken a message when it answers 200 and `ok`. Any other text with 200 is somebody in between, so the message
//! is tried again. The address is the secret; it is never shown.

use serde_json::{Value as Json, json};

use crate::model::{AlertStatus, Problem};

use super::super::settings::Receiver;
use super::http::{Endpoint, Post};
use super::story::{self, MOST_SHOWN, Story};
use super::text::{Text, Words, cut};
use super::{Answer, Attempt, Failure, FailureReason, Notifier, NotifierKind};

mod settings;

pub use settings::{Action, Field, Settings};

/// Longest title; Alertmanager's limit.
const LONGEST_TITLE: usize = 1024;
/// Longest text of an attachment; beyond it Slack cuts where it pleases.
const LONGEST_TEXT: usize = 7000;

/// One incoming webhook.
pub struct Slack {
    endpoint: Endpoint,
    settings: Settings,
}

impl NotifierKind for Slack {
    const NAME: &'static str = "slack";
    const KEY: &'static str = "slack_configs";
    type Settings = Settings;

    fn settings(receiver: &Receiver) -> &[Settings] {
        &receiver.slack_configs
    }

    fn send_resolved(settings: &Settings) -> bool {
        settings.send_resolved
    }

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn build(settings: &Settings) -> Result<Self, Box<Problem>> {
        let url = settings.api_url()?;
        let endpoint = Endpoint::new(url, &settings.http_config, settings.timeout, Vec::new())?;
        Ok(Self { endpoint, settings: settings.clone() })
    }
}

impl Notifier for Slack {
    fn reach(&self) -> Option<Answer<'_>> {
        Some(Box::pin(self.endpoint.reach()))
    }

    fn for_people(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a> {
        Box::pin(async move {
            let body = self.body(attempt).to_string().into_bytes();
            let post = Post { body, content_type: "application/json", key: None, listens: true, at: attempt.at };
            match self.endpoint.post(post).await?.as_str() {
                "ok" => Ok(()),
                other => {
                    let message = format!("200, but not from Slack: {}", self.endpoint.clean(other));
                    Err(Failure::later(FailureReason::ServerError, message))
                }
            }
        })
    }
}

impl Slack {
    fn body(&self, attempt: &Attempt<'_>) -> Json {
        let settings = &self.settings;
        let words = Words::new(attempt, settings.max_alerts);
        let story = Story::new(attempt.notification, attempt.runbooks).with(attempt.evidence);
        let color = || if story.fires() { "danger" } else { "good" }.to_owned();
        let title = words.or(settings.title.as_ref(), "title", || escape(&story.subject()));
        let mut text = words.or(settings.text.as_ref(), "text", || default_text(&story));
        let mut attachment = json!({
            "title": cut(&title, LONGEST_TITLE),
            "fallback": words.or(settings.fallback.as_ref(), "fallback", || story.subject()),
            "color": words.or(settings.color.as_ref(), "color", color),
            "mrkdwn_in": if settings.mrkdwn_in.is_empty() { json!(["fallback", "pretext", "text"]) } else { json!(settings.mrkdwn_in) },
        });
        let link = words.or(settings.title_link.as_ref(), "title_link", || home(&story).unwrap_or_default());
        set(&mut attachment, "title_link", Some(link));
        let plain: [(&str, &Option<Text>); 5] = [
            ("pretext", &settings.pretext),
            ("callback_id", &settings.callback_id),
            ("image_url", &settings.image_url),
            ("thumb_url", &settings.thumb_url),
            ("footer", &settings.footer),
        ];
        for (name, value) in plain {
            set(&mut attachment, name, words.maybe(value.as_ref(), name));
        }
        let fields = settings.fields.iter().map(|field| {
            let short = field.short.unwrap_or(settings.short_fields);
            let say = |text: &Text, name: &str| words.or(Some(text), name, String::new);
            json!({"title": say(&field.title, "fields.title"), "value": say(&field.value, "fields.value"), "short": short})
        });
        let fields: Vec<Json> = fields.collect();
        let actions: Vec<Json> = settings.actions.iter().map(|action| action.json(&words)).collect();
        for (name, list) in [("fields", fields), ("actions", actions)] {
            if !list.is_empty() {
                attachment[name] = Json::from(list);
            }
        }
        let mut body = json!({});
        let head =
            [("username", &settings.username), ("icon_emoji", &settings.icon_emoji), ("icon_url", &settings.icon_url)];
        set(&mut body, "channel", words.maybe(settings.channel.as_ref(), "channel"));
        for (name, value) in head {
            set(&mut body, name, words.maybe(value.as_ref(), name));
        }
        if settings.link_names {
            body["link_names"] = Json::from(true);
        }
        if let Some(troubles) = words.troubles() {
            text = format!("{text}\n{}", escape(&troubles));
        }
        attachment["text"] = Json::from(cut(&text, LONGEST_TEXT));
        body["attachments"] = Json::from(vec![attachment]);
        body
    }
}

fn set(object: &mut Json, name: &str, value: Option<String>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        object[name] = Json::from(value);
    }
}

/// What three characters mean to Slack.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Where the title leads: the runbook, or else memsentry.
fn home(story: &Story<'_>) -> Option<String> {
    let home = Some(story.notification.external_url.as_str()).filter(|url| story::is_link(url));
    story.runbook_url().or(home).map(str::to_owned)
}

/// What is wrong, since when, and where to look.
fn default_text(story: &Story<'_>) -> String {
    let now = story.notification.decided_at;
    let mut lines = vec![escape(&story.headline())];
    let alerts = &story.notification.alerts;
    for alert in alerts.iter().take(MOST_SHOWN) {
        let mark = match alert.status {
            AlertStatus::Firing => format!("*FIRING* since {}", story::clock(alert.starts_at, now)),
            AlertStatus::Resolved => match alert.ends_at {
                Some(end) => format!("*OVER* after {}", story::length(end.since(alert.starts_at))),
                None => "*OVER*".to_owned(),
            },
        };
        let summary = story::summary(alert).unwrap_or_else(|| alert.name());
        let values = story.values(alert).map_or_else(String::new, |values| format!(" ({})", escape(&values)));
        lines.push(format!("• {mark}: {}{values}", escape(summary)));
        if alerts.len() == 1 && alert.status == AlertStatus::Firing {
            lines.extend(story::description(alert).map(escape));
        }
    }
    let more = alerts.len().saturating_sub(MOST_SHOWN) + story.notification.truncated_alerts;
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    let home = Some(story.notification.external_url.clone()).filter(|url| story::is_link(url));
    let links = story.actions().into_iter().chain(home.map(|url| ("memsentry", url)));
    let links: Vec<String> = links.map(|(name, url)| format!("<{}|{name}>", escape(&url))).collect();
    if !links.is_empty() {
        lines.push(links.join(" · "));
    }
    lines.push(format!("_{}_", escape(&story.occasion())));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

#[cfg(test)]
mod tests;
