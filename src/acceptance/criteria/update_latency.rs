//! An update is visible in time, end to end, as its sender sees it.

use std::time::Duration as StdDuration;

use crate::traffic::Distribution;

use super::super::passage::{Passage, mark, seconds};
use super::super::tally::Tally;
use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};

/// Updates that are measured at least, and at most where so few cannot tell.
const FEWEST: u64 = 30;
const MOST: u64 = 90;
/// Updates to one conversation; a memory that grows would be measured too.
const PER_CHAT: u64 = 10;

pub(super) const CRITERION: Criterion = Criterion {
    id: "update-latency",
    area: Area::Performance,
    promise: "An update is visible in the memory within the promised time.",
    method: "Single updates at random moments, so that they fall anywhere in the worker's cycle, each followed from the \
             request to the retrieval that shows its mark. Waiting for the users' budgets is taken out.",
    needs: &[],
    estimate: |scene| {
        let promise = scene.promises.update_visible.0;
        scene.time_for(FEWEST as usize * 2, promise.mul_f64(0.75))
    },
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let (promise, share) = scene.promises.update_visible;
    let within = promise * 3;
    let mut tally = Tally::new(share, FEWEST, MOST);
    let mut seen: Vec<Passage> = Vec::new();
    let mut chat = scene.chat(scene.users.freest(), evidence).await?;
    while !tally.is_decided() {
        if tally.whole() > 0 && tally.whole().is_multiple_of(PER_CHAT) {
            chat = scene.chat(scene.users.freest(), evidence).await?;
        }
        tokio::time::sleep(promise.mul_f64(rand::random::<f64>())).await;
        let passage = scene.passage(&chat, &mark(), within, evidence).await?;
        tally.add(passage.visible.is_some_and(|time| time <= promise));
        seen.push(passage);
    }
    figures(&seen, promise, within, evidence);
    evidence.share("updates visible in time", tally.part(), tally.whole(), Some(share));
    let median = Distribution::of_times(seen.iter().map(|passage| passage.visible.unwrap_or(within))).quantile(0.5);
    let what = format!("updates were visible within {}", seconds(promise));
    let mut finding = tally.finding(&what);
    finding.summary.push_str(&format!("; half of them within {}", seconds(StdDuration::from_secs_f64(median))));
    Ok(finding)
}

fn figures(seen: &[Passage], promise: StdDuration, within: StdDuration, evidence: &mut Evidence) {
    let never = seen.iter().filter(|passage| passage.visible.is_none()).count();
    if never > 0 {
        evidence.note(format!("{never} updates were not visible within {}; they count as that long", seconds(within)));
    }
    let visible = Distribution::of_times(seen.iter().map(|passage| passage.visible.unwrap_or(within)));
    evidence.times("update visible", visible, Some(promise.as_secs_f64()));
    evidence.times("update accepted", Distribution::of_times(seen.iter().map(|passage| passage.accept)), None);
    evidence.times("update read", Distribution::of_times(seen.iter().map(|passage| passage.read)), None);
    let queued: Vec<StdDuration> = seen.iter().filter_map(|passage| passage.queued).collect();
    let Some(shortest) = queued.iter().min().copied() else {
        evidence.note("without a database, waiting and processing cannot be told from the retrievals in search of it");
        return;
    };
    let distribution = Distribution::of_times(queued.iter().copied());
    let waiting = (distribution.quantile(0.5) - shortest.as_secs_f64()).max(0.0);
    evidence.times("update queued", distribution, None);
    evidence.number("update processing, at most", "seconds", shortest.as_secs_f64(), None);
    evidence.number("update waiting, median", "seconds", waiting, None);
    evidence.note(
        "no status says that a row is in hand, so the shortest time in the queue stands for processing, and what the \
         others took beyond it for waiting",
    );
}
