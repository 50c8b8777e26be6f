//! A JSON body that the user wrote: a tree of values whose texts are templates.
//!
//! As in Alertmanager, a text whose outcome is JSON itself (a list, a mapping, a number) becomes that value. A template
//! that fails leaves its error in its place, so that the rest of the body is as its reader expects it.

use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::{Map, Value as Json};

use super::text::{Text, Words};

/// A value of the tree.
#[derive(Debug, Clone)]
pub enum Payload {
    /// A text.
    Text(Text),
    /// A list.
    List(Vec<Payload>),
    /// A mapping, in the order in which it was written.
    Mapping(Vec<(String, Payload)>),
    /// A number, a boolean or null, as it is.
    Plain(Json),
}

impl Payload {
    fn new(value: Json, at: &str) -> Result<Self, String> {
        Ok(match value {
            Json::String(text) => Self::Text(Text::parse(&text).map_err(|error| below(at, &error))?),
            Json::Array(items) => {
                let item = |(index, item)| Self::new(item, &format!("{at}[{index}]"));
                Self::List(items.into_iter().enumerate().map(item).collect::<Result<_, _>>()?)
            }
            Json::Object(entries) => {
                let entry = |(key, value): (String, Json)| {
                    let at = format!("{at}.{key}");
                    Ok((key, Self::new(value, &at)?))
                };
                Self::Mapping(entries.into_iter().map(entry).collect::<Result<_, String>>()?)
            }
            plain => Self::Plain(plain),
        })
    }

    /// Its texts with their paths below `at`.
    pub(super) fn texts(&self, at: &str) -> Vec<(String, &Text)> {
        match self {
            Self::Text(text) => vec![(at.to_owned(), text)],
            Self::List(items) => {
                items.iter().enumerate().flat_map(|(index, item)| item.texts(&format!("{at}[{index}]"))).collect()
            }
            Self::Mapping(entries) => {
                entries.iter().flat_map(|(key, value)| value.texts(&format!("{at}.{key}"))).collect()
            }
            Self::Plain(_) => Vec::new(),
        }
    }

    /// The value for one message.
    pub(super) fn json(&self, words: &Words<'_>, at: &str) -> Json {
        match self {
            Self::Text(text) => match text.render(words) {
                Ok(text) => match serde_json::from_str(&text) {
                    Ok(Json::String(_)) | Err(_) => Json::String(text),
                    Ok(value) => value,
                },
                Err(error) => {
                    words.failed(at, &error);
                    Json::String(format!("<error expanding template: {error}>"))
                }
            },
            Self::List(items) => items.iter().map(|item| item.json(words, at)).collect(),
            Self::Mapping(entries) => {
                let entry = |(key, value): &(String, Self)| (key.clone(), value.json(words, &format!("{at}.{key}")));
                Json::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
            Self::Plain(plain) => plain.clone(),
        }
    }
}

fn below(at: &str, error: &str) -> String {
    if at.is_empty() { error.to_owned() } else { format!("{}: {error}", at.trim_start_matches('.')) }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Json::deserialize(deserializer)?, "").map_err(de::Error::custom)
    }
}
