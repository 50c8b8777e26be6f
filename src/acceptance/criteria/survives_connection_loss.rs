//! The service goes on after its database connections were ended.

use std::time::Duration as StdDuration;

use super::super::breakage::Trial;
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long the service is spoken to afterwards, while it recovers.
const AFTER: StdDuration = StdDuration::from_secs(2);

pub(super) const CRITERION: Criterion = Criterion {
    id: "survives-connection-loss",
    area: Area::Faults,
    promise: "When its database connections are lost, the service connects again by itself and loses nothing.",
    method: "All connections of roles that write the queue are ended (pg_terminate_backend). The API is asked at once and \
             for two seconds; then a new update has to pass, and everything accepted meanwhile has to be processed.",
    needs: &[Need::Database, Need::Chaos],
    estimate: |_| AFTER + StdDuration::from_secs(8),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let chaos = scene.chaos()?;
    let mut trial = Trial::begin(scene, evidence).await?;
    let ended = chaos.end_connections().await?;
    let number: u64 = ended.iter().map(|(_, number)| number).sum();
    if number == 0 {
        return Err(Obstacle::new("no connection of the service was found, or none could be ended"));
    }
    for (name, number) in &ended {
        evidence.note(format!("{number} connections of {name:?} were ended"));
    }
    trial.speak_for(AFTER, evidence).await;
    let ending = trial.end(evidence).await?;
    let what = format!("after {number} of its connections were ended");
    Ok(ending.finding(&trial, &what, Vec::new(), evidence))
}
