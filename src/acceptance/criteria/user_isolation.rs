//! No user reads or changes another's chat.

use super::super::steps::nonce;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use crate::memory_api::{RawAnswer, RawRequest, Route, User};

const CHATS_EACH: usize = 3;

pub(super) const CRITERION: Criterion = Criterion {
    id: "user-isolation",
    area: Area::Isolation,
    promise: "No user reads another's chat, nor writes into it.",
    method: "Two users have three chats each, with a memory in it. Each tries to read and to update the other's chats, with a good token; \
             after every refusal a chat of their own must be readable, so that an outage is not taken for a refusal. With a \
             database the queue is searched for what was refused.",
    needs: &[Need::SecondUser],
    estimate: |scene| scene.paced(6 * 7, 2) + scene.updates(6),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let users = [scene.users.first().clone(), scene.second_user()?.clone()];
    let mut chats: Vec<(Chat, String)> = Vec::new();
    for turn in 0..2 * CHATS_EACH {
        let chat = scene.chat(&users[turn % 2], evidence).await?;
        let secret = nonce();
        scene
            .processed(&chat, &format!("My locker code is {secret}. We met on Monday."), scene.patience(), evidence)
            .await?;
        chats.push((chat, secret));
    }
    let (mut broken, mut tried, mut written) = (Vec::new(), 0_u64, Vec::new());
    for (turn, (chat, secret)) in chats.iter().enumerate() {
        let (stranger, own) = (&users[(turn + 1) % 2], &chats[(turn + 1) % 2].0);
        let word = nonce();
        let update = RawRequest::post(Route::MemoryUpdate, update_body(&chat.id, &word));
        for (name, request) in [("read", RawRequest::memory(&chat.id)), ("update", update)] {
            let answer = attempt(scene, stranger, &request, own, evidence).await?;
            tried += 1;
            let mut got = answer.status.to_string();
            if answer.is_success() && String::from_utf8_lossy(&answer.body).contains(secret.as_str()) {
                got.push_str(", with what the other user had said");
            }
            let case = format!("{name} of user {}'s chat by user {}", turn % 2 + 1, (turn + 1) % 2 + 1);
            evidence.case(&case, "404 or 403", got.clone(), Some(!answer.is_success()));
            if answer.is_success() {
                broken.push(format!("{case} was answered with {got}"));
            } else if answer.status == 401 {
                evidence.note(format!("{case} was refused with 401, which the contract has for bad tokens"));
            }
        }
        written.push((chat.id.clone(), word));
    }
    let queued = queued(scene, &written).await?;
    let looked = if queued.is_some() {
        "the queue holds nothing of it"
    } else {
        "without a database the queue was not looked at"
    };
    let queued = queued.unwrap_or(0);
    evidence.share("attempts on another user's chat refused", tried - broken.len() as u64, tried, Some(1.0));
    if let Some(first) = broken.first() {
        return Ok(Finding::fail(format!(
            "{} of {tried} attempts on another user's chat succeeded; {first}",
            broken.len()
        )));
    }
    if queued > 0 {
        return Ok(Finding::fail(format!(
            "{queued} updates of another user's chat were refused, and queued nevertheless"
        )));
    }
    Ok(Finding::pass(format!("{tried} of {tried} attempts on another user's chat were refused; {looked}")))
}

fn update_body(chat_id: &str, word: &str) -> String {
    let snippet = format!("My shoe size is {word}.");
    serde_json::json!({"chat_id": chat_id, "context_snippet": snippet, "trigger_source": "test"}).to_string()
}

/// The answer to a stranger's request, once it is sure that a request of the stranger for `own` succeeds.
async fn attempt(
    scene: &Scene,
    stranger: &User,
    request: &RawRequest,
    own: &Chat,
    evidence: &mut Evidence,
) -> Result<RawAnswer, Obstacle> {
    let answer = match scene.raw(stranger, request, evidence).await {
        Ok(answer) => answer,
        // A 401 to a good token: a refusal of its own kind, if the token is good elsewhere.
        Err(obstacle) => {
            scene.memory(own, evidence).await?;
            let as_it_is = stranger.client().token().await?;
            let by = crate::memory_api::Authorization::bearer(as_it_is.expose())?;
            let answer = scene.raw(stranger, &request.clone().by(by), evidence).await?;
            if answer.status != 401 {
                return Err(obstacle);
            }
            answer
        }
    };
    scene.memory(own, evidence).await?;
    if answer.status >= 500 {
        return Err(Obstacle::new(format!("an attempt on another user's chat was answered with {}", answer.status)));
    }
    Ok(answer)
}

/// How many of the refused snippets are in the queue; `None` if nobody can look.
async fn queued(scene: &Scene, written: &[(String, String)]) -> Result<Option<usize>, Obstacle> {
    let Some(database) = &scene.database else { return Ok(None) };
    let chats: Vec<String> = written.iter().map(|(chat, _)| chat.clone()).collect();
    let texts = database.queued_texts(&chats).await?;
    Ok(Some(texts.iter().filter(|text| written.iter().any(|(_, word)| text.text.contains(word.as_str()))).count()))
}
