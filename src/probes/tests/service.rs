//! A small service in the test's process, whose behaviour is changed while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::memory_api::tests::fixture::{Reply, Seen};

/// How the service behaves; changed while it runs.
#[derive(Clone)]
pub(super) struct Behaviour {
    /// Reads of a memory until an update shows in it; `None` is never.
    pub(super) reads_until_processed: Option<u32>,
    /// What a processed update leaves.
    pub(super) memory: Arc<dyn Fn(&str) -> Value + Send + Sync>,
    pub(super) last_updated_moves: bool,
    /// Every route but health and login answers so.
    pub(super) refuse: Option<u16>,
    pub(super) health: Value,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            reads_until_processed: Some(1),
            memory: Arc::new(|snippet| json!({"code": snippet})),
            last_updated_moves: true,
            refuse: None,
            health: json!({"status": "healthy", "services": {"database": "healthy", "openai": "degraded"}}),
        }
    }
}

#[derive(Default)]
pub(super) struct Chat {
    pub(super) confirmed: Value,
    last_updated: Option<String>,
    pub(super) pending: Option<(String, u32)>,
}

#[derive(Clone, Default)]
pub(super) struct Service {
    behaviour: Arc<Mutex<Behaviour>>,
    pub(super) chats: Arc<Mutex<BTreeMap<String, Chat>>>,
}

impl Service {
    pub(super) fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    pub(super) fn answer(&self, seen: &Seen) -> Reply {
        let behaviour = self.behaviour.lock().unwrap().clone();
        match (seen.route.as_str(), behaviour.refuse) {
            ("GET /health", _) => Reply::ok(behaviour.health),
            ("POST /auth/login", _) => Reply::ok(json!({"access_token": "opaque-token"})),
            (_, Some(status)) => Reply::Status(status, r#"{"detail": "no"}"#.into()),
            ("POST /conversations", _) => {
                let mut chats = self.chats.lock().unwrap();
                let id = format!("chat-{}", chats.len());
                let chat = Chat { confirmed: json!({}), ..Chat::default() };
                chats.insert(id.clone(), chat);
                let body: Value = serde_json::from_str(&seen.body).unwrap();
                Reply::ok(json!({"conversation_id": id, "metadata": body["metadata"]}))
            }
            ("POST /api/v1/memory/update", _) => self.update(&behaviour, &seen.body),
            (route, _) => self.read(&behaviour, route.rsplit('/').next().unwrap_or("")),
        }
    }

    fn update(&self, behaviour: &Behaviour, body: &str) -> Reply {
        let body: Value = serde_json::from_str(body).unwrap();
        let mut chats = self.chats.lock().unwrap();
        let Some(chat) = chats.get_mut(body["chat_id"].as_str().unwrap()) else {
            return Reply::Status(404, "{}".into());
        };
        let snippet = body["context_snippet"].as_str().unwrap().to_owned();
        chat.pending = behaviour.reads_until_processed.map(|reads| (snippet, reads));
        Reply::Status(201, json!({"queue_id": "q1", "status": "pending_summarization"}).to_string())
    }

    fn read(&self, behaviour: &Behaviour, id: &str) -> Reply {
        let mut chats = self.chats.lock().unwrap();
        let Some(chat) = chats.get_mut(id) else { return Reply::Status(404, "{}".into()) };
        match chat.pending.take() {
            Some((snippet, 0)) => {
                chat.confirmed = (behaviour.memory)(&snippet);
                if behaviour.last_updated_moves || chat.last_updated.is_none() {
                    chat.last_updated = Some(snippet);
                }
            }
            Some((snippet, reads)) => chat.pending = Some((snippet, reads - 1)),
            None => {}
        }
        Reply::ok(json!({
            "chat_id": id, "user_confirmed": chat.confirmed, "llm_inferred": {}, "general_summary": "",
            "last_updated": chat.last_updated,
        }))
    }
}
