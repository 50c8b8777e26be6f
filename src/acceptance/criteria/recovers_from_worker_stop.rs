//! The service recovers by itself from a worker that stood still.

use std::time::Duration as StdDuration;

use serde_json::json;

use super::super::breakage::Trial;
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long the worker stands still.
const BROKEN: StdDuration = StdDuration::from_secs(4);

pub(super) const CRITERION: Criterion = Criterion {
    id: "recovers-from-worker-stop",
    area: Area::Faults,
    promise: "While the worker stands still, updates are accepted and kept; afterwards they are processed.",
    method: "The reference's workers stop for four seconds, in which updates and retrievals are sent. They have to succeed; then \
             a new update has to pass, and everything accepted meanwhile has to be processed and be in the memory.",
    needs: &[Need::Database, Need::Faults],
    estimate: |_| BROKEN + StdDuration::from_secs(8),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let mut trial = Trial::begin(scene, evidence).await?;
    scene.switch(&json!({"worker": "stopped"})).await?;
    trial.speak_for(BROKEN, evidence).await;
    scene.mend().await?;
    let ending = trial.end(evidence).await?;
    let wrong = trial.not_accepting();
    Ok(ending.finding(&trial, "while the worker stood still", wrong, evidence))
}
