//! The service is honest during an outage of its database, and recovers by itself.

use std::time::Duration as StdDuration;

use serde_json::json;

use super::super::breakage::Trial;
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long the database refuses everybody.
const BROKEN: StdDuration = StdDuration::from_secs(2);

pub(super) const CRITERION: Criterion = Criterion {
    id: "recovers-from-database-outage",
    area: Area::Faults,
    promise: "An outage of the database is answered as the server's error, loses nothing, and is got over.",
    method: "The reference's database refuses everybody for two seconds. A good token and a chat that exists must not be \
             blamed (401, 404 or another 4xx). Afterwards a new update has to pass, everything accepted has to be \
             processed, and the memory has to hold what it held before.",
    needs: &[Need::Database, Need::Faults],
    estimate: |_| BROKEN + StdDuration::from_secs(10),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let mut trial = Trial::begin(scene, evidence).await?;
    scene.switch(&json!({"database": "refused"})).await?;
    trial.speak_for(BROKEN, evidence).await;
    scene.mend().await?;
    let ending = trial.end(evidence).await?;
    let mut wrong = Vec::new();
    if let Some(first) = trial.voice.blaming.first() {
        let number = trial.voice.blaming.len();
        wrong.push(format!("{number} answers blamed the caller for the outage, the first: {first}"));
    }
    Ok(ending.finding(&trial, "while the database refused everybody", wrong, evidence))
}
