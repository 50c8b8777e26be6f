//! Where criteria are judged: the service's users, its queue, the promises, and the steps that most criteria share.
//!
//! Every conversation made here carries the run's id as its marker, so that [`Scene::clear`] removes exactly what the
//! run made. Requests keep to each user's budget. Steps note their exchanges in the criterion's evidence; their
//! errors are obstacles, because a step that fails says nothing about a promise that is not about that step.

use std::time::Duration as StdDuration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::memory_api::{Accepted, CallError, Exchange, Memory, Trigger, User, Users};
use crate::model::synthetic::MARKER;
use crate::model::{Clock, Stopwatch};
use crate::queue::{AuditRow, Database, RowState};

use super::{Evidence, Healing, Obstacle, Settings};

/// Pause between two looks at a row or a memory.
const LOOK: StdDuration = StdDuration::from_millis(25);

/// What is promised: the objectives of the configuration, and the target's section `validate`.
#[derive(Debug, Clone)]
pub struct Promises {
    /// Longest time until an update is visible, and the share of updates that must keep to it.
    pub update_visible: (StdDuration, f64),
    /// Longest time of a retrieval, and the share of retrievals that must keep to it.
    pub retrieval: (StdDuration, f64),
    /// The share of operations that must succeed.
    pub success: f64,
    /// Everything else.
    pub settings: Settings,
}

/// A conversation of this run and the user whose it is.
#[derive(Clone)]
pub struct Chat {
    /// Its id.
    pub id: String,
    /// Its owner.
    pub user: User,
}

/// The stage on which criteria are judged.
pub struct Scene {
    /// The target's name.
    pub target: String,
    /// The run's id; the marker of everything it makes.
    pub run_id: String,
    /// Who sends.
    pub users: Users,
    /// The service's database as the run's own: its marker is the run's id.
    pub database: Option<Database>,
    /// What is promised.
    pub promises: Promises,
    /// Whether things may be broken.
    pub chaos_allowed: bool,
    /// What has to be undone, to be said before anything is broken.
    pub healing: Healing,
    /// For instants.
    pub clock: Clock,
    /// Ends the run early.
    pub cancel: CancellationToken,
}

impl Scene {
    /// The database, for criteria that need it.
    ///
    /// # Errors
    /// There is none.
    pub fn database(&self) -> Result<&Database, Obstacle> {
        self.database.as_ref().ok_or_else(|| Obstacle::new("no database is configured for this target"))
    }

    /// The other user, for criteria that need one.
    ///
    /// # Errors
    /// There is none.
    pub fn second_user(&self) -> Result<&User, Obstacle> {
        self.users.second().ok_or_else(|| Obstacle::new("no second user is configured for this target"))
    }

    /// The metadata that marks a conversation as this run's.
    #[must_use]
    pub fn metadata(&self) -> serde_json::Value {
        json!({ MARKER: self.run_id })
    }

    /// Makes a conversation of this run.
    ///
    /// # Errors
    /// It was not made.
    pub async fn chat(&self, user: &User, evidence: &mut Evidence) -> Result<Chat, Obstacle> {
        let answer = user.turn().await.create_conversation(&self.metadata()).await;
        let conversation = noted(answer, evidence)?;
        Ok(Chat { id: conversation.value.conversation_id, user: user.clone() })
    }

    /// Queues a snippet.
    ///
    /// # Errors
    /// It was not accepted.
    pub async fn update(
        &self,
        chat: &Chat,
        snippet: &str,
        evidence: &mut Evidence,
    ) -> Result<Exchange<Accepted>, Obstacle> {
        noted(chat.user.turn().await.update(&chat.id, snippet, Trigger::Test).await, evidence)
    }

    /// Reads a memory.
    ///
    /// # Errors
    /// There is no usable answer.
    pub async fn memory(&self, chat: &Chat, evidence: &mut Evidence) -> Result<Memory, Obstacle> {
        Ok(noted(chat.user.turn().await.memory(&chat.id).await, evidence)?.value)
    }

    /// Waits until the row is complete or given up, for this long at most; answers with the row as last seen.
    ///
    /// # Errors
    /// There is no database, or it gives no answer, or there is no such row.
    pub async fn settled(&self, queue_id: &str, within: StdDuration) -> Result<AuditRow, Obstacle> {
        let database = self.database()?;
        let watch = Stopwatch::start();
        loop {
            let row = database.audit_row(queue_id).await?;
            match row {
                Some(row) if row.row.state() != RowState::Waiting || watch.elapsed() >= within => return Ok(row),
                None if watch.elapsed() >= within => {
                    return Err(Obstacle::new(format!("there is no queue row {queue_id}")));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Sends a snippet, waits until it is processed, and reads the memory: what most criteria begin with.
    ///
    /// # Errors
    /// Any of the steps failed, or the row was not complete within `within`.
    pub async fn remember(
        &self,
        chat: &Chat,
        snippet: &str,
        within: StdDuration,
        evidence: &mut Evidence,
    ) -> Result<Memory, Obstacle> {
        self.processed(chat, snippet, within, evidence).await?;
        self.memory(chat, evidence).await
    }

    /// How long an update is waited for where its time is not what is judged: ten times the promise, 20 s at least,
    /// unless the settings say otherwise.
    #[must_use]
    pub fn patience(&self) -> StdDuration {
        if let Some(patience) = self.promises.settings.patience {
            return patience.std();
        }
        (self.promises.update_visible.0 * 10).max(StdDuration::from_secs(20))
    }
}

/// A value or an obstacle, with its exchange in the evidence.
pub(super) fn noted<T>(
    answer: Result<Exchange<T>, CallError>,
    evidence: &mut Evidence,
) -> Result<Exchange<T>, Obstacle> {
    match &answer {
        Ok(exchange) => evidence.exchange(&exchange.record),
        Err(error) => {
            if let Some(record) = error.record() {
                evidence.exchange(record);
            }
        }
    }
    answer.map_err(Obstacle::from)
}
