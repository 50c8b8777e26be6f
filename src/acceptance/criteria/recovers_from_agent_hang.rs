//! The service recovers by itself from an agent that does not answer.

use std::time::Duration as StdDuration;

use serde_json::json;

use crate::model::Stopwatch;
use crate::queue::{AuditRow, RowState};

use super::super::breakage::Trial;
use super::super::passage::seconds;
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long the agent hangs at least, and at most while no time-out of the service was seen.
const BROKEN: StdDuration = StdDuration::from_secs(2);
const LONGEST: StdDuration = StdDuration::from_secs(40);
const LOOK: StdDuration = StdDuration::from_millis(200);

pub(super) const CRITERION: Criterion = Criterion {
    id: "recovers-from-agent-hang",
    area: Area::Faults,
    promise: "While the agent does not answer, updates are accepted and kept; afterwards they are processed.",
    method: "The reference's agent hangs until the service's own time-out is seen in a row's bookkeeping, for forty \
             seconds at most. Updates and retrievals have to succeed meanwhile; then a new update has to pass, and \
             everything accepted has to be processed. How long the time-out may be is not promised: it is a figure.",
    needs: &[Need::Database, Need::Faults],
    estimate: |_| StdDuration::from_secs(35),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let mut trial = Trial::begin(scene, evidence).await?;
    scene.switch(&json!({"agent": "hang"})).await?;
    let watch = Stopwatch::start();
    trial.speak_for(BROKEN, evidence).await;
    let timed_out = time_out(scene, &trial, watch).await;
    scene.mend().await?;
    match timed_out? {
        Some(after) => evidence.number("time-out of the agent seen after", "seconds", after.as_secs_f64(), None),
        None => {
            evidence.note(format!("no time-out was seen within {}: nothing says that it has one", seconds(LONGEST)))
        }
    }
    let ending = trial.end(evidence).await?;
    let wrong = trial.not_accepting();
    Ok(ending.finding(&trial, "while the agent did not answer", wrong, evidence))
}

/// When a row first showed that the service stopped waiting.
async fn time_out(scene: &Scene, trial: &Trial<'_>, watch: Stopwatch) -> Result<Option<StdDuration>, Obstacle> {
    let Some((first, _)) = trial.accepted.first() else { return Ok(None) };
    while watch.elapsed() < LONGEST {
        let row = scene.database()?.audit_row(first).await?;
        let stopped = |row: AuditRow| {
            row.row.state() != RowState::Waiting || row.row.retry_count > 0 || row.row.error_message.is_some()
        };
        if row.is_some_and(stopped) {
            return Ok(Some(watch.elapsed()));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}
