//! Values inside a template: their truth, their fields and how they print, as Go would have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Labels;

use super::{alertmanager, clock_face, format};

/// A value. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Value {
    /// Go's nil.
    Nil,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Text(Arc<str>),
    /// A slice.
    List(Arc<[Value]>),
    /// A map or a struct.
    Map(Arc<Map>),
    /// An instant.
    Time(jiff::Timestamp),
    /// An instant with a time zone to print it in.
    Zoned(Arc<jiff::Zoned>),
    /// A duration in nanoseconds.
    Span(i64),
}

/// Names with values.
#[derive(Debug, Clone)]
pub struct Map {
    /// What happens to a name that is not there.
    pub kind: MapKind,
    /// The values.
    pub entries: BTreeMap<String, Value>,
}

/// Which of Go's types a [`Map`] stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapKind {
    /// `map[string]string` for a trial: every key is there and has this text.
    Any(Arc<str>),
    /// `map[string]string`: a missing key is the empty string.
    Texts,
    /// Alertmanager's label sets: a missing key is the empty string, and there are methods.
    Labels,
    /// `map[string]interface{}`: a missing key prints `<no value>`.
    Values,
    /// A struct: a missing field is an error.
    Fields,
}

impl Map {
    /// A map that answers `text` for every key, for trying a template out.
    #[must_use]
    pub fn answering(text: &str) -> Self {
        Self { kind: MapKind::Any(Arc::from(text)), entries: BTreeMap::new() }
    }
}

impl Value {
    /// A string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }

    /// A label set or other strings by name, as `map[string]string`.
    #[must_use]
    pub fn texts<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let entries = pairs.into_iter().map(|(name, value)| (name.to_owned(), Self::text(value))).collect();
        Self::Map(Arc::new(Map { kind: MapKind::Texts, entries }))
    }

    /// A label set or annotations as Alertmanager's `KV`.
    #[must_use]
    pub fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let entries = pairs.into_iter().map(|(name, value)| (name.to_owned(), Self::text(value))).collect();
        Self::Map(Arc::new(Map { kind: MapKind::Labels, entries }))
    }

    /// A struct with these fields.
    #[must_use]
    pub fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let entries = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::Map(Arc::new(Map { kind: MapKind::Fields, entries }))
    }

    /// One element of an instant vector: `.Labels` and `.Value`.
    #[must_use]
    pub fn sample(labels: &Labels, value: f64) -> Self {
        Self::fields([("Labels", Self::texts(labels.iter())), ("Value", Self::Float(value))])
    }

    /// A slice.
    #[must_use]
    pub fn list(values: Vec<Self>) -> Self {
        Self::List(Arc::from(values))
    }

    /// Whether `if` takes it for true: not zero, not empty, not nil.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Span(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => {
                map.kind == MapKind::Fields || map.entries.len() + usize::from(matches!(map.kind, MapKind::Any(_))) > 0
            }
            Self::Time(_) | Self::Zoned(_) => true,
        }
    }

    /// The name of its type in Go, for error texts.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Map(map) => match map.kind {
                MapKind::Any(_) | MapKind::Texts => "map[string]string",
                MapKind::Labels => "template.KV",
                MapKind::Values => "map[string]interface {}",
                MapKind::Fields => "struct",
            },
            Self::Time(_) | Self::Zoned(_) => "time.Time",
            Self::Span(_) => "time.Duration",
        }
    }

    /// What an action prints.
    #[must_use]
    pub fn print(&self) -> String {
        match self {
            Self::Nil => "<no value>".to_owned(),
            other => other.verb_v(),
        }
    }

    /// As `fmt`'s `%v` prints it.
    pub(super) fn verb_v(&self) -> String {
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => format::float(*value, 'g', None),
            Self::Text(text) => text.as_ref().to_owned(),
            Self::List(list) => {
                let items: Vec<String> = list.iter().map(Self::verb_v).collect();
                format!("[{}]", items.join(" "))
            }
            Self::Map(map) if map.kind == MapKind::Fields => {
                let items: Vec<String> = map.entries.values().map(Self::verb_v).collect();
                format!("{{{}}}", items.join(" "))
            }
            Self::Map(map) => {
                let items: Vec<String> = map.entries.iter().map(|(k, v)| format!("{k}:{}", v.verb_v())).collect();
                format!("map[{}]", items.join(" "))
            }
            Self::Time(time) => clock_face::time_text(*time),
            Self::Zoned(zoned) => clock_face::zoned_text(zoned),
            Self::Span(nanos) => clock_face::span_text(*nanos),
        }
    }

    /// The field, key or method `name` with `arguments`.
    pub(super) fn field(&self, name: &str, arguments: &[Self]) -> Result<Self, String> {
        match self {
            Self::Time(time) => return clock_face::time_method(*time, name, arguments),
            Self::Zoned(zoned) => return clock_face::zoned_method(zoned, name, arguments),
            Self::Span(nanos) => return clock_face::span_method(*nanos, name, arguments),
            Self::Map(map) if map.kind == MapKind::Labels => {
                if let Some(answer) = alertmanager::labels_method(map, name, arguments) {
                    return answer;
                }
            }
            Self::List(list) if arguments.is_empty() => {
                if let Some(answer) = alertmanager::list_method(list, name) {
                    return answer;
                }
            }
            _ => {}
        }
        match self {
            _ if !arguments.is_empty() => {
                return Err(format!("{name} has arguments but cannot be invoked as function"));
            }
            _ => {}
        }
        match self {
            Self::Map(map) => match (map.entries.get(name), &map.kind) {
                (Some(value), _) => Ok(value.clone()),
                (None, MapKind::Any(text)) => Ok(Self::Text(Arc::clone(text))),
                (None, MapKind::Texts | MapKind::Labels) => Ok(Self::text("")),
                (None, MapKind::Values) => Ok(Self::Nil),
                (None, MapKind::Fields) => Err(format!("can't evaluate field {name} in type {}", self.type_name())),
            },
            Self::Nil => Err(format!("nil data; no entry for key {name:?}")),
            other => Err(format!("can't evaluate field {name} in type {}", other.type_name())),
        }
    }

    /// As Go's `encoding/json` writes it; fields of structs under their names in Alertmanager's webhook.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Nil => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) | Self::Span(value) => Json::from(*value),
            Self::Float(value) => Json::from(*value),
            Self::Text(text) => Json::from(text.as_ref()),
            Self::List(list) => list.iter().map(Self::json).collect(),
            Self::Map(map) => {
                let pair = map.entries.len() == 2 && map.entries.contains_key("Name");
                let key = |key: &str| match map.kind {
                    MapKind::Fields if !pair => small_first(key),
                    _ => key.to_owned(),
                };
                map.entries.iter().map(|(name, value)| (key(name), value.json())).collect()
            }
            Self::Time(time) => Json::from(time.to_string()),
            Self::Zoned(zoned) => Json::from(zoned.timestamp().display_with_offset(zoned.offset()).to_string()),
        }
    }
}

/// `startsAt` for `StartsAt`.
fn small_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}
