//! `GET /health`: a weak signal, as the contract says. The answer is kept for half a minute.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Service;
use crate::clock;
use crate::quirks::Quirk;

/// How long the database may take to say that it is there.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// The last answer and when it was made.
pub struct Cache {
    lifetime: Duration,
    last: Mutex<Option<(Instant, Value)>>,
}

impl Cache {
    /// Empty; an answer is good for `lifetime`.
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, last: Mutex::new(None) }
    }

    fn get(&self, now: Instant) -> Option<Value> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, answer) = last.as_ref()?;
        (now.saturating_duration_since(*made) < self.lifetime).then(|| answer.clone())
    }

    fn put(&self, now: Instant, answer: &Value) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, answer.clone()));
    }
}

/// Answers 200, whatever it has to say.
pub async fn show(State(service): State<Arc<Service>>) -> Json<Value> {
    if let Some(answer) = service.health.get(clock::instant()) {
        return Json(answer);
    }
    let database = service.quirks.on(Quirk::SettingsOnlyHealth) || service.database_answers().await;
    let answer = json!({
        "status": if database { "healthy" } else { "degraded" },
        "timestamp": clock::now().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "services": {
            "database": if database { "healthy" } else { "unhealthy" },
            // Nobody asks these; that they are configured has to do.
            "supabase_auth": "healthy",
            "llamaparse": "healthy",
            "openai": "healthy",
        },
    });
    service.health.put(clock::instant(), &answer);
    Json(answer)
}

impl Service {
    async fn database_answers(&self) -> bool {
        let ping = sqlx::query("SELECT 1").execute(&self.pool);
        matches!(tokio::time::timeout(PING_LIMIT, ping).await, Ok(Ok(_)))
    }
}
