//! What a user says about a Slack webhook, in Alertmanager's words.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::model::{Duration, Problem};

use super::super::http::{self, HttpConfig, SecretUrl};
use super::super::text::{self, Text, Words};

/// One entry of `slack_configs`. Every text may hold a template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The incoming webhook's address, a secret: give `api_url_file` or `api_url_env` unless it is nobody else's loss.
    #[serde(default)]
    pub api_url: Option<SecretUrl>,
    /// Whether it is told when alerts are over; false unless set, as in Alertmanager.
    #[serde(default)]
    pub send_resolved: bool,
    /// How to connect.
    #[serde(default)]
    pub http_config: HttpConfig,
    /// Longest wait for one attempt; 10s unless set, at most 5m.
    #[serde(default = "http::default_timeout")]
    pub timeout: Duration,
    /// Most alerts that templates see; 0, the default, stands for all.
    #[serde(default)]
    pub max_alerts: usize,
    /// The channel; the webhook's own unless set. Newer webhooks cannot choose.
    #[serde(default)]
    pub channel: Option<Text>,
    /// The name under which it appears.
    #[serde(default)]
    pub username: Option<Text>,
    /// The colour of the bar; `danger` while anything fires and `good` afterwards, unless set.
    #[serde(default)]
    pub color: Option<Text>,
    /// The title; memsentry's subject unless set. At most 1024 characters, what is more is cut.
    #[serde(default)]
    pub title: Option<Text>,
    /// Where the title leads; the runbook or memsentry unless set.
    #[serde(default)]
    pub title_link: Option<Text>,
    /// What stands before the attachment.
    #[serde(default)]
    pub pretext: Option<Text>,
    /// What it says; the alerts with their links unless set. At most 7000 characters, what is more is cut.
    #[serde(default)]
    pub text: Option<Text>,
    /// What notifications of devices show; memsentry's subject unless set.
    #[serde(default)]
    pub fallback: Option<Text>,
    /// For Slack applications.
    #[serde(default)]
    pub callback_id: Option<Text>,
    /// An emoji as picture, such as `:fire:`.
    #[serde(default)]
    pub icon_emoji: Option<Text>,
    /// A picture.
    #[serde(default)]
    pub icon_url: Option<Text>,
    /// A picture below the text.
    #[serde(default)]
    pub image_url: Option<Text>,
    /// A small picture beside it.
    #[serde(default)]
    pub thumb_url: Option<Text>,
    /// What stands below.
    #[serde(default)]
    pub footer: Option<Text>,
    /// Fields of a table.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Whether fields stand beside each other unless they say otherwise; false unless set.
    #[serde(default)]
    pub short_fields: bool,
    /// Whether names of channels and people become links; false unless set.
    #[serde(default)]
    pub link_names: bool,
    /// Which parts hold Slack's markup; fallback, pretext and text unless set.
    #[serde(default)]
    pub mrkdwn_in: Vec<String>,
    /// Buttons.
    #[serde(default)]
    pub actions: Vec<Action>,
}

/// One field of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its head.
    pub title: Text,
    /// Its value.
    pub value: Text,
    /// Whether it stands beside another; `short_fields` unless set.
    #[serde(default)]
    pub short: Option<bool>,
}

/// One button.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// `button`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What stands on it.
    pub text: Text,
    /// Where it leads.
    #[serde(default)]
    pub url: Option<Text>,
    /// `default`, `primary` or `danger`.
    #[serde(default)]
    pub style: Option<Text>,
    /// For Slack applications.
    #[serde(default)]
    pub name: Option<Text>,
    /// For Slack applications.
    #[serde(default)]
    pub value: Option<Text>,
}

impl Action {
    /// The button for one message.
    pub(super) fn json(&self, words: &Words<'_>) -> Json {
        let mut action = json!({"type": self.kind, "text": words.or(Some(&self.text), "actions.text", String::new)});
        for (name, text) in [("url", &self.url), ("style", &self.style), ("name", &self.name), ("value", &self.value)] {
            super::set(&mut action, name, words.maybe(text.as_ref(), "actions"));
        }
        action
    }
}

impl Settings {
    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.api_url().err().map(|problem| *problem).into_iter().collect();
        problems.extend(http::timeout_problem(self.timeout));
        problems.extend(self.http_config.problems());
        for (index, action) in self.actions.iter().enumerate() {
            if action.url.is_none() && action.name.is_none() {
                problems.push(Problem::at(format!("actions[{index}]"), "a button needs url or name"));
            }
        }
        problems.extend(text::problems(self.texts()));
        problems
    }

    /// The address, checked.
    pub(super) fn api_url(&self) -> Result<reqwest::Url, Box<Problem>> {
        match &self.api_url {
            Some(url) => url.parse("api_url"),
            None => Err(Box::new(
                Problem::at("api_url", "the webhook's address is missing")
                    .hint("give api_url_file, api_url_env or api_url, or slack_api_url under global"),
            )),
        }
    }

    fn texts(&self) -> Vec<(String, &Text)> {
        let own = [
            ("channel", &self.channel),
            ("username", &self.username),
            ("color", &self.color),
            ("title", &self.title),
            ("title_link", &self.title_link),
            ("pretext", &self.pretext),
            ("text", &self.text),
            ("fallback", &self.fallback),
            ("callback_id", &self.callback_id),
            ("icon_emoji", &self.icon_emoji),
            ("icon_url", &self.icon_url),
            ("image_url", &self.image_url),
            ("thumb_url", &self.thumb_url),
            ("footer", &self.footer),
        ];
        let mut texts: Vec<(String, &Text)> =
            own.into_iter().filter_map(|(at, text)| Some((at.to_owned(), text.as_ref()?))).collect();
        for (index, field) in self.fields.iter().enumerate() {
            texts.push((format!("fields[{index}].title"), &field.title));
            texts.push((format!("fields[{index}].value"), &field.value));
        }
        for (index, action) in self.actions.iter().enumerate() {
            let more =
                [("url", &action.url), ("style", &action.style), ("name", &action.name), ("value", &action.value)];
            texts.push((format!("actions[{index}].text"), &action.text));
            texts.extend(more.into_iter().filter_map(|(n, t)| Some((format!("actions[{index}].{n}"), t.as_ref()?))));
        }
        texts
    }
}
