//! Many updates at once are all accepted, all processed, and visible in time.
//!
//! "Without degradation" is taken at its word's weakest: at every level the promised share of updates keeps the
//! promised time. That a level is slower than the one before, but within the promise, is a figure and no failure.

use std::time::Duration as StdDuration;

use crate::traffic::Distribution;

use super::super::passage::{Burst, mark, seconds};
use super::super::share::{Standing, standing};
use super::super::tally::Tally;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// Updates that one level is judged by, if that takes no more than so many bursts.
const SAMPLES: usize = 30;
const MOST_BURSTS: usize = 10;

pub(super) const CRITERION: Criterion = Criterion {
    id: "concurrent-updates",
    area: Area::Performance,
    promise: "So many updates at once are accepted, processed and visible as promised for single ones.",
    method: "For each level a burst of updates, each to a conversation of its own and all at the same moment; small \
             levels several times. Each update is followed in the database until its row is complete. A level is kept \
             if the promised share is accepted and is complete within the promised time of an update.",
    needs: &[Need::Database],
    estimate: |scene| {
        let levels = levels(scene);
        let requests: usize = levels.iter().map(|level| level * bursts(*level)).sum();
        scene.time_for(requests + levels.iter().max().copied().unwrap_or(0), StdDuration::from_millis(5))
            + scene.promises.update_visible.0 * 12
    },
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

fn levels(scene: &Scene) -> Vec<usize> {
    let mut levels: Vec<usize> =
        scene.promises.settings.concurrency.iter().filter_map(|level| usize::try_from(*level).ok()).collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

fn bursts(level: usize) -> usize {
    SAMPLES.div_ceil(level.max(1)).min(MOST_BURSTS)
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let promise = seconds(scene.promises.update_visible.0);
    let mut chats: Vec<Chat> = Vec::new();
    let (mut told, mut broken, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for level in levels(scene) {
        if let Some(capacity) = scene.capacity().filter(|capacity| *capacity < level) {
            let users = level.div_ceil(capacity / scene.users.all().len().max(1));
            let reason = format!("{level} at once need {users} users, there are {}", scene.users.all().len());
            evidence.case(&format!("{level} at once"), "accepted and processed in time", reason.clone(), None);
            open.push(reason);
            continue;
        }
        let missing = level.saturating_sub(chats.len());
        chats.extend(scene.chats(missing, evidence).await?);
        let seen = measure(scene, chats.get(..level).unwrap_or_default(), evidence).await?;
        let (kept, text) = seen.told(scene, level);
        let ok = match kept {
            Standing::Kept => Some(true),
            Standing::Broken => Some(false),
            Standing::Open => None,
        };
        evidence.case(
            &format!("{level} at once"),
            &format!("accepted, processed and visible within {promise}"),
            text.clone(),
            ok,
        );
        match kept {
            Standing::Kept => told.push(text),
            Standing::Broken => broken.push(text),
            Standing::Open => open.push(format!("too few to tell: {text}")),
        }
    }
    let all = |parts: &[Vec<String>]| parts.concat().join("; ");
    Ok(if !broken.is_empty() {
        Finding::fail(all(&[broken, told, open]))
    } else if !open.is_empty() || told.is_empty() {
        Finding::not_judged(all(&[open, told]))
    } else {
        Finding::pass(all(&[told]))
    })
}

/// What happened at one level.
struct Seen {
    accepted: Tally,
    in_time: Tally,
    processed: usize,
    times: Vec<StdDuration>,
}

async fn measure(scene: &Scene, chats: &[Chat], evidence: &mut Evidence) -> Result<Seen, Obstacle> {
    let (promise, share) = scene.promises.update_visible;
    let tally = |promised| Tally::new(promised, 1, u64::MAX);
    let mut seen =
        Seen { accepted: tally(scene.promises.success), in_time: tally(share), processed: 0, times: Vec::new() };
    let mut accepting = Vec::new();
    for _ in 0..bursts(chats.len()) {
        let updates: Vec<(Chat, String)> = chats.iter().map(|chat| (chat.clone(), mark())).collect();
        let mut burst: Burst = scene.burst(&updates, evidence).await;
        if burst.limited > 0 {
            let (limited, level) = (burst.limited, chats.len());
            return Err(Obstacle::new(format!(
                "{limited} of {level} updates within the promised rate were answered with 429"
            )));
        }
        burst.refused.iter().for_each(|error| {
            seen.accepted.add(false);
            evidence.note(error.clone());
        });
        scene.follow(&mut burst, scene.patience()).await?;
        for sent in &burst.accepted {
            seen.accepted.add(true);
            seen.in_time.add(sent.complete.is_some_and(|time| time <= promise));
            seen.times.extend(sent.complete);
        }
        accepting.append(&mut burst.times);
    }
    seen.processed = seen.times.len();
    let level = chats.len();
    let times = Distribution::of_times(seen.times.iter().copied());
    evidence.times(&format!("update visible, {level} at once"), times, Some(promise.as_secs_f64()));
    evidence.times(&format!("update accepted, {level} at once"), Distribution::of_times(accepting), None);
    Ok(seen)
}

impl Seen {
    fn told(&self, scene: &Scene, level: usize) -> (Standing, String) {
        let (promise, share) = scene.promises.update_visible;
        let Self { accepted, in_time, processed, .. } = self;
        let lost = usize::try_from(accepted.part()).unwrap_or(0).saturating_sub(*processed);
        let text = format!(
            "{level} at once: {} of {} accepted, {processed} processed, {} of {} within {}",
            accepted.part(),
            accepted.whole(),
            in_time.part(),
            in_time.whole(),
            seconds(promise)
        );
        let parts = [accepted.standing(), standing(in_time.part(), in_time.whole(), share)];
        let kept = if lost > 0 || parts.contains(&Standing::Broken) {
            Standing::Broken
        } else if parts.contains(&Standing::Open) {
            Standing::Open
        } else {
            Standing::Kept
        };
        (kept, text)
    }
}
