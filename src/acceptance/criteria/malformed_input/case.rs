//! One case: what is sent, what the contract asks for, and how an answer stands to it.

use http::Method;
use serde_json::{Value, json};

use crate::memory_api::{RawAnswer, RawRequest, Route};

/// What cases are made of.
pub(super) struct Asked {
    /// A chat of our own.
    pub(super) chat: String,
    /// Metadata that marks a conversation as ours, for those that may come into being.
    pub(super) metadata: Value,
}

/// One case.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) request: RawRequest,
    pub(super) expected: Expected,
}

/// What the contract asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    /// A body that breaks its schema: 422 with a list of details. Another 4xx is a refusal too.
    Schema,
    /// A snippet with nothing in it: 422 with a text as detail. Another 4xx is a refusal too.
    EmptySnippet,
    /// Any 4xx.
    Refused,
    /// 201, and exactly this text in the queue.
    Stored(String),
    /// Where the contract says nothing: a refusal with a 4xx, or acceptance.
    RefusedOrTaken,
}

impl Expected {
    /// As a report says it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Schema => "422 with a list of details, or another 4xx",
            Self::EmptySnippet => "422 with a text as detail, or another 4xx",
            Self::Refused => "4xx",
            Self::Stored(_) => "201, and stored as the text that it is",
            Self::RefusedOrTaken => "4xx, or accepted; no 5xx",
        }
    }

    /// What came, and whether that is what was asked for; `None` if the request did not get as far as its input.
    pub(super) fn judge(&self, answer: &RawAnswer) -> (String, Option<bool>) {
        let detail = match (answer.status, answer.json().get("detail")) {
            (422, Some(Value::Array(_))) => " with a list",
            (422, Some(Value::String(_))) => " with a text",
            (422, _) => " without detail",
            _ => "",
        };
        let got = format!("{}{detail}", answer.status);
        let refused = (400..500).contains(&answer.status);
        let ok = match self {
            Self::Schema => refused && (answer.status != 422 || detail == " with a list"),
            Self::EmptySnippet => refused && (answer.status != 422 || detail == " with a text"),
            Self::Refused => refused,
            Self::Stored(_) => answer.status == 201,
            Self::RefusedOrTaken => refused || answer.is_success(),
        };
        (got, Some(ok))
    }
}

impl Asked {
    /// An update with these bytes as body.
    pub(super) fn update(&self, name: &'static str, body: impl Into<bytes::Bytes>, expected: Expected) -> Input {
        Input { name, request: RawRequest::post(Route::MemoryUpdate, body), expected }
    }

    /// An update that is well-formed but for what `change` makes of it.
    pub(super) fn changed(&self, name: &'static str, change: Value, expected: Expected) -> Input {
        let mut body = json!({"chat_id": self.chat, "context_snippet": "It rained.", "trigger_source": "test"});
        if let (Value::Object(body), Value::Object(change)) = (&mut body, change) {
            for (field, value) in change {
                // A field that is to be missing is marked by this word.
                if value == "(missing)" {
                    body.shift_remove(&field);
                } else {
                    body.insert(field, value);
                }
            }
        }
        self.update(name, body.to_string(), expected)
    }

    /// An update with a snippet that must be stored as it is.
    pub(super) fn text(&self, name: &'static str, snippet: &str) -> Input {
        self.changed(name, json!({"context_snippet": snippet}), Expected::Stored(snippet.to_owned()))
    }

    /// A new conversation with these bytes as body.
    pub(super) fn conversation(&self, name: &'static str, body: impl Into<bytes::Bytes>, expected: Expected) -> Input {
        Input { name, request: RawRequest::post(Route::Conversations, body), expected }
    }

    /// A login with these bytes as body.
    pub(super) fn login(&self, name: &'static str, body: impl Into<bytes::Bytes>) -> Input {
        Input { name, request: RawRequest::post(Route::Login, body), expected: Expected::Refused }
    }

    /// A retrieval with this in the place of the chat's id, as it is.
    pub(super) fn place(&self, name: &'static str, place: &str) -> Input {
        let request = RawRequest { place: place.to_owned(), ..RawRequest::memory("") };
        Input { name, request: RawRequest { method: Method::GET, ..request }, expected: Expected::Refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_changed_or_taken_away_and_the_rest_stays() {
        let asked = Asked { chat: "c1".into(), metadata: Value::Null };
        let input = asked.changed("x", json!({"chat_id": "(missing)", "trigger_source": 1}), Expected::Schema);
        let body: Value = serde_json::from_slice(&input.request.body).unwrap();
        assert_eq!(body, json!({"context_snippet": "It rained.", "trigger_source": 1}));
    }
}
