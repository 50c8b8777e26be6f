//! The service fills the columns that its contract has.

use crate::queue::{RowState, TableRole};

use super::super::passage::{mark, snippet};
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// Updates that are sent to see what they leave.
const UPDATES: usize = 5;
/// A sampled share of nulls from which a column counts as never filled, beside what this run saw.
const NEVER: f32 = 0.999;
/// Columns of the contract that are empty when nothing went wrong.
const RIGHTLY_EMPTY: [&str; 1] = ["error_message"];

pub(super) const CRITERION: Criterion = Criterion {
    id: "schema-unfilled",
    area: Area::Schema,
    promise: "The service fills the columns that say what happened to an update: when it was processed, when a memory changed.",
    method: "Some updates are processed and their rows read. Columns of rows that nobody of this run wrote are judged by \
             the database's own statistics, as remarks.",
    needs: &[Need::Database],
    estimate: |scene| scene.time_for(UPDATES * 2 + 2, scene.promises.update_visible.0 / 4),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let schema = scene.database()?.schema().await?;
    let chat = scene.chat(scene.users.freest(), evidence).await?;
    let seen = see(scene, &chat, evidence).await?;
    let mut wrong = Vec::new();
    let mut judged = 0;
    let has = |role, name: &str| schema.table(role).is_some_and(|table| table.columns.iter().any(|c| c.name == name));
    if has(TableRole::Queue, "processed_at") {
        judged += 1;
        let (set, all) = (seen.processed_at, seen.complete);
        let ok = set == all;
        evidence.case(
            "chat_context_queue.processed_at",
            "set in every complete row",
            format!("set in {set} of {all}"),
            Some(ok),
        );
        if !ok {
            wrong.push(format!("chat_context_queue.processed_at is set in {set} of {all} complete rows"));
        }
    } else {
        evidence.case("chat_context_queue.processed_at", "a column", "no such column", None);
    }
    let (name, wish) = ("chat_metadata.last_updated", "set once something is remembered");
    match seen.last_updated {
        Some(set) => {
            judged += 1;
            evidence.case(name, wish, if set { "set" } else { "not set" }, Some(set));
            if !set {
                wrong.push(format!("{name} is not set, although {} updates were processed", seen.complete));
            }
        }
        None => evidence.case(name, wish, "nothing is remembered, so that there is no row", None),
    }
    statistics(&schema, evidence);
    Ok(if judged == 0 {
        Finding::not_judged("none of the columns exists")
    } else if wrong.is_empty() {
        Finding::pass(format!(
            "after {} processed updates, all {judged} columns that were looked at are filled",
            seen.complete
        ))
    } else {
        Finding::fail(wrong.join("; "))
    })
}

struct Seen {
    complete: usize,
    processed_at: usize,
    /// `None` if nothing is remembered.
    last_updated: Option<bool>,
}

async fn see(scene: &Scene, chat: &Chat, evidence: &mut Evidence) -> Result<Seen, Obstacle> {
    let mut seen = Seen { complete: 0, processed_at: 0, last_updated: None };
    for _ in 0..UPDATES {
        let accepted = scene.update(chat, &snippet(&mark()), evidence).await?;
        let row = scene.settled(&accepted.value.queue_id, scene.patience()).await?;
        evidence.row(&row);
        if row.row.state() == RowState::Complete {
            seen.complete += 1;
            seen.processed_at += usize::from(row.row.processed_at.is_some());
        }
    }
    if seen.complete == 0 {
        return Err(Obstacle::new(format!("none of {UPDATES} updates became complete")));
    }
    let memory = scene.memory(chat, evidence).await?;
    seen.last_updated = (!memory.is_empty()).then(|| memory.last_updated.is_some());
    Ok(seen)
}

/// What the database's own sample says about all rows; as of its last ANALYZE.
fn statistics(schema: &crate::queue::Schema, evidence: &mut Evidence) {
    let mut known = false;
    for (_, table) in &schema.tables {
        for column in &table.columns {
            let Some(share) = column.null_share else { continue };
            known = true;
            if share >= NEVER && !RIGHTLY_EMPTY.contains(&column.name.as_str()) {
                evidence
                    .note(format!("{}.{} is null in all rows of the database's own sample", table.name, column.name));
            }
        }
    }
    if !known {
        evidence.note("the database has no statistics about these tables that our role may see");
    }
}
