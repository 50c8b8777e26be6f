//! Rows that fail for ever do not starve those behind them.

use std::time::Duration as StdDuration;

use crate::model::Stopwatch;
use crate::queue::{AuditRow, Chaos, RowState};
use crate::traffic::Distribution;

use super::super::passage::{mark, seconds, snippet};
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// As many as the worker takes in one go.
const POISON: u32 = 50;
/// How much older than everything else they are.
const AGO: StdDuration = StdDuration::from_secs(3600);
/// Updates behind them, and how many times the promised time they may take.
const BEHIND: usize = 5;
const FACTOR: u32 = 5;

pub(super) const CRITERION: Criterion = Criterion {
    id: "survives-poison-rows",
    area: Area::Faults,
    promise: "Rows that fail again and again do not keep the worker from those behind them.",
    method: "Fifty rows with an empty snippet, which no model takes, are queued by SQL as the oldest rows. Once they are \
             seen to fail, updates are sent; each may take five times the promised time. Then the fifty are removed.",
    needs: &[Need::Database, Need::Chaos],
    estimate: |scene| scene.promises.update_visible.0 * FACTOR + StdDuration::from_secs(2),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let chaos = scene.chaos()?;
    let original = scene.chat(scene.users.freest(), evidence).await?;
    // Whether updates pass without poison.
    scene.remember(&original, &snippet(&mark()), scene.patience(), evidence).await?;
    let template = scene.chat(scene.users.freest(), evidence).await?;
    let poisoned = chaos.copy(&template.id, POISON).await?;
    let finding = measure(scene, &chaos, &poisoned, evidence).await;
    match chaos.remove(&poisoned).await {
        Ok(removed) => evidence.note(format!("{removed} conversations with poison rows were removed again")),
        Err(error) => evidence.note(format!("the poison rows are removed at the end of the run, for now: {error}")),
    }
    finding
}

async fn measure(
    scene: &Scene,
    chaos: &Chaos,
    poisoned: &[String],
    evidence: &mut Evidence,
) -> Result<Finding, Obstacle> {
    let empty: Vec<(String, String)> = poisoned.iter().map(|chat| (chat.clone(), String::new())).collect();
    chaos.enqueue(&empty, AGO).await?;
    let failing = fail_at_all(scene, poisoned).await?;
    failing.iter().take(3).for_each(|row| evidence.row(row));
    let limit = scene.promises.update_visible.0 * FACTOR;
    let chats = scene.chats(BEHIND, evidence).await?;
    let watch = Stopwatch::start();
    let (mut times, mut starved) = (Vec::new(), Vec::new());
    let mut sent = Vec::new();
    for chat in &chats {
        let accepted = scene.update(chat, &snippet(&mark()), evidence).await?;
        sent.push((accepted.value.queue_id, watch.elapsed()));
    }
    for (id, since) in sent {
        let left = (since + limit).saturating_sub(watch.elapsed());
        let row = scene.settled(&id, left).await?;
        evidence.row(&row);
        if row.row.state() == RowState::Complete {
            times.push(watch.elapsed() - since);
        } else {
            starved.push(row.row.status);
        }
    }
    let (rows, poison) = (times.len(), failing.len());
    evidence.times("update behind poison", Distribution::of_times(times), Some(limit.as_secs_f64()));
    let told =
        format!("behind {poison} rows that fail, {rows} of {BEHIND} updates were processed within {}", seconds(limit));
    Ok(Finding::when(starved.is_empty(), told))
}

/// Waits until poison is seen to fail; answers with what does.
async fn fail_at_all(scene: &Scene, poisoned: &[String]) -> Result<Vec<AuditRow>, Obstacle> {
    let (watch, patience) = (Stopwatch::start(), scene.patience());
    loop {
        let rows = scene.database()?.rows_of(poisoned).await?;
        let complete = rows.iter().filter(|row| row.row.state() == RowState::Complete).count();
        if complete == rows.len() && !rows.is_empty() {
            return Err(Obstacle::new("the service takes an empty snippet, so that no row was poison"));
        }
        let fails = |row: &AuditRow| {
            row.row.state() == RowState::GivenUp || row.row.retry_count > 0 || row.row.error_message.is_some()
        };
        let failing: Vec<AuditRow> = rows.into_iter().filter(fails).collect();
        if !failing.is_empty() && failing.len() + complete == poisoned.len() {
            return Ok(failing);
        }
        if watch.elapsed() >= patience {
            let number = failing.len();
            return Err(Obstacle::new(format!(
                "only {number} of {POISON} empty snippets were seen to fail within {}",
                seconds(patience)
            )));
        }
        tokio::time::sleep(StdDuration::from_millis(100)).await;
    }
}
