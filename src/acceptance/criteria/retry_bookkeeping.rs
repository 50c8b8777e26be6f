//! A failing row says so, tries again a bounded number of times, and keeps no trace once it succeeded.

use std::time::Duration as StdDuration;

use serde_json::json;

use crate::model::Stopwatch;
use crate::queue::{AuditRow, RowState};

use super::super::passage::{mark, seconds, snippet};
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long a failing row is watched for its end.
const LONGEST: StdDuration = StdDuration::from_secs(75);
/// Attempts after which nobody believes in a cap any more.
const ENDLESS: i32 = 20;
const LOOK: StdDuration = StdDuration::from_millis(50);

pub(super) const CRITERION: Criterion = Criterion {
    id: "retry-bookkeeping",
    area: Area::Faults,
    promise: "A failing row counts its attempts and holds its error, is given up at a cap, and is clean once it succeeded.",
    method: "The reference's agent fails. One update is watched until its row shows an attempt; then the agent works \
             again, and the complete row must show neither error nor attempts. A second update fails on until it is \
             given up; twenty attempts count as endless, and 75 s without an end as not judged.",
    needs: &[Need::Database, Need::Faults],
    estimate: |_| StdDuration::from_secs(40),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let healed = scene.chat(scene.users.freest(), evidence).await?;
    scene.remember(&healed, &snippet(&mark()), scene.patience(), evidence).await?;
    let parked = scene.chat(scene.users.freest(), evidence).await?;
    let mut wrong = Vec::new();
    let mut check = |name: &str, expected: &str, got: String, ok: bool, evidence: &mut Evidence| {
        evidence.case(name, expected, got.clone(), Some(ok));
        if !ok {
            wrong.push(format!("{name}: {got}, not {expected}"));
        }
    };

    let (id, failing) = fail(scene, &healed, |row| row.row.retry_count > 0, evidence).await?;
    let tells = failing.row.retry_count > 0 && failing.row.error_message.is_some();
    check("a failing row", "attempts and an error", told(&failing), tells, evidence);
    let clean = scene.settled(&id, scene.patience()).await?;
    evidence.row(&clean);
    let is_clean =
        clean.row.state() == RowState::Complete && clean.row.retry_count == 0 && clean.row.error_message.is_none();
    check("the row after success", "complete, no attempts, no error", told(&clean), is_clean, evidence);

    let ends = |row: &AuditRow| row.row.state() != RowState::Waiting || row.row.retry_count >= ENDLESS;
    let (_, last) = fail(scene, &parked, ends, evidence).await?;
    if !ends(&last) {
        evidence.case("a row that fails on", "given up at a cap", told(&last), None);
        let attempts = last.row.retry_count;
        evidence.note(format!("after {} and {attempts} attempts the row was still tried", seconds(LONGEST)));
        return Ok(if wrong.is_empty() {
            Finding::not_judged(format!("no cap was seen within {}: {}", seconds(LONGEST), told(&last)))
        } else {
            Finding::fail(wrong.join("; "))
        });
    }
    check("a row that fails on", "given up at a cap", told(&last), last.row.state() == RowState::GivenUp, evidence);
    Ok(if wrong.is_empty() {
        let attempts = last.row.retry_count;
        Finding::pass(format!(
            "attempts and errors are counted, success clears both, and {attempts} retries are the cap"
        ))
    } else {
        Finding::fail(wrong.join("; "))
    })
}

fn told(row: &AuditRow) -> String {
    let error = row.row.error_message.as_deref().unwrap_or("none");
    format!("{}, {} attempts, error {error:?}", row.row.status, row.row.retry_count)
}

/// Lets an update fail until its row is as wanted, or for long; the agent works again afterwards.
async fn fail(
    scene: &Scene,
    chat: &Chat,
    wanted: impl Fn(&AuditRow) -> bool,
    evidence: &mut Evidence,
) -> Result<(String, AuditRow), Obstacle> {
    scene.switch(&json!({"agent": "fail"})).await?;
    let seen = watch(scene, chat, wanted, evidence).await;
    scene.mend().await?;
    if let Ok((_, row)) = &seen {
        evidence.row(row);
    }
    seen
}

async fn watch(
    scene: &Scene,
    chat: &Chat,
    wanted: impl Fn(&AuditRow) -> bool,
    evidence: &mut Evidence,
) -> Result<(String, AuditRow), Obstacle> {
    let id = scene.update(chat, &snippet(&mark()), evidence).await?.value.queue_id;
    let watch = Stopwatch::start();
    loop {
        let row = scene.database()?.audit_row(&id).await?;
        let late = watch.elapsed() >= LONGEST;
        match row {
            // A row that ended without what was wanted will not change any more.
            Some(row) if wanted(&row) || row.row.state() != RowState::Waiting || late => return Ok((id, row)),
            None if late => return Err(Obstacle::new(format!("there is no queue row {id}"))),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}
