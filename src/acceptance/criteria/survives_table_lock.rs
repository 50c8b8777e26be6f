//! The service goes on after its queue table was locked for some seconds.

use std::time::Duration as StdDuration;

use futures_util::future::join;

use super::super::breakage::Trial;
use super::super::passage::seconds;
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

const LOCKED: StdDuration = StdDuration::from_secs(3);
/// Updates and retrievals that are sent while it is locked.
const TIMES: usize = 3;

pub(super) const CRITERION: Criterion = Criterion {
    id: "survives-table-lock",
    area: Area::Faults,
    promise: "When the queue table is locked for a while, the service recovers by itself and loses nothing.",
    method: "Nobody can read or write the queue for three seconds, as during a careless migration. Updates and \
             retrievals are sent meanwhile; afterwards a new update has to pass, and everything accepted has to be \
             processed.",
    needs: &[Need::Database, Need::Chaos],
    estimate: |_| LOCKED + StdDuration::from_secs(7),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let chaos = scene.chaos()?;
    let mut trial = Trial::begin(scene, evidence).await?;
    let held = chaos.hold_queue(LOCKED).await?;
    let release = async {
        tokio::time::sleep(LOCKED).await;
        let held_for = held.held();
        drop(held);
        held_for
    };
    let ((), held_for) = join(trial.speak(TIMES, evidence), release).await;
    evidence.number("table locked for", "seconds", held_for.as_secs_f64(), None);
    let ending = trial.end(evidence).await?;
    let what = format!("while the queue table was locked for {}", seconds(held_for));
    Ok(ending.finding(&trial, &what, Vec::new(), evidence))
}
