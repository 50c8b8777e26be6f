//! `/health` does not say healthy while the database is gone.

use std::time::Duration as StdDuration;

use serde_json::json;

use crate::model::Stopwatch;

use super::super::passage::{note, seconds};
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// An answer may be kept for thirty seconds, by the contract.
const CACHED: StdDuration = StdDuration::from_secs(32);
const LOOK: StdDuration = StdDuration::from_millis(500);

pub(super) const CRITERION: Criterion = Criterion {
    id: "health-tells-the-truth",
    area: Area::Faults,
    promise: "/health does not say healthy while the database cannot be reached.",
    method: "The reference's database refuses everybody, and /health is asked twice a second until it says something \
             else than healthy, for 32 s at most: by the contract an answer may be kept for 30 s.",
    needs: &[Need::Database, Need::Faults],
    estimate: |_| CACHED / 2,
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let before = scene.users.first().client().health().await;
    note(&before, evidence);
    let before = before?.value.status;
    if before != "healthy" {
        return Err(Obstacle::new(format!("/health said {before} before anything was broken")));
    }
    scene.switch(&json!({"database": "refused"})).await?;
    let admitted = admits(scene, evidence).await;
    scene.mend().await?;
    Ok(match admitted {
        Some((after, said)) => {
            evidence.number("outage told by /health after", "seconds", after.as_secs_f64(), Some(CACHED.as_secs_f64()));
            Finding::pass(format!("{} after the database was gone, /health said {said}", seconds(after)))
        }
        None => Finding::fail(format!("/health said healthy for {} without a database", seconds(CACHED))),
    })
}

/// When `/health` first said something else than healthy, and what.
async fn admits(scene: &Scene, evidence: &mut Evidence) -> Option<(StdDuration, String)> {
    let watch = Stopwatch::start();
    while watch.elapsed() < CACHED {
        let answer = scene.users.first().client().health().await;
        note(&answer, evidence);
        match answer {
            Ok(health) if health.value.status == "healthy" => {}
            Ok(health) => return Some((watch.elapsed(), health.value.status)),
            Err(error) => return Some((watch.elapsed(), error.to_string())),
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}
