//! One request more than the limit is refused, refusals do not count, and a request is free again as soon as the oldest one
//! leaves the window.
//!
//! All in one window: one request, a quarter of the window later all the others, then some too many. When the first one has
//! left, exactly one more must be accepted, and the next refused. A window that does not slide, and one in which
//! refusals count, both show there. Everything is judged by our own clock around each request, so that only what was
//! certainly inside the window, or certainly outside, counts.

pub(super) mod window;

use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};
use window::{Filled, Outcome, fill};

/// Requests beyond the limit.
const TOO_MANY: u32 = 5;
/// Requests after the one that is free again.
const TOO_MANY_AGAIN: u32 = 3;

pub(super) const CRITERION: Criterion = Criterion {
    id: "rate-limit",
    area: Area::RateLimit,
    promise: "The request after the promised number within the window is refused with 429; refusals do not count; the window slides.",
    method: "With one user's window empty: one request, a quarter of the window later the rest of the promised number, then five more, which \
             must be refused. When the first has left the window one more must be accepted, and the next three refused.",
    needs: &[],
    estimate: |scene| scene.promises.settings.rate_limit.per.std() * 5 / 2,
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let user = scene.user(scene.users.all().len().saturating_sub(1)).clone();
    let finding = match fill(scene, &user, evidence).await {
        Ok(Outcome::Filled(filled)) => beyond(scene, &filled, evidence).await,
        Ok(Outcome::Broken(how)) => Ok(Finding::fail(how)),
        Err(obstacle) => Err(obstacle),
    };
    user.pause(None);
    finding
}

async fn beyond(scene: &Scene, filled: &Filled, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let (limit, per) = (filled.limit, scene.promises.settings.rate_limit.per);
    let (mut refused, mut accepted) = (0, 0);
    for number in 1..=TOO_MANY {
        let status = filled.send(evidence).await?;
        // Once the first request may have left, an acceptance says nothing.
        if filled.first_sent.elapsed() >= filled.per {
            break;
        }
        let ok = status == 429;
        evidence.case(&format!("request {} within {per}", limit + number), "429", status.to_string(), Some(ok));
        refused += u32::from(ok);
        accepted += u32::from(!ok);
    }
    evidence.share("requests beyond the limit refused", refused.into(), (refused + accepted).into(), Some(1.0));
    if accepted > 0 {
        return Ok(Finding::fail(format!(
            "{accepted} of {} requests beyond {limit} within {per} were not refused with 429",
            refused + accepted
        )));
    }
    if refused == 0 {
        return Err(Obstacle::new(format!(
            "{limit} requests took so long that none beyond them fell into the window of {per}"
        )));
    }
    slides(filled, refused, evidence).await
}

async fn slides(filled: &Filled, refused: u32, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let said = format!("{refused} of {refused} requests beyond {} were refused with 429", filled.limit);
    let free = filled.per + filled.margin;
    tokio::time::sleep(free.saturating_sub(filled.first_answered.elapsed())).await;
    let mut status = filled.send(evidence).await?;
    if status == 429 {
        tokio::time::sleep(2 * filled.margin).await;
        status = filled.send(evidence).await?;
    }
    let after = filled.first_sent.elapsed().as_secs_f64();
    evidence.case("a request after the first left the window", "accepted", status.to_string(), Some(status < 400));
    if status == 429 {
        return Ok(Finding::fail(format!(
            "{said}; but {after:.1} s after the first request, which has left the window, another was still refused: refusals count, \
             or the window does not slide"
        )));
    }
    if status >= 400 {
        return Err(Obstacle::new(format!("{said}; the request after the window slid was answered with {status}")));
    }
    let mut again = 0;
    for _ in 0..TOO_MANY_AGAIN {
        let status = filled.send(evidence).await?;
        if filled.burst_sent.elapsed() >= filled.per {
            break;
        }
        evidence.case("the request after that", "429", status.to_string(), Some(status == 429));
        if status != 429 {
            return Ok(Finding::fail(format!(
                "{said}; but when one request had left the window more than one was accepted: the window does not slide, it is reset"
            )));
        }
        again += 1;
    }
    if again == 0 {
        return Err(Obstacle::new(format!(
            "{said}; whether the window slides or is reset was too slow to be told apart"
        )));
    }
    Ok(Finding::pass(format!(
        "{} requests were accepted and {said}; {after:.1} s after the first one more was accepted, and the next {again} were refused",
        filled.limit
    )))
}
