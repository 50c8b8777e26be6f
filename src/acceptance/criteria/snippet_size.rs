//! A snippet is kept whole up to 8,000 characters; a longer one is refused, or cut there and nowhere else.
//!
//! The contract says that the service cuts at 8,000 characters and says nothing to the caller: an over-long snippet gets its
//! 201. So silent cutting is no broken promise here, but whoever reads the report should know of it; it is remarked.

use std::time::Duration as StdDuration;

use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use crate::memory_api::{RawRequest, Route};

/// Characters that the contract keeps.
const LIMIT: usize = 8_000;
/// Lengths in characters, and of which character.
const SIZES: [(usize, char); 11] = [
    (1, 'a'),
    (1_000, 'a'),
    (LIMIT / 2, 'é'),
    (LIMIT - 1, 'a'),
    (LIMIT, 'a'),
    (LIMIT, 'é'),
    (LIMIT, '🙂'),
    (LIMIT + 1, 'a'),
    (LIMIT + 1, '🙂'),
    (2 * LIMIT, 'a'),
    (100_000, 'é'),
];

pub(super) const CRITERION: Criterion = Criterion {
    id: "snippet-size",
    area: Area::Edges,
    promise: "Snippets of up to 8000 characters are kept whole; longer ones are refused, or cut at 8000 characters.",
    method: "Snippets of eleven sizes around the limit, of characters of one, two and four bytes, are compared with the queue's rows. That the \
             caller is not told of a cut is within the contract and is remarked.",
    needs: &[Need::Database],
    estimate: |scene| scene.paced(22, 1) + StdDuration::from_secs(1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

/// What became of a snippet.
enum Fate {
    Whole,
    Refused(u16),
    Cut,
    Wrong(String),
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let user = scene.users.freest().clone();
    let (mut whole, mut refused, mut cut, mut broken) = (0, 0, 0, Vec::new());
    for (characters, of) in SIZES {
        // A chat each: what several of these make together is new-chat-prompt's.
        let chat = scene.chat(&user, evidence).await?;
        let fate = one_size(scene, &chat, characters, of, evidence).await?;
        let long = characters > LIMIT;
        let name = format!("{characters} characters of {} bytes", of.len_utf8());
        let expected = if long { "refused, or cut at 8000" } else { "whole" };
        let (got, ok) = match fate {
            Fate::Whole if !long => ("whole".to_owned(), true),
            // A service that takes more than it must keeps its promise.
            Fate::Whole => ("whole, beyond the limit".to_owned(), true),
            Fate::Refused(status) => (format!("refused with {status}"), long && status < 500),
            Fate::Cut => ("cut at 8000 characters, with a 201".to_owned(), long),
            Fate::Wrong(what) => (what, false),
        };
        whole += usize::from(ok && got.starts_with("whole"));
        refused += usize::from(ok && got.starts_with("refused"));
        cut += usize::from(ok && got.starts_with("cut"));
        if !ok {
            broken.push(format!("{name}: {got}"));
        }
        evidence.case(&name, expected, got, Some(ok));
    }
    let all = SIZES.len();
    evidence.share("sizes treated as promised", (all - broken.len()) as u64, all as u64, Some(1.0));
    if cut > 0 {
        evidence.note(format!(
            "{cut} over-long snippets were cut silently: the caller got a 201 and is not told that the end is lost"
        ));
    }
    match broken.first() {
        Some(first) => Ok(Finding::fail(format!("{} of {all} sizes were not kept as promised; {first}", broken.len()))),
        None => Ok(Finding::pass(format!(
            "of {all} sizes {whole} were kept whole, {refused} refused, {cut} cut at 8000 without a word"
        ))),
    }
}

async fn one_size(
    scene: &Scene,
    chat: &Chat,
    characters: usize,
    of: char,
    evidence: &mut Evidence,
) -> Result<Fate, Obstacle> {
    let database = scene.database()?;
    let sent: String = std::iter::repeat_n(of, characters).collect();
    let body = serde_json::json!({"chat_id": chat.id, "context_snippet": sent, "trigger_source": "test"});
    let answer = scene.tried(&RawRequest::post(Route::MemoryUpdate, body.to_string()), chat, evidence).await?;
    if answer.status != 201 {
        return Ok(Fate::Refused(answer.status));
    }
    let queue_id = answer.json()["queue_id"].as_str().unwrap_or_default().to_owned();
    let rows = database.queued_texts(std::slice::from_ref(&chat.id)).await?;
    let Some(row) = rows.iter().find(|row| row.id == queue_id) else {
        return Ok(Fate::Wrong("accepted, and the queue does not hold it".to_owned()));
    };
    if !row.text.chars().all(|c| c == of) {
        return Ok(Fate::Wrong("kept with other characters than were sent".to_owned()));
    }
    Ok(match usize::try_from(row.characters).unwrap_or(usize::MAX) {
        kept if kept == characters => Fate::Whole,
        LIMIT => Fate::Cut,
        kept => Fate::Wrong(format!("cut at {kept} characters")),
    })
}
