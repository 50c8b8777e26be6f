//! The service recovers by itself from an agent that cannot be reached.

use std::time::Duration as StdDuration;

use serde_json::json;

use super::super::breakage::Trial;
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long the agent fails.
const BROKEN: StdDuration = StdDuration::from_secs(2);

pub(super) const CRITERION: Criterion = Criterion {
    id: "recovers-from-agent-failure",
    area: Area::Faults,
    promise: "While the agent fails, updates are accepted and kept; afterwards they are processed.",
    method: "The reference's agent fails for two seconds, in which updates and retrievals are sent. They have to succeed; then a \
             new update has to pass, and everything accepted meanwhile has to be processed and be in the memory.",
    needs: &[Need::Database, Need::Faults],
    estimate: |_| BROKEN + StdDuration::from_secs(8),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let mut trial = Trial::begin(scene, evidence).await?;
    scene.switch(&json!({"agent": "fail"})).await?;
    trial.speak_for(BROKEN, evidence).await;
    scene.mend().await?;
    let ending = trial.end(evidence).await?;
    let wrong = trial.not_accepting();
    Ok(ending.finding(&trial, "while the agent failed", wrong, evidence))
}
