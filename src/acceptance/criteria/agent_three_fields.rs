//! The agent's summary has exactly the three fields, in their types, and says something in each.

use serde_json::Value;

use super::super::steps::{fields_problem, nonce, together};
use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};
use crate::memory_api::RawRequest;

const CHATS: usize = 6;
const FIELDS: [&str; 3] = ["user_confirmed", "llm_inferred", "general_summary"];
/// What an answer may carry beside the three fields.
const BESIDE: [&str; 2] = ["chat_id", "last_updated"];

pub(super) const CRITERION: Criterion = Criterion {
    id: "agent-three-fields",
    area: Area::Agent,
    promise: "A summary has exactly three fields: user_confirmed and llm_inferred are objects, general_summary is text, and an \
              informative snippet leaves none of them empty.",
    method: "Six chats are each told a fact, a guess and an event. The types must hold in all of them; a field that a model left \
             empty in more than half of them is empty. Fields beyond the contract are remarked.",
    needs: &[],
    estimate: |scene| scene.paced(3 * 6, 6) + scene.updates(2),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let work = (0..CHATS).map(|turn| async move {
        let mut own = Evidence::default();
        (one_chat(scene, turn, &mut own).await, own)
    });
    let mut answers = Vec::new();
    for answer in together(evidence, work).await {
        answers.push(answer?);
    }
    if let Some(problem) = answers.iter().find_map(fields_problem) {
        return Ok(Finding::fail(problem));
    }
    if let Some(further) = answers.iter().find_map(further_field) {
        evidence.note(format!("the answer carries a field beyond the contract: {further}"));
    }
    let (whole, mut filled, mut empty) = (answers.len() as u64, Vec::new(), Vec::new());
    for field in FIELDS {
        let count = answers.iter().filter(|answer| !is_empty(&answer[field])).count() as u64;
        evidence.share(&format!("{field} filled"), count, whole, Some(0.5));
        filled.push(format!("{field} {count}"));
        if 2 * count < whole {
            empty.push(field);
        }
    }
    let filled = filled.join(", ");
    if empty.is_empty() {
        return Ok(Finding::pass(format!(
            "three fields of the right types in {whole} of {whole} chats; filled: {filled}"
        )));
    }
    Ok(Finding::fail(format!(
        "{} stayed empty after informative snippets; filled in {whole} chats: {filled}",
        empty.join(", ")
    )))
}

async fn one_chat(scene: &Scene, turn: usize, evidence: &mut Evidence) -> Result<Value, Obstacle> {
    let chat = scene.chat(scene.user(turn), evidence).await?;
    let snippet = format!(
        "My locker code is {}. Perhaps the delivery to {} will be late, the weather seems bad. We met at the station on \
         Monday and talked about the garden.",
        nonce(),
        nonce()
    );
    scene.processed(&chat, &snippet, scene.patience(), evidence).await?;
    let answer = scene.raw(&chat.user, &RawRequest::memory(&chat.id), evidence).await?;
    if answer.status == 200 {
        return Ok(answer.json());
    }
    Err(Obstacle::new(format!("the memory was answered with {}", answer.status)))
}

fn further_field(answer: &Value) -> Option<&String> {
    answer.as_object()?.keys().find(|name| !FIELDS.contains(&name.as_str()) && !BESIDE.contains(&name.as_str()))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        _ => true,
    }
}
