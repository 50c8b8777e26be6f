//! A request that waits for the database holds up no other request.

use std::time::Duration as StdDuration;

use futures_util::future::{join, join_all};

use crate::memory_api::{CallError, Exchange, Trigger};
use crate::model::Stopwatch;
use crate::traffic::Distribution;

use super::super::passage::{mark, note, seconds, snippet, turns};
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// How long the queue table is locked, and when the last of the other requests begins.
const LOCKED: StdDuration = StdDuration::from_secs(3);
const LAST: StdDuration = StdDuration::from_millis(1800);
/// Slower than this, a request has waited for something that it does not need.
const STALLED: StdDuration = StdDuration::from_secs(1);
/// Updates that wait for the lock, and rounds of other requests meanwhile.
const WAITING: u32 = 3;
const ROUNDS: u32 = 10;

pub(super) const CRITERION: Criterion = Criterion {
    id: "requests-independent",
    area: Area::Performance,
    promise: "A slow request does not hold up others.",
    method: "The queue table is locked for three seconds. Three updates wait for it; meanwhile /health and retrievals, \
             which do not need that table, are asked at fixed moments, and none of them may take a second.",
    needs: &[Need::Database, Need::Chaos],
    estimate: |_| LOCKED + StdDuration::from_secs(2),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let chaos = scene.chaos()?;
    let chat = scene.chat(scene.users.freest(), evidence).await?;
    scene.remember(&chat, &snippet(&mark()), scene.patience(), evidence).await?;
    // Every turn beforehand, so that no request waits for its budget while the table is locked.
    let turns = turns(std::iter::repeat_n(&chat.user, (WAITING + ROUNDS) as usize)).await;
    let held = chaos.hold_queue(LOCKED).await?;
    let watch = Stopwatch::start();
    let waiting = join_all((0..WAITING).map(|_| wait_for_the_lock(&chat)));
    let others = join_all((0..ROUNDS).map(|round| others(&chat, LAST / ROUNDS * (round + 1))));
    let release = async {
        tokio::time::sleep(LOCKED.saturating_sub(watch.elapsed())).await;
        let held_for = held.held();
        drop(held);
        held_for
    };
    let ((waited, others), held_for) = join(join(waiting, others), release).await;
    drop(turns);
    let mut longest = StdDuration::ZERO;
    for (answer, took) in &waited {
        note(answer, evidence);
        longest = longest.max(*took);
    }
    evidence.number("table locked for", "seconds", held_for.as_secs_f64(), None);
    evidence.number("longest update meanwhile", "seconds", longest.as_secs_f64(), None);
    if longest < STALLED {
        return Err(Obstacle::new("no update waited for the locked queue table, so that nothing was slow"));
    }
    Ok(finding(others.into_iter().flatten().collect(), held_for, evidence))
}

fn finding(others: Vec<Other>, held_for: StdDuration, evidence: &mut Evidence) -> Finding {
    let all = others.len();
    let mut stalled = 0;
    for other in &others {
        stalled += usize::from(other.took >= STALLED);
        if let Some(failure) = &other.failure {
            evidence.note(failure.clone());
        }
    }
    let failed = others.iter().filter(|other| other.failure.is_some()).count();
    let bound = Some(STALLED.as_secs_f64());
    for name in ["/health", "retrieval"] {
        let of = others.iter().filter(|other| other.name == name).map(|other| other.took);
        evidence.times(&format!("{name} meanwhile"), Distribution::of_times(of), bound);
    }
    let slowest = others.iter().map(|other| other.took).max().unwrap_or_default();
    let told = format!(
        "while updates waited for a table that was locked for {}, {stalled} of {all} other requests took {} or longer, \
         the slowest {}",
        seconds(held_for),
        seconds(STALLED),
        seconds(slowest)
    );
    match (stalled, failed) {
        // One may have been held up by anything.
        (1, _) => Finding::not_judged(told),
        (0, 0) => Finding::pass(told),
        (0, failed) => Finding::not_judged(format!("{told}; {failed} failed")),
        _ => Finding::fail(told),
    }
}

async fn wait_for_the_lock(chat: &Chat) -> (Result<Exchange<crate::memory_api::Accepted>, CallError>, StdDuration) {
    let watch = Stopwatch::start();
    let answer = chat.user.client().update(&chat.id, &snippet(&mark()), Trigger::Test).await;
    (answer, watch.elapsed())
}

struct Other {
    name: &'static str,
    took: StdDuration,
    failure: Option<String>,
}

async fn others(chat: &Chat, after: StdDuration) -> [Other; 2] {
    tokio::time::sleep(after).await;
    let health = async {
        let watch = Stopwatch::start();
        let failure = chat.user.client().health().await.err().map(|error| error.to_string());
        Other { name: "/health", took: watch.elapsed(), failure }
    };
    let retrieval = async {
        let watch = Stopwatch::start();
        let failure = chat.user.client().memory(&chat.id).await.err().map(|error| error.to_string());
        Other { name: "retrieval", took: watch.elapsed(), failure }
    };
    let (health, retrieval) = join(health, retrieval).await;
    [health, retrieval]
}
