//! What a load needs before it begins: logins, conversations with the run's marker, memories to read.
//!
//! A bounded number of requests at a time, each within its user's budget. How many were asked for is known before, so
//! that a failure half-way is told with what there is.

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::memory_api::{CallError, Trigger, User};
use crate::model::synthetic::{MARKER, nonce, snippet};
use crate::traffic::Chat;

use super::plan::{Plan, needs_memories};

/// Requests at a time.
const AT_ONCE: usize = 16;

/// What was made.
#[derive(Default)]
pub(super) struct Made {
    pub(super) chats: Vec<Chat>,
    /// Updates that were accepted before the measurement.
    pub(super) seeds: u64,
    /// Why there is not all of it.
    pub(super) failure: Option<String>,
}

/// Makes it, until it is all there, something fails, or `cancel`.
pub(super) async fn make(plan: &Plan, cancel: &CancellationToken) -> Made {
    let mut made = Made::default();
    let work = async {
        // Without a call that needs a token there is no login either: the scenario health measures nothing else.
        if plan.chats > 0 {
            log_in(plan).await.map_err(|error| error.to_string())?;
            conversations(plan, &mut made.chats).await.map_err(|error| error.to_string())?;
        }
        if needs_memories(plan.scenario) {
            seed(plan, &made.chats, &mut made.seeds).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = work => ended,
        () = cancel.cancelled() => Err("interrupted".to_owned()),
    };
    made.failure = ended.err();
    made
}

async fn log_in(plan: &Plan) -> Result<(), CallError> {
    let mut logins = stream::iter(plan.users.all()).map(|user| user.client().ensure_login()).buffer_unordered(AT_ONCE);
    while let Some(login) = logins.next().await {
        login?;
    }
    Ok(())
}

async fn conversations(plan: &Plan, chats: &mut Vec<Chat>) -> Result<(), CallError> {
    let metadata = json!({ MARKER: plan.run_id });
    let users = plan.users.all();
    let make = async |user: &User| {
        let answer = user.turn().await.create_conversation(&metadata).await?;
        Ok::<_, CallError>(Chat { user: user.number(), id: answer.value.conversation_id })
    };
    let mut coming = stream::iter(users.iter().cycle().take(plan.chats)).map(make).buffer_unordered(AT_ONCE);
    while let Some(chat) = coming.next().await {
        chats.push(chat?);
    }
    Ok(())
}

async fn seed(plan: &Plan, chats: &[Chat], seeds: &mut u64) -> Result<(), CallError> {
    let send = async |chat: &Chat| {
        let user = plan.users.all().get(chat.user).unwrap_or_else(|| plan.users.first());
        user.turn().await.update(&chat.id, &snippet(&nonce()), Trigger::Test).await
    };
    let mut coming = stream::iter(chats).map(send).buffer_unordered(AT_ONCE);
    while let Some(accepted) = coming.next().await {
        accepted?;
        *seeds += 1;
    }
    Ok(())
}
