//! A token is refused once its time is over.
//!
//! Only a real token that has really expired proves this. A forged one would be refused for its signature, whether or not
//! anybody looks at the time (`authentication` tries one nevertheless).

use std::time::Duration as StdDuration;

use super::super::steps::nonce;
use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};
use super::authentication::{claims, endpoints};
use crate::memory_api::Authorization;

/// The longest wait for a token's end.
const LONGEST_WAIT: StdDuration = StdDuration::from_secs(60);
/// Beyond the end, for clocks that differ.
const GRACE: StdDuration = StdDuration::from_secs(2);

pub(super) const CRITERION: Criterion = Criterion {
    id: "token-expiry",
    area: Area::Security,
    promise: "A token whose time is over is refused with 401 on every protected endpoint.",
    method: "The end of our own token is read from it; if that is at most a minute away, it is waited for, and the old token is tried on \
             each endpoint while a new one works. A longer life cannot be waited for.",
    needs: &[],
    // Mostly nothing, and at most a minute; a criterion is cut off at three times its estimate.
    estimate: |_| StdDuration::from_secs(25),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let user = scene.users.freest().clone();
    let chat = scene.chat(&user, evidence).await?;
    let token = user.client().token().await?;
    let claims =
        claims(token.expose()).ok_or_else(|| Obstacle::new("the service's tokens do not say when they end"))?;
    let ends = claims.get("exp").and_then(serde_json::Value::as_f64);
    let ends = ends.ok_or_else(|| Obstacle::new("the service's tokens do not say when they end"))?;
    let left = StdDuration::try_from_secs_f64(ends - scene.clock.now().seconds()).unwrap_or_default();
    if left > LONGEST_WAIT {
        return Err(Obstacle::new(format!(
            "our token lives for another {:.0} minutes, and one is waited at most; where tokens of a test user can live shorter, \
             this can be judged",
            left.as_secs_f64() / 60.0
        )));
    }
    let before = scene.raw(&user, &endpoints(scene, &chat, "before")[2].1, evidence).await?;
    if before.status != 200 {
        return Err(Obstacle::new(format!("the memory was answered with {} while the token was good", before.status)));
    }
    tokio::time::sleep(left + GRACE).await;
    let (word, old) = (nonce(), Authorization::bearer(token.expose())?);
    let mut broken = Vec::new();
    for (endpoint, request) in endpoints(scene, &chat, &word) {
        let answer = scene.tried(&request.by(old.clone()), &chat, evidence).await?;
        let ok = matches!(answer.status, 401 | 403);
        evidence.case(&format!("{endpoint} with an expired token"), "401", answer.status.to_string(), Some(ok));
        if !ok {
            broken.push(format!("{endpoint} was answered with {}", answer.status));
        }
    }
    // That a new token works shows that it is the old one which is refused.
    scene.memory(&chat, evidence).await?;
    let late = GRACE.as_secs();
    match broken.first() {
        Some(first) => Ok(Finding::fail(format!(
            "{late} s after its end a token still worked on {} of 3 endpoints; {first}",
            broken.len()
        ))),
        None => Ok(Finding::pass(format!(
            "{late} s after its end a token was refused on 3 of 3 endpoints, and a new one worked"
        ))),
    }
}
