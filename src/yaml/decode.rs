//! Serde over the tree: finds a mistake, leaves out the part it concerns, goes on.
//!
//! Decoding runs again after each mistake with one more path left out, at most [`MOST`] times. A field that
//! is missing only because it was left out is not told again; what contains it is left out in turn.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::model::secret::{PLAIN_OR_SECRET_MARKER, SECRET_MARKER};
use crate::model::{Problem, Secret};

use super::decoded::Decoded;
use super::document::SecretSource;
use super::mistake::Mistake;
use super::node::{Content, Key, Node};

/// Most mistakes told of one file.
const MOST: usize = 100;

/// Makes the source that an ending names.
type Source = fn(String) -> SecretSource;

/// The endings under which a secret may be given.
const ENDINGS: [(&str, Source); 3] =
    [("_file", SecretSource::File), ("_env", SecretSource::Env), ("_credential", SecretSource::Credential)];

/// Whether `key` gives `field`: itself, or by an ending that says where the secret is.
pub(super) fn gives(key: &str, field: &str) -> bool {
    key == field || ENDINGS.iter().any(|(ending, _)| key.strip_suffix(ending) == Some(field))
}

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// `a.b[2].c` as steps.
pub(super) fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (key, indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
        if !key.is_empty() {
            steps.push(Step::Key(key));
        }
        let indexes = indexes.split(['[', ']']).filter_map(|index| index.parse().ok());
        steps.extend(indexes.map(Step::Index));
    }
    steps
}

/// A YAML reader's message without its line and column, which are told apart, and its advice to programmers.
pub(super) fn plain(message: &str) -> String {
    let at = [" at line ", ", line ", ", set "].iter().filter_map(|mark| message.find(mark)).min();
    message[..at.unwrap_or(message.len())].trim_end_matches(['.', ':', ' ']).to_owned()
}

/// What decoding needs besides the tree.
pub(super) struct Decoder<'a> {
    text: &'a str,
    secrets: &'a dyn Fn(&SecretSource) -> Result<Secret, String>,
    left_out: RefCell<BTreeSet<String>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(text: &'a str, secrets: &'a dyn Fn(&SecretSource) -> Result<Secret, String>) -> Self {
        Self { text, secrets, left_out: RefCell::default() }
    }

    pub(super) fn decode<T: DeserializeOwned>(self, root: &Node) -> Decoded<T> {
        let mut problems = Vec::new();
        let mut value = None;
        // Leaving out what contains a mistake takes further rounds, one for each level.
        for _ in 0..MOST * 8 {
            match T::deserialize(At { decoder: &self, node: root, path: String::new() }) {
                Ok(decoded) => {
                    value = Some(decoded);
                    break;
                }
                Err(mistake) => {
                    let path = mistake.problem.path.clone();
                    let told = mistake.missing.is_some_and(|field| self.is_left_out(&below(&path, field)));
                    if !told && problems.len() < MOST {
                        problems.push(*mistake.problem);
                    }
                    if path.is_empty() || !self.left_out.borrow_mut().insert(path) {
                        break;
                    }
                }
            }
        }
        Decoded { value, problems, left_out: self.left_out.into_inner() }
    }

    fn is_left_out(&self, path: &str) -> bool {
        self.left_out.borrow().contains(path)
    }

    /// The field that `key` gives: itself, or the secret field that it names by an ending.
    fn field(key: &str, fields: &'static [&'static str]) -> Option<(&'static str, Option<Source>)> {
        let find = |name: &str| fields.iter().copied().find(|field| *field == name);
        if let Some(field) = find(key) {
            return Some((field, None));
        }
        ENDINGS.iter().find_map(|(ending, source)| Some((find(key.strip_suffix(ending)?)?, Some(*source))))
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The deserializer for one node.
struct At<'a> {
    decoder: &'a Decoder<'a>,
    node: &'a Node,
    path: String,
}

