//! A user who has used up the limit takes nothing from anybody else.

use std::time::Duration as StdDuration;

use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use super::rate_limit::window::{Outcome, fill};
use crate::memory_api::{RawRequest, Route};

/// Requests of the other user while the first is refused.
const REQUESTS: u64 = 10;

pub(super) const CRITERION: Criterion = Criterion {
    id: "rate-limit-others",
    area: Area::RateLimit,
    promise: "While one user is refused for the rate limit, others are not.",
    method: "One user's window is filled until requests are refused; ten requests of another user in between must succeed, while the first \
             is still refused before and after.",
    needs: &[Need::SecondUser],
    estimate: |scene| scene.promises.settings.rate_limit.per.std() * 3 / 2 + StdDuration::from_secs(1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    scene.second_user()?;
    let busy = scene.user(scene.users.all().len().saturating_sub(1)).clone();
    let finding = measure(scene, &busy, evidence).await;
    busy.pause(None);
    finding
}

async fn measure(scene: &Scene, busy: &crate::memory_api::User, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let other = scene.users.first();
    let filled = match fill(scene, busy, evidence).await? {
        Outcome::Filled(filled) => filled,
        Outcome::Broken(how) => return Err(Obstacle::new(how)),
    };
    let before = filled.send(evidence).await?;
    // Conversations, because those need nothing that would have to be made before.
    let body = serde_json::json!({ "metadata": scene.metadata() }).to_string();
    let request = RawRequest::post(Route::Conversations, body);
    let (mut served, mut refused) = (0, 0);
    for _ in 0..REQUESTS {
        let answer = other.turn().await.raw(&request).await?;
        evidence.exchange(&answer.record);
        match answer.status {
            429 => refused += 1,
            200..300 => served += 1,
            status => return Err(Obstacle::new(format!("the other user was answered with {status}"))),
        }
    }
    let after = filled.send(evidence).await?;
    let inside = filled.first_sent.elapsed() < filled.per;
    evidence.share("requests of another user served", served, REQUESTS, Some(1.0));
    if refused > 0 {
        other.pause(None);
        return Ok(Finding::fail(format!(
            "{refused} of {REQUESTS} requests of another user were refused with 429 as well"
        )));
    }
    if before != 429 || (inside && after != 429) {
        return Err(Obstacle::new(format!(
            "the first user was not refused ({before}, {after}), so that there was nothing to suffer from"
        )));
    }
    Ok(Finding::pass(format!(
        "{served} of {REQUESTS} requests of another user were served while the first was refused"
    )))
}
