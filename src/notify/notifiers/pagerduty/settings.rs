//! What a user says about PagerDuty, in Alertmanager's words.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::model::{Duration, Problem, Secret};

use super::super::http::{self, HttpConfig, SecretUrl};
use super::super::payload::Payload;
use super::super::text::{self, Text, Words};

/// One entry of `pagerduty_configs`. Every text may hold a template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The integration key of a service ("Events API v2"), 32 characters.
    pub routing_key: Secret,
    /// Where to post; PagerDuty's address unless set. The European one is `https://events.eu.pagerduty.com/v2/enqueue`.
    #[serde(default = "home")]
    pub url: SecretUrl,
    /// Whether incidents are resolved when alerts are over; true unless set.
    #[serde(default = "yes")]
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
    /// The incident's title; subject and headline unless set. At most 1024 characters, what is more is cut.
    #[serde(default)]
    pub description: Option<Text>,
    /// `critical`, `error`, `warning` or `info`; the alerts' label unless set, and `error` where it says anything else.
    #[serde(default)]
    pub severity: Option<Text>,
    /// What is concerned; the targets' names unless set.
    #[serde(default)]
    pub source: Option<Text>,
    /// Who tells; `memsentry` unless set.
    #[serde(default)]
    pub client: Option<Text>,
    /// Where to see it; memsentry's address unless set.
    #[serde(default)]
    pub client_url: Option<Text>,
    /// Part of the source.
    #[serde(default)]
    pub component: Option<Text>,
    /// What the source belongs to.
    #[serde(default)]
    pub group: Option<Text>,
    /// The kind of event.
    #[serde(default)]
    pub class: Option<Text>,
    /// Further details by name; texts that come out as JSON become what they say.
    #[serde(default)]
    pub details: std::collections::BTreeMap<String, Payload>,
    /// Pictures, by https.
    #[serde(default)]
    pub images: Vec<Image>,
    /// Links; what can be done about it unless set: runbook, silence, alert.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// A picture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Where it is; https.
    pub src: Text,
    /// Where it leads.
    #[serde(default)]
    pub href: Option<Text>,
    /// What it shows, in words.
    #[serde(default)]
    pub alt: Option<Text>,
}

/// A link.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where it leads.
    pub href: Text,
    /// What it says.
    #[serde(default)]
    pub text: Option<Text>,
}

fn home() -> SecretUrl {
    SecretUrl::new("https://events.pagerduty.com/v2/enqueue")
}

const fn yes() -> bool {
    true
}

impl Image {
    /// The picture for one message; none without an address.
    pub(super) fn json(&self, words: &Words<'_>) -> Option<Json> {
        let mut image = json!({"src": words.maybe(Some(&self.src), "images.src")?});
        for (name, text) in [("href", &self.href), ("alt", &self.alt)] {
            if let Some(text) = words.maybe(text.as_ref(), "images") {
                image[name] = Json::from(text);
            }
        }
        Some(image)
    }
}

impl Link {
    /// The link for one message; none without an address.
    pub(super) fn json(&self, words: &Words<'_>) -> Option<Json> {
        let mut link = json!({"href": words.maybe(Some(&self.href), "links.href")?});
        if let Some(text) = words.maybe(self.text.as_ref(), "links.text") {
            link["text"] = Json::from(text);
        }
        Some(link)
    }
}

impl Settings {
    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.url.parse("url").err().map(|problem| *problem).into_iter().collect();
        let length = self.routing_key.expose().chars().count();
        if length != 32 {
            let message = format!("an integration key has 32 characters, this one has {length}");
            problems.push(Problem::at("routing_key", message).hint("use the key of an \"Events API v2\" integration"));
        }
        problems.extend(http::timeout_problem(self.timeout));
        problems.extend(self.http_config.problems());
        problems.extend(text::problems(self.texts()));
        problems
    }

    fn texts(&self) -> Vec<(String, &Text)> {
        let own = [
            ("description", &self.description),
            ("severity", &self.severity),
            ("source", &self.source),
            ("client", &self.client),
            ("client_url", &self.client_url),
            ("component", &self.component),
            ("group", &self.group),
            ("class", &self.class),
        ];
        let mut texts: Vec<(String, &Text)> =
            own.into_iter().filter_map(|(at, text)| Some((at.to_owned(), text.as_ref()?))).collect();
        texts.extend(self.details.iter().flat_map(|(name, value)| value.texts(&format!("details.{name}"))));
        for (index, image) in self.images.iter().enumerate() {
            let more = [("href", &image.href), ("alt", &image.alt)];
            texts.push((format!("images[{index}].src"), &image.src));
            texts.extend(more.into_iter().filter_map(|(n, t)| Some((format!("images[{index}].{n}"), t.as_ref()?))));
        }
        for (index, link) in self.links.iter().enumerate() {
            texts.push((format!("links[{index}].href"), &link.href));
            texts.extend(link.text.iter().map(|text| (format!("links[{index}].text"), text)));
        }
        texts
    }
}
