//! Chats of one user know nothing of each other.

use super::super::steps::{nonce, together};
use super::super::{Area, Chat, Criterion, Evidence, Finding, Obstacle, Scene};
use crate::memory_api::Memory;

/// What each chat is about. Names of their own: under a shared one a chat's own fact would hide another's.
const SUBJECTS: [&str; CHATS] = ["garden gate", "bicycle lock", "hotel safe", "office door", "boat shed"];
const CHATS: usize = 5;
const ROUNDS: usize = 3;

pub(super) const CRITERION: Criterion = Criterion {
    id: "chat-isolation",
    area: Area::Isolation,
    promise: "No chat's memory shows up in another chat.",
    method: "Five chats of one user are updated at the same time, three rounds; each update holds words that stand nowhere else. Then \
             every memory is searched for every other chat's words.",
    needs: &[],
    estimate: |scene| scene.paced(5 * 5, 1) + scene.updates(4),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let user = scene.users.freest().clone();
    let mut chats = Vec::new();
    for _ in 0..CHATS {
        chats.push(scene.chat(&user, evidence).await?);
    }
    let words: Vec<Vec<String>> = chats.iter().map(|_| (0..2 * ROUNDS).map(|_| nonce()).collect()).collect();
    for round in 0..ROUNDS {
        let work = chats.iter().zip(&words).zip(SUBJECTS).map(|((chat, words), subject)| async move {
            let mut own = Evidence::default();
            let (code, topic) = (&words[2 * round], &words[2 * round + 1]);
            let snippet = format!("My {subject} code {round} is {code}. We spoke about {topic}.");
            (scene.processed(chat, &snippet, scene.patience(), &mut own).await, own)
        });
        together(evidence, work).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    }
    let mut memories = Vec::new();
    for chat in &chats {
        memories.push(scene.memory(chat, evidence).await?);
    }
    compare(&chats, &memories, &words, evidence)
}

fn compare(
    chats: &[Chat],
    memories: &[Memory],
    words: &[Vec<String>],
    evidence: &mut Evidence,
) -> Result<Finding, Obstacle> {
    let (mut leaks, mut compared, mut own) = (0_u64, 0_u64, 0_u64);
    for (here, memory) in memories.iter().enumerate() {
        if memory.chat_id != chats[here].id {
            return Ok(Finding::fail(format!(
                "asked for chat {}, the service answered with {}",
                chats[here].id, memory.chat_id
            )));
        }
        own += u64::from(words[here].iter().any(|word| memory.mentions(word)));
        for (there, foreign) in words.iter().enumerate().filter(|(there, _)| *there != here) {
            let found = foreign.iter().filter(|word| memory.mentions(word)).count() as u64;
            compared += foreign.len() as u64;
            leaks += found;
            if found > 0 {
                let name = format!("memory of chat {}", here + 1);
                evidence.case(
                    &name,
                    "nothing of other chats",
                    format!("{found} words of chat {}", there + 1),
                    Some(false),
                );
            }
        }
    }
    evidence.number("words of other chats found", "words", leaks as f64, Some(0.0));
    if leaks > 0 {
        return Ok(Finding::fail(format!("{leaks} of {compared} words of other chats were found in a chat's memory")));
    }
    if own < memories.len() as u64 {
        let whole = memories.len();
        return Err(Obstacle::new(format!(
            "only {own} of {whole} memories know anything of their own chat, so others say nothing"
        )));
    }
    Ok(Finding::pass(format!(
        "0 of {compared} words of other chats were found in the memories of {} chats",
        memories.len()
    )))
}
