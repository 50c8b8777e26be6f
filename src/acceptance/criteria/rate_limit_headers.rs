//! The answers tell how much of the limit is left, and count down.

use std::time::Duration as StdDuration;

use super::super::steps::nonce;
use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};
use crate::memory_api::{RawAnswer, RawRequest, Route};
use crate::model::Timestamp;

const REQUESTS: usize = 10;
/// How far clocks may differ.
const SKEW: f64 = 5.0;

pub(super) const CRITERION: Criterion = Criterion {
    id: "rate-limit-headers",
    area: Area::RateLimit,
    promise: "Every 2xx of a protected endpoint carries X-RateLimit-Limit, -Remaining and -Reset; they are consistent and count down.",
    method: "After an idle window ten requests one after the other: the limit is the promised one, what remains falls with each, the reset \
             lies within a window. One answer of each other endpoint must carry the headers too.",
    needs: &[],
    estimate: |scene| scene.promises.settings.rate_limit.per.std() + scene.paced(14, 1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

/// The three headers of one answer.
struct Told {
    limit: f64,
    remaining: f64,
    reset: f64,
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let promised = scene.promises.settings.rate_limit;
    if promised.requests == 0 {
        return Err(Obstacle::new("the service is said to have no rate limit (validate.rate_limit.requests: 0)"));
    }
    let user = scene.users.freest().clone();
    let chat = scene.chat(&user, evidence).await?;
    // Requests that leave the window meanwhile would make what remains grow.
    tokio::time::sleep(promised.per.std() + StdDuration::from_millis(100)).await;
    let (mut told, mut broken) = (Vec::new(), Vec::new());
    for number in 1..=REQUESTS {
        let answer = scene.raw(&user, &RawRequest::memory(&chat.id), evidence).await?;
        match read(&answer)? {
            Ok(headers) => {
                broken.extend(problem(&headers, told.last(), scene));
                told.push(headers);
            }
            Err(missing) => broken.push(format!("answer {number} has no usable {missing}")),
        }
    }
    let update = serde_json::json!({"chat_id": chat.id, "context_snippet": format!("My code is {}.", nonce()), "trigger_source": "test"});
    let conversation = serde_json::json!({ "metadata": scene.metadata() });
    for (name, request) in [
        ("POST memory update", RawRequest::post(Route::MemoryUpdate, update.to_string())),
        ("POST /conversations", RawRequest::post(Route::Conversations, conversation.to_string())),
    ] {
        let answer = scene.raw(&user, &request, evidence).await?;
        let headers = read(&answer)?;
        evidence.case(
            name,
            "three headers",
            headers.as_ref().map_or_else(|e| format!("no {e}"), |_| "three headers".into()),
            Some(headers.is_ok()),
        );
        broken.extend(headers.err().map(|missing| format!("{name} has no usable {missing}")));
    }
    let remaining: Vec<String> = told.iter().map(|told| format!("{:.0}", told.remaining)).collect();
    let counted = remaining.join(", ");
    evidence.case(
        "X-RateLimit-Remaining of ten answers",
        "falling by one each",
        counted.clone(),
        Some(broken.is_empty()),
    );
    if told.windows(2).any(|pair| pair[0].remaining - pair[1].remaining > 1.0) {
        evidence.note("what remains fell by more than one at a time: somebody else sends as this user");
    }
    let all = REQUESTS + 2;
    match broken.first() {
        Some(first) => Ok(Finding::fail(format!(
            "{} of {all} answers tell the limit wrongly or not at all; {first}",
            broken.len().min(all)
        ))),
        None => Ok(Finding::pass(format!(
            "{all} of {all} answers tell the limit; of {} remained {counted}",
            promised.requests
        ))),
    }
}

/// The headers, or the name of the one that is missing or no number.
fn read(answer: &RawAnswer) -> Result<Result<Told, &'static str>, Obstacle> {
    if !answer.is_success() {
        return Err(Obstacle::new(format!("{} was answered with {}", answer.record.path, answer.status)));
    }
    let number =
        |name: &'static str| answer.header(name).and_then(|value| value.trim().parse::<f64>().ok()).ok_or(name);
    let told = || {
        let (limit, remaining) = (number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?);
        Ok(Told { limit, remaining, reset: reset(answer.header("x-ratelimit-reset")).ok_or("x-ratelimit-reset")? })
    };
    Ok(told())
}

/// A number, or a moment as text.
fn reset(value: Option<&str>) -> Option<f64> {
    let value = value?.trim();
    value.parse().ok().or_else(|| Timestamp::parse_rfc3339(value).map(Timestamp::seconds))
}

fn problem(told: &Told, before: Option<&Told>, scene: &Scene) -> Option<String> {
    let promised = scene.promises.settings.rate_limit;
    let (limit, per) = (f64::from(promised.requests), promised.per.std().as_secs_f64());
    if (told.limit - limit).abs() > 0.5 {
        return Some(format!("X-RateLimit-Limit is {}, and {limit} is promised", told.limit));
    }
    if told.remaining < 0.0 || told.remaining > limit - 1.0 {
        return Some(format!("X-RateLimit-Remaining is {} of {limit} after a request", told.remaining));
    }
    if let Some(before) = before
        && told.remaining >= before.remaining
    {
        return Some(format!("X-RateLimit-Remaining was {} and then {}", before.remaining, told.remaining));
    }
    // A moment, or seconds from now.
    let ahead = if told.reset > 1e9 { told.reset - scene.clock.now().seconds() } else { told.reset };
    (ahead < -SKEW || ahead > per + SKEW)
        .then(|| format!("X-RateLimit-Reset lies {ahead:.0} s ahead, and the window is {per:.0} s"))
}
