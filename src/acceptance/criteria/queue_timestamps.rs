//! The times that the service keeps: when a row was processed, and when a memory was last updated.

use super::super::steps::{nonce, together};
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use crate::model::Timestamp;
use crate::queue::RowState;

const CHATS: usize = 3;
const UPDATES: usize = 3;

pub(super) const CRITERION: Criterion = Criterion {
    id: "queue-timestamps",
    area: Area::Queue,
    promise: "processed_at is set when a row is complete and is not before created_at; last_updated moves with every update.",
    method: "Three chats are updated three times, one after the other; after each the row's times and the memory's last_updated \
             are read. A memory that stays empty has no time to show and is not judged.",
    needs: &[Need::Database],
    estimate: |scene| scene.paced(3 * 7, 3) + scene.updates(4),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

#[derive(Default)]
struct Seen {
    rows: u64,
    unset: u64,
    before_created: u64,
    /// Updates that were followed by a memory with something in it, and those among them that moved `last_updated`.
    remembered: u64,
    moved: u64,
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let work = (0..CHATS).map(|turn| async move {
        let mut own = Evidence::default();
        (one_chat(scene, turn, &mut own).await, own)
    });
    let mut seen = Seen::default();
    for chat in together(evidence, work).await {
        let chat = chat?;
        seen.rows += chat.rows;
        seen.unset += chat.unset;
        seen.before_created += chat.before_created;
        seen.remembered += chat.remembered;
        seen.moved += chat.moved;
    }
    let Seen { rows, unset, before_created, remembered, moved } = seen;
    evidence.share("processed_at set on completion", rows - unset, rows, Some(1.0));
    evidence.share("last_updated moved", moved, remembered, Some(1.0));
    let mut broken = Vec::new();
    if unset > 0 {
        broken.push(format!("processed_at was not set in {unset} of {rows} complete rows"));
    }
    if before_created > 0 {
        broken.push(format!("processed_at was before created_at in {before_created} of {rows} rows"));
    }
    if moved < remembered {
        broken.push(format!("last_updated moved in {moved} of {remembered} updates"));
    }
    if !broken.is_empty() {
        return Ok(Finding::fail(broken.join("; ")));
    }
    if remembered == 0 {
        return Err(Obstacle::new(format!(
            "processed_at was set in {rows} of {rows} rows, but the memories stayed empty, so that last_updated says nothing"
        )));
    }
    Ok(Finding::pass(format!(
        "processed_at was set and not before created_at in {rows} of {rows} rows; last_updated moved in {moved} of \
         {remembered} updates"
    )))
}

async fn one_chat(scene: &Scene, turn: usize, evidence: &mut Evidence) -> Result<Seen, Obstacle> {
    let database = scene.database()?;
    let chat = scene.chat(scene.user(turn), evidence).await?;
    let mut seen = Seen::default();
    let mut before: Option<Timestamp> = None;
    for round in 0..UPDATES {
        let snippet = format!("My code number {round} is {}. It was day {round}.", nonce());
        let memory = scene.remember(&chat, &snippet, scene.patience(), evidence).await?;
        let rows = database.rows_of(std::slice::from_ref(&chat.id)).await?;
        let Some(row) = rows.last().filter(|row| row.row.state() == RowState::Complete) else {
            return Err(Obstacle::new("a row that was complete is no longer there"));
        };
        seen.rows += 1;
        match row.row.processed_at {
            None => seen.unset += 1,
            Some(at) if at < row.row.created_at => seen.before_created += 1,
            Some(_) => {}
        }
        if !memory.is_empty() {
            let now = memory.last_updated.as_deref().and_then(Timestamp::parse_rfc3339);
            seen.remembered += 1;
            seen.moved += u64::from(now.is_some() && now > before);
            before = now.or(before);
        }
    }
    Ok(seen)
}
