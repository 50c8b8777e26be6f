//! A user's window, filled to the promised limit in a way that shows afterwards how it empties.

use std::time::Duration as StdDuration;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::super::super::{Chat, Evidence, Obstacle, Scene};
use crate::memory_api::{RawAnswer, RawRequest, User};
use crate::model::Stopwatch;

/// Requests on their way at once.
const IN_FLIGHT: usize = 24;
/// The longest window that is waited for.
const LONGEST: StdDuration = StdDuration::from_secs(600);

/// A window that is full.
pub(in super::super) struct Filled {
    chat: Chat,
    pub(in super::super) limit: u32,
    pub(in super::super) per: StdDuration,
    /// Between what a clock here and one there may call the same moment.
    pub(in super::super) margin: StdDuration,
    /// Since just before the first request was sent.
    pub(in super::super) first_sent: Stopwatch,
    /// Since the first request was answered.
    pub(in super::super) first_answered: Stopwatch,
    /// Since just before the second was sent.
    pub(in super::super) burst_sent: Stopwatch,
}

/// What came of filling it.
pub(in super::super) enum Outcome {
    Filled(Filled),
    /// The promise is broken already, and how.
    Broken(String),
}

impl Filled {
    /// Sends one request more and answers with its status.
    pub(in super::super) async fn send(&self, evidence: &mut Evidence) -> Result<u16, Obstacle> {
        Ok(send(&self.chat, evidence).await?.status)
    }
}

/// Waits until the user's window must be empty, then sends one request, and a quarter of the window later the others.
pub(in super::super) async fn fill(scene: &Scene, user: &User, evidence: &mut Evidence) -> Result<Outcome, Obstacle> {
    let promised = scene.promises.settings.rate_limit;
    let (limit, per) = (promised.requests, promised.per.std());
    if limit == 0 {
        return Err(Obstacle::new("the service is said to have no rate limit (validate.rate_limit.requests: 0)"));
    }
    if per > LONGEST {
        return Err(Obstacle::new(format!("a window of {} is too long to be waited for", promised.per)));
    }
    let chat = scene.chat(user, evidence).await?;
    let margin = (per / 60).clamp(StdDuration::from_millis(50), StdDuration::from_secs(1));
    tokio::time::sleep(per + margin).await;
    let first_sent = Stopwatch::start();
    let first = send(&chat, evidence).await?;
    let first_answered = Stopwatch::start();
    if !first.is_success() {
        return Err(Obstacle::new(format!(
            "the first request after an idle window was answered with {}",
            first.status
        )));
    }
    tokio::time::sleep(per / 4).await;
    let burst_sent = Stopwatch::start();
    let burst: Vec<Result<RawAnswer, Obstacle>> = stream::iter(1..limit)
        .map(|_| async {
            let mut unused = Evidence::default();
            send(&chat, &mut unused).await
        })
        .buffer_unordered(IN_FLIGHT)
        .collect()
        .await;
    let mut refused = Vec::new();
    for answer in burst {
        let answer = answer?;
        evidence.exchange(&answer.record);
        match answer.status {
            200..300 => {}
            429 => refused.push(answer),
            status => return Err(Obstacle::new(format!("a request within the limit was answered with {status}"))),
        }
    }
    evidence.share(
        "requests within the limit accepted",
        u64::from(limit) - refused.len() as u64,
        limit.into(),
        Some(1.0),
    );
    if !refused.is_empty() {
        return too_early(&first, limit, refused.len());
    }
    if first_sent.elapsed() + margin >= per {
        let took = first_sent.elapsed().as_secs_f64();
        return Err(Obstacle::new(format!(
            "{limit} requests took {took:.1} s, too long to fill a window of {}",
            promised.per
        )));
    }
    Ok(Outcome::Filled(Filled { chat, limit, per, margin, first_sent, first_answered, burst_sent }))
}

/// Some requests within the limit were refused. If the service itself says that we were alone, it limits to fewer.
fn too_early(first: &RawAnswer, limit: u32, refused: usize) -> Result<Outcome, Obstacle> {
    let number = |name: &str| first.header(name).and_then(|value| value.trim().parse::<u32>().ok());
    let said = format!("{refused} of {limit} requests within the limit were refused");
    match (number("x-ratelimit-limit"), number("x-ratelimit-remaining")) {
        (Some(other), _) if other < limit => {
            Ok(Outcome::Broken(format!("{said}: the service says that its limit is {other}")))
        }
        (Some(_), Some(remaining)) if remaining + 1 == limit => {
            Ok(Outcome::Broken(format!("{said}, although the service said that {remaining} were left after the first")))
        }
        _ => {
            Err(Obstacle::new(format!("{said}: somebody else sends as this user, or the limit is lower than {limit}")))
        }
    }
}

/// One request, whatever the budget says.
async fn send(chat: &Chat, evidence: &mut Evidence) -> Result<RawAnswer, Obstacle> {
    match chat.user.client().raw(&RawRequest::memory(&chat.id)).await {
        Ok(answer) => {
            evidence.exchange(&answer.record);
            Ok(answer)
        }
        Err(error) => {
            error.record().into_iter().for_each(|record| evidence.exchange(record));
            Err(error.into())
        }
    }
}
