//! Texts of receivers that may hold templates, in Alertmanager's language.
//!
//! A text is parsed when the configuration is read, and tried out on a sample then. If it fails all the same when it is
//! needed, the default text is sent in its place, and the message and the log say so: no message is lost to a template.

use std::cell::RefCell;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::model::{Problem, Timestamp};
use crate::runbooks::Runbooks;
use crate::template::{ALERTMANAGER, Environment, Limits, Template, TemplateError, Value};

use super::super::evidence::Evidence;
use super::super::message::Notification;
use super::{Attempt, data};

/// What Alertmanager's users know by name.
static NAMED: LazyLock<Option<Template>> =
    LazyLock::new(|| Template::parse(include_str!("named.tmpl"), &ALERTMANAGER).ok());

/// A text with template actions, or without.
#[derive(Debug, Clone)]
pub struct Text {
    template: Template,
}

impl Text {
    /// Parses a text.
    ///
    /// # Errors
    /// What is wrong with its template.
    pub fn parse(text: &str) -> Result<Self, String> {
        let template = Template::parse(text, &ALERTMANAGER).map_err(|error| told(text, &error))?;
        let template = match NAMED.as_ref() {
            Some(named) => template.with_definitions(named),
            None => template,
        };
        Ok(Self { template })
    }

    /// What it makes of a message.
    pub(super) fn render(&self, words: &Words<'_>) -> Result<String, TemplateError> {
        let query = |_: &str| Err("there is no query in the text of a receiver".to_owned());
        let environment = Environment { now: words.at, external_url: words.external_url, query: &query };
        self.template.render(&words.data, &environment, &Limits::default())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// The error with its place in the text.
fn told(text: &str, error: &TemplateError) -> String {
    let before = text.get(..error.offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    format!("the template has a mistake at {line}:{column}: {}", error.message)
}

/// What is wrong with texts when they are tried out, each with its path.
pub(super) fn problems<'a>(texts: impl IntoIterator<Item = (String, &'a Text)>) -> Vec<Problem> {
    let sample = Notification::sample(Timestamp::from_millis(0));
    let runbooks = Runbooks::default();
    let evidence = Evidence::default();
    let (key, at) = ("", sample.decided_at);
    let words = Words::new(&Attempt { key, notification: &sample, evidence: &evidence, runbooks: &runbooks, at }, 0);
    let wrong = |(at, text): (String, &Text)| {
        let error = text.render(&words).err()?;
        Some(Problem::at(at, format!("the template fails on a sample message: {}", error.message)))
    };
    texts.into_iter().filter_map(wrong).collect()
}

/// A message as its templates see it, and what went wrong with them.
pub(super) struct Words<'a> {
    data: Value,
    at: Timestamp,
    external_url: &'a str,
    receiver: &'a str,
    failed: RefCell<Vec<String>>,
}

impl<'a> Words<'a> {
    /// The words for an attempt, with at most `max_alerts` alerts; 0 for all.
    pub fn new(attempt: &Attempt<'a>, max_alerts: usize) -> Self {
        let Attempt { notification, at, .. } = *attempt;
        Self {
            data: data::message(attempt, max_alerts),
            at,
            external_url: &notification.external_url,
            receiver: &notification.receiver,
            failed: RefCell::default(),
        }
    }

    /// What the text says, or the default where there is none or it fails.
    pub fn or(&self, text: Option<&Text>, field: &str, default: impl FnOnce() -> String) -> String {
        let Some(text) = text else { return default() };
        text.render(self).unwrap_or_else(|error| {
            self.failed(field, &error);
            default()
        })
    }

    /// What the text says; nothing where there is none, or it fails, or says nothing.
    pub fn maybe(&self, text: Option<&Text>, field: &str) -> Option<String> {
        Some(self.or(text, field, String::new)).filter(|text| !text.is_empty())
    }

    /// Notes that a text failed.
    pub fn failed(&self, field: &str, error: &TemplateError) {
        tracing::warn!(receiver = self.receiver, field, error = %error, "template failed, default text sent");
        self.failed.borrow_mut().push(format!("The template of {field} failed: {error}"));
    }

    /// What went wrong so far, one line each; nothing if all went well.
    pub fn troubles(&self) -> Option<String> {
        let failed = self.failed.borrow();
        if failed.is_empty() { None } else { Some(failed.join("\n")) }
    }
}

/// At most so many characters; what is cut ends with an ellipsis.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests;
