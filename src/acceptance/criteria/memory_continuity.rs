//! A memory builds on the one before: facts that were told updates ago are still known.

use super::super::share::{Standing, standing, words};
use super::super::steps::{nonce, together};
use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};

/// What people have and say about themselves; a chat is told each once.
const FACTS: [&str; 24] = [
    "locker code",
    "badge number",
    "garden gate code",
    "boat's name",
    "favourite tea",
    "library card",
    "bicycle lock code",
    "aunt's house",
    "street address",
    "first teacher",
    "best friend",
    "cat's name",
    "train ticket",
    "old school",
    "favourite book",
    "parking place",
    "hotel room",
    "team's name",
    "home village",
    "holiday plan",
    "kitchen colour",
    "phone model",
    "insurance number",
    "lucky word",
];
const CHATS: usize = 4;
const A_SNIPPET: usize = 4;

pub(super) const CRITERION: Criterion = Criterion {
    id: "memory-continuity",
    area: Area::Agent,
    promise: "A memory builds on the one before: the promised share of facts (95 % unless set) is still known after several updates.",
    method: "Four chats are told 24 facts each, four at a time in six updates one after the other; at the end the memory is searched \
             for all of them. Fewer than promised is a failure only if Wilson's 95 % interval says that it is no chance.",
    needs: &[],
    estimate: |scene| scene.paced(4 * 8, 4) + scene.updates(7),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let work = (0..CHATS).map(|turn| async move {
        let mut own = Evidence::default();
        (one_chat(scene, turn, &mut own).await, own)
    });
    let mut by_update = [0_u64; FACTS.len() / A_SNIPPET];
    let mut empty = 0;
    for kept in together(evidence, work).await {
        match kept? {
            Some(kept) => by_update.iter_mut().zip(kept).for_each(|(all, some)| *all += some),
            None => empty += 1,
        }
    }
    if empty > 0 {
        return Err(Obstacle::new(format!(
            "{empty} of {CHATS} memories stayed empty after completed updates: nothing is summarised"
        )));
    }
    let told = (CHATS * A_SNIPPET) as u64;
    let (kept, whole) = (by_update.iter().sum::<u64>(), told * by_update.len() as u64);
    let promised = scene.promises.settings.retention;
    evidence.share("facts retained", kept, whole, Some(promised));
    for (number, kept) in by_update.iter().enumerate() {
        evidence.share(&format!("facts retained of update {}", number + 1), *kept, told, None);
    }
    let first = words(by_update[0], told);
    let summary = format!(
        "{} facts were known after {} updates; of the first update's {first}",
        words(kept, whole),
        by_update.len()
    );
    match standing(kept, whole, promised) {
        Standing::Kept => Ok(Finding::pass(summary)),
        Standing::Broken => Ok(Finding::fail(format!("{summary}; promised are {:.1} %", 100.0 * promised))),
        Standing::Open => Err(Obstacle::new(format!("{summary}; that is less than promised, but may be chance"))),
    }
}

/// How many facts of each update are known at the end; `None` if the memory is empty.
async fn one_chat(scene: &Scene, turn: usize, evidence: &mut Evidence) -> Result<Option<Vec<u64>>, Obstacle> {
    let chat = scene.chat(scene.user(turn), evidence).await?;
    let told: Vec<Vec<String>> = FACTS.chunks(A_SNIPPET).map(|facts| facts.iter().map(|_| nonce()).collect()).collect();
    for (facts, words) in FACTS.chunks(A_SNIPPET).zip(&told) {
        let sentences: Vec<String> =
            facts.iter().zip(words).map(|(fact, word)| format!("My {fact} is {word}.")).collect();
        scene.processed(&chat, &sentences.join(" "), scene.patience(), evidence).await?;
    }
    let memory = scene.memory(&chat, evidence).await?;
    if memory.is_empty() {
        return Ok(None);
    }
    Ok(Some(told.iter().map(|words| words.iter().filter(|word| memory.mentions(word)).count() as u64).collect()))
}
