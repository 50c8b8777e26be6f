//! The service can be reached: it says it is healthy, and every configured user can log in.

use std::time::Duration as StdDuration;

use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};

pub(super) const CRITERION: Criterion = Criterion {
    id: "service-answers",
    area: Area::Service,
    promise: "The service answers, says it is healthy, and lets its users in.",
    method: "One GET /health, and one login for each configured user.",
    needs: &[],
    estimate: |_| StdDuration::from_secs(1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let health = match scene.users.first().client().health().await {
        Ok(health) => health,
        Err(error) => {
            error.record().into_iter().for_each(|record| evidence.exchange(record));
            return Ok(Finding::fail(error.to_string()));
        }
    };
    evidence.exchange(&health.record);
    for user in scene.users.all() {
        match user.client().ensure_login().await {
            Ok(record) => record.iter().for_each(|record| evidence.exchange(record)),
            Err(error) => {
                error.record().into_iter().for_each(|record| evidence.exchange(record));
                return Ok(Finding::fail(format!("user {} cannot log in: {error}", user.number() + 1)));
            }
        }
    }
    let (status, users) = (health.value.status, scene.users.all().len());
    Ok(Finding::when(status == "healthy", format!("/health says {status}, and {users} of {users} users can log in")))
}