impl<'a> At<'a> {
    fn entries(&self) -> &'a [(Key, Node)] {
        match &self.node.content {
            Content::Mapping(entries) => entries,
            _ => &[],
        }
    }

    fn visit_map<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        fields: Option<&'static [&'static str]>,
    ) -> Result<V::Value, Mistake> {
        let path = self.path.clone();
        let access = Entries { entries: self.entries().iter(), fields, value: None, at: self };
        visitor.visit_map(access).map_err(|mistake| mistake.at(&path))
    }

    fn expected(&self, what: &str) -> Mistake {
        Mistake::new(format!("expected {what}, found {}", self.node.content.describe())).at(&self.path)
    }
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let path = self.path.clone();
        match &self.node.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Int(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Content::Float(value) => visitor.visit_f64(*value),
            Content::String(value) => visitor.visit_str(value),
            Content::Sequence(items) => visitor.visit_seq(Items { items: items.iter().enumerate(), at: &self }),
            Content::Mapping(_) => return self.visit_map(visitor, None),
        }
        .map_err(|mistake: Mistake| mistake.at(&path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.content {
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// A number or boolean where text is wanted is the text as written, as in Prometheus's files.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.content {
            Content::Bool(_) | Content::Int(_) | Content::Float(_) => {
                let raw = self.decoder.text.get(self.node.bytes.clone()).unwrap_or("").trim();
                visitor.visit_str(raw).map_err(|mistake: Mistake| mistake.at(&self.path))
            }
            Content::String(_) => self.deserialize_any(visitor),
            _ => Err(self.expected("text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        if name == SECRET_MARKER {
            let key = self.path.rsplit('.').next().unwrap_or("").to_owned();
            let problem = Problem::at("", "a secret does not stand in this file")
                .hint(format!("use {key}_file, {key}_env or {key}_credential"));
            return Err(Mistake::of(problem).at(&self.path));
        }
        let path = self.path.clone();
        visitor.visit_newtype_struct(self).map_err(|mistake| mistake.at(&path))
    }

    /// A list that was begun and left empty (`probes:`) is an empty list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.content {
            Content::Null => visitor.visit_seq(Items { items: [].iter().enumerate(), at: &self }),
            Content::Sequence(_) => self.deserialize_any(visitor),
            _ => Err(self.expected("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.content {
            Content::Null | Content::Mapping(_) => self.visit_map(visitor, None),
            _ => Err(self.expected("a mapping")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.content {
            Content::Null | Content::Mapping(_) => self.visit_map(visitor, Some(fields)),
            _ => Err(self.expected("a mapping")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.content {
            Content::String(value) => {
                let variant: de::value::StrDeserializer<'_, Mistake> =
                    de::IntoDeserializer::into_deserializer(value.as_str());
                visitor.visit_enum(variant).map_err(|mistake| mistake.at(&self.path))
            }
            _ => Err(self.expected("one word")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct tuple tuple_struct identifier
    }
}

/// The items of a list that were not left out.
struct Items<'a, 'p> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    at: &'p At<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        for (index, node) in self.items.by_ref() {
            let path = format!("{}[{index}]", self.at.path);
            if self.at.decoder.is_left_out(&path) {
                continue;
            }
            let at = At { decoder: self.at.decoder, node, path: path.clone() };
            return seed.deserialize(at).map(Some).map_err(|mistake| mistake.at(&path));
        }
        Ok(None)
    }
}

/// An entry whose key was taken, and the source if its key names a secret by an ending.
type Entry<'a> = (&'a Key, &'a Node, Option<Source>);

/// The entries of a mapping that were not left out.
struct Entries<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    /// The keys of the struct being filled; `None` for a free mapping.
    fields: Option<&'static [&'static str]>,
    value: Option<Entry<'a>>,
    at: At<'a>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        for (key, node) in self.entries.by_ref() {
            let path = below(&self.at.path, &key.name);
            if self.at.decoder.is_left_out(&path) {
                continue;
            }
            let field = self.fields.and_then(|fields| Decoder::field(&key.name, fields));
            let (name, source) = field.unwrap_or((&key.name, None));
            self.value = Some((key, node, source));
            let name: de::value::StrDeserializer<'_, Mistake> = de::IntoDeserializer::into_deserializer(name);
            return seed.deserialize(name).map(Some).map_err(|mut mistake| {
                mistake.problem.place = Some(key.place);
                mistake.at(&path)
            });
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let Some((key, node, source)) = self.value.take() else {
            return Err(Mistake::new("a value without a key"));
        };
        let path = below(&self.at.path, &key.name);
        let result = match source {
            None => seed.deserialize(At { decoder: self.at.decoder, node, path: path.clone() }),
            Some(source) => {
                seed.deserialize(SecretAt { at: At { decoder: self.at.decoder, node, path: path.clone() }, source })
            }
        };
        // A missing secret field was given under another name; it must count as left out under its own too.
        result.map_err(|mistake| {
            if source.is_some() {
                let own = ENDINGS.iter().find_map(|(ending, _)| path.strip_suffix(ending)).unwrap_or(&path);
                self.at.decoder.left_out.borrow_mut().insert(own.to_owned());
            }
            mistake.at(&path)
        })
    }
}

/// The deserializer for a field given by `_file`, `_env` or `_credential`.
struct SecretAt<'a> {
    at: At<'a>,
    source: Source,
}

impl<'de> Deserializer<'de> for SecretAt<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Mistake> {
        let key = self.at.path.rsplit('.').next().unwrap_or("");
        Err(Mistake::new(format!("unknown key {key:?}")).at(&self.at.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        let Content::String(place) = &self.at.node.content else { return Err(self.at.expected("text")) };
        if name != SECRET_MARKER && name != PLAIN_OR_SECRET_MARKER {
            return self.deserialize_any(visitor);
        }
        let secret = (self.at.decoder.secrets)(&(self.source)(place.clone()));
        let secret = secret.map_err(|message| Mistake::new(message).at(&self.at.path))?;
        visitor.visit_str(secret.expose())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
