//! An agent that answers with something else than JSON wipes no memory, and is got over.

use std::time::Duration as StdDuration;

use serde_json::json;

use super::super::breakage::Trial;
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long the agent talks nonsense.
const BROKEN: StdDuration = StdDuration::from_secs(2);

pub(super) const CRITERION: Criterion = Criterion {
    id: "recovers-from-agent-garbage",
    area: Area::Faults,
    promise: "An agent that answers with something else than JSON changes no memory, and its updates are processed later.",
    method: "The reference's agent talks nonsense for two seconds, in which updates and retrievals are sent. The memory \
             has to keep what it held before; afterwards everything accepted meanwhile has to be processed.",
    needs: &[Need::Database, Need::Faults],
    estimate: |_| BROKEN + StdDuration::from_secs(8),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let mut trial = Trial::begin(scene, evidence).await?;
    scene.switch(&json!({"agent": "garbage"})).await?;
    trial.speak_for(BROKEN, evidence).await;
    let holds = trial.holds_its_fact(evidence).await;
    scene.mend().await?;
    let ending = trial.end(evidence).await?;
    let mut wrong = trial.not_accepting();
    let got = match holds {
        Some(true) => "held",
        Some(false) => "gone",
        None => "not to be seen",
    };
    evidence.case("the memory while the agent talks nonsense", "holds what it held", got, holds);
    if holds == Some(false) && !ending.wiped {
        wrong.push("the memory lost what it held while the agent talked nonsense".to_owned());
    }
    Ok(ending.finding(&trial, "while the agent talked nonsense", wrong, evidence))
}
