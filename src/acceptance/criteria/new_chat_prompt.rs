//! A chat that has outgrown its memory asks for a new one.

use super::super::{Area, Chat, Criterion, Evidence, Finding, Obstacle, Scene};
use crate::memory_api::Memory;

/// Tokens, at four characters each, that the contract allows a memory.
const TOKENS: u64 = 8_000;
/// Updates that are sent at most: three times what the contract's limit takes.
const MOST: usize = 14;
/// Characters of one update, below the limit of a snippet.
const A_SNIPPET: usize = 7_600;

pub(super) const CRITERION: Criterion = Criterion {
    id: "new-chat-prompt",
    area: Area::Edges,
    promise: "Over the limit of 8000 tokens the summary asks the user to start a new chat.",
    method: "One chat is fed with 1900 tokens at a time until its summary speaks of a new chat, fourteen times at most. A memory that never \
             comes near the limit, because it is condensed, says nothing about it.",
    needs: &[],
    estimate: |scene| scene.paced(30, 1) + scene.updates(8),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let chat = scene.chat(&scene.users.freest().clone(), evidence).await?;
    let mut largest = 0;
    for update in 1..=MOST {
        let memory = scene.remember(&chat, &snippet(update), scene.patience(), evidence).await?;
        let fed = (update * A_SNIPPET / 4) as u64;
        if asks(&memory) {
            evidence.number("tokens fed until it asked", "tokens", fed as f64, None);
            return Ok(Finding::pass(format!(
                "after {update} updates with about {fed} tokens the summary is {:?}",
                memory.general_summary.chars().take(200).collect::<String>()
            )));
        }
        largest = largest.max(size(scene, &chat, &memory).await?);
        if largest > TOKENS + TOKENS / 10 {
            let summary =
                format!("a memory of about {largest} tokens, over the limit of {TOKENS}, does not ask for a new chat");
            evidence.number("largest memory", "tokens", largest as f64, Some(TOKENS as f64));
            return Ok(Finding::fail(summary));
        }
    }
    evidence.number("largest memory", "tokens", largest as f64, Some(TOKENS as f64));
    Err(Obstacle::new(format!(
        "after {MOST} updates with about {} tokens the memory had {largest}, which is below the limit of {TOKENS}",
        MOST * A_SNIPPET / 4
    )))
}

/// Sentences that have not been said before, in which nobody says anything about themselves.
fn snippet(update: usize) -> String {
    let mut text = String::new();
    for sentence in 0.. {
        let next = format!(
            "On page {update}-{sentence} the report describes how shipment {update}{sentence:03} went from one depot to another. "
        );
        if text.len() + next.len() > A_SNIPPET {
            break;
        }
        text.push_str(&next);
    }
    text
}

fn asks(memory: &Memory) -> bool {
    let summary = memory.general_summary.to_lowercase();
    ["new chat", "new conversation", "another chat"].iter().any(|words| summary.contains(words))
}

/// Tokens of the memory, as the service counts them where it does, and otherwise by its characters.
async fn size(scene: &Scene, chat: &Chat, memory: &Memory) -> Result<u64, Obstacle> {
    let ours = (memory.size() / 4) as u64;
    let Some(database) = &scene.database else { return Ok(ours) };
    let rows = database.memory_rows(std::slice::from_ref(&chat.id)).await?;
    let counted = rows.first().and_then(|row| row.token_count).and_then(|tokens| u64::try_from(tokens).ok());
    Ok(counted.unwrap_or(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_are_long_and_no_sentence_comes_twice() {
        let text: String = (1..=MOST).map(snippet).collect();
        let sentences: Vec<&str> = text.split(". ").collect();
        let different: std::collections::BTreeSet<&&str> = sentences.iter().collect();
        assert_eq!(sentences.len(), different.len());
        assert!(snippet(1).len() > A_SNIPPET - 200 && snippet(14).len() <= A_SNIPPET);
    }
}
