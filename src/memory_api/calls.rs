//! The service's calls: path, body, answer. Everything about them that `service.md`'s contract fixes is here.
//!
//! Ids are text, whatever the deployment makes them of. Fields that the contract does not promise are ignored.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::{CallError, Client, Exchange, Route};

pub(super) const HEALTH_PATH: &str = "/health";
pub(super) const LOGIN_PATH: &str = "/auth/login";
pub(super) const CONVERSATIONS_PATH: &str = "/conversations";
pub(super) const UPDATE_PATH: &str = "/api/v1/memory/update";
pub(super) const MEMORY_PATH: &str = "/api/v1/memory/";

/// The service's own opinion of itself: cached, and mostly a check that settings are present.
#[derive(Debug, Clone, Deserialize)]
pub struct Health {
    /// `healthy` or `degraded`.
    pub status: String,
    /// What runs there.
    #[serde(default)]
    pub version: Option<String>,
    /// State of each dependency by name; mostly a text such as `healthy`.
    #[serde(default)]
    pub services: BTreeMap<String, Value>,
}

/// A conversation as created.
#[derive(Debug, Clone, Deserialize)]
pub struct Conversation {
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub conversation_id: String,
    /// The metadata that was kept.
    #[serde(default)]
    pub metadata: Value,
}

/// A snippet that was accepted into the queue.
#[derive(Debug, Clone, Deserialize)]
pub struct Accepted {
    /// The queue row's id.
    #[serde(deserialize_with = "text")]
    pub queue_id: String,
    /// The row's first status.
    pub status: String,
}

/// What is remembered of a conversation. All three fields are empty until a snippet was processed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Memory {
    /// The conversation.
    #[serde(deserialize_with = "text")]
    pub chat_id: String,
    /// Facts that the user stated.
    pub user_confirmed: Map<String, Value>,
    /// Facts that the agent concluded.
    pub llm_inferred: Map<String, Value>,
    /// The summary.
    pub general_summary: String,
    /// Some deployments set it at the first update and never again.
    #[serde(default)]
    pub last_updated: Option<String>,
}

/// Who caused an update, as the service wants to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A person.
    Manual,
    /// A program.
    Api,
    /// A test.
    Test,
}

#[derive(Deserialize)]
pub(super) struct LoginAnswer {
    pub(super) access_token: String,
}

impl Memory {
    /// Whether nothing is remembered: not processed yet, or a summariser in mock mode.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.user_confirmed.is_empty() && self.llm_inferred.is_empty() && self.general_summary.is_empty()
    }

    /// Whether both remember the same. `last_updated` is left out: it says nothing on some deployments.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.user_confirmed == other.user_confirmed
            && self.llm_inferred == other.llm_inferred
            && self.general_summary == other.general_summary
    }

    /// Whether any of the three fields holds `text`.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        let in_map =
            |map: &Map<String, Value>| map.iter().any(|(key, value)| key.contains(text) || in_value(value, text));
        self.general_summary.contains(text) || in_map(&self.user_confirmed) || in_map(&self.llm_inferred)
    }

    /// About how long the memory is, in bytes of text.
    #[must_use]
    pub fn size(&self) -> usize {
        let map = |map: &Map<String, Value>| serde_json::to_string(map).map_or(0, |text| text.len());
        self.general_summary.len() + map(&self.user_confirmed) + map(&self.llm_inferred)
    }
}

fn in_value(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(values) => values.iter().any(|value| in_value(value, text)),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains(text) || in_value(value, text)),
        _ => false,
    }
}

impl Client {
    /// `GET /health`. Needs no token and no budget.
    ///
    /// # Errors
    /// Why there is no usable answer.
    pub async fn health(&self) -> Result<Exchange<Health>, CallError> {
        self.anonymous(Route::Health, HEALTH_PATH).await
    }

    /// Creates a conversation with this metadata.
    ///
    /// # Errors
    /// Why there is no usable answer; the conversation may exist nevertheless.
    pub async fn create_conversation(&self, metadata: &Value) -> Result<Exchange<Conversation>, CallError> {
        let body = serde_json::json!({ "metadata": metadata });
        self.authenticated(Route::Conversations, CONVERSATIONS_PATH, Some(Bytes::from(body.to_string()))).await
    }

    /// Queues a snippet for the conversation's memory.
    ///
    /// # Errors
    /// Why there is no usable answer; the snippet may be queued nevertheless.
    pub async fn update(
        &self,
        chat_id: &str,
        snippet: &str,
        trigger: Trigger,
    ) -> Result<Exchange<Accepted>, CallError> {
        let body = serde_json::json!({"chat_id": chat_id, "context_snippet": snippet, "trigger_source": trigger});
        self.authenticated(Route::MemoryUpdate, UPDATE_PATH, Some(Bytes::from(body.to_string()))).await
    }

    /// Reads a conversation's memory. 200 with empty fields is what an unprocessed conversation gives too.
    ///
    /// # Errors
    /// Why there is no usable answer.
    pub async fn memory(&self, chat_id: &str) -> Result<Exchange<Memory>, CallError> {
        self.authenticated(Route::Memory, &memory_path(chat_id), None).await
    }
}

pub(super) fn memory_path(chat_id: &str) -> String {
    let mut path = String::with_capacity(MEMORY_PATH.len() + chat_id.len());
    path.push_str(MEMORY_PATH);
    for byte in chat_id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// An id: a text, or a number that is taken as text.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(de::Error::custom("an id is neither a text nor a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert_eq!(memory_path("a/../b?c"), "/api/v1/memory/a%2F..%2Fb%3Fc");
    }

    #[test]
    fn a_memory_is_searched_in_all_three_fields() {
        let memory: Memory = serde_json::from_str(
            r#"{"chat_id": 7, "user_confirmed": {"code": ["x1"]}, "llm_inferred": {"k": {"x2": 1}}, "general_summary": "x3"}"#,
        )
        .unwrap();
        assert_eq!(memory.chat_id, "7");
        assert!(["x1", "x2", "x3"].iter().all(|text| memory.mentions(text)));
        assert!(!memory.mentions("x4") && !memory.is_empty());
    }

    #[test]
    fn a_memory_without_its_three_fields_is_refused() {
        assert!(
            serde_json::from_str::<Memory>(r#"{"chat_id": "a", "user_confirmed": {}, "general_summary": ""}"#).is_err()
        );
    }
}
