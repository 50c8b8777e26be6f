//! Many stored memories make neither retrievals nor updates break their promises.

use std::time::Duration as StdDuration;

use crate::traffic::Distribution;

use super::super::passage::{mark, seconds, snippet};
use super::super::share::Standing;
use super::super::tally::Tally;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use super::retrieval_latency::Reads;

const READS: (u64, u64) = (50, 150);
const UPDATES: (u64, u64) = (15, 45);
/// What each memory costs that is stored through the API: a conversation and an update.
const REQUESTS: usize = 2;
/// Longest time for storing them so.
const PATIENCE: StdDuration = StdDuration::from_secs(600);

pub(super) const CRITERION: Criterion = Criterion {
    id: "stored-memories",
    area: Area::Performance,
    promise: "With so many stored memories retrievals and updates keep their promised times.",
    method: "Retrievals and updates are measured, as many memories are stored as are promised to make no difference \
             (copies made by SQL where breaking is allowed, otherwise through the API), and both are measured again, \
             the retrievals over the stored ones. Then they are removed. Slower, but within the promise, is a figure \
             and no failure.",
    needs: &[Need::Database],
    estimate: |scene| {
        // The stored memories are all one user's, and so are the retrievals.
        let own = scene.paced(u32::try_from(2 * (READS.0 + 2 * UPDATES.0)).unwrap_or(u32::MAX), 1);
        let seeding = if scene.chaos().is_ok() { 0 } else { wanted(scene) * REQUESTS };
        let each = scene.promises.update_visible.0 / 20;
        if scene.time_for(seeding, each) > PATIENCE { StdDuration::ZERO } else { own + scene.time_for(seeding, each) }
    },
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

fn wanted(scene: &Scene) -> usize {
    usize::try_from(scene.promises.settings.stored_memories).unwrap_or(usize::MAX)
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let count = wanted(scene);
    if scene.chaos().is_err() && scene.time_for(count * REQUESTS, StdDuration::ZERO) > PATIENCE {
        let window = scene.promises.settings.rate_limit.per.std().as_secs_f64().max(0.001);
        let windows = (PATIENCE.as_secs_f64() / window).max(1.0);
        let requests = f64::from(scene.promises.settings.rate_limit.requests.max(1));
        #[allow(clippy::cast_precision_loss)] // at most some millions
        let users = (count as f64 * 2.0 / (requests * windows)).ceil();
        return Err(Obstacle::new(format!(
            "storing {count} memories through the API in {} takes {users} users, there are {}; with --chaos and \
             validate.chaos.database_url they are stored by SQL",
            seconds(PATIENCE),
            scene.users.all().len()
        )));
    }
    let original = scene.chat(scene.users.freest(), evidence).await?;
    scene.remember(&original, &snippet(&mark()), scene.patience(), evidence).await?;
    let before = measure(scene, std::slice::from_ref(&original), "before", evidence).await?;
    if before.standing() == Standing::Broken {
        return Err(Obstacle::new(format!("the promises were broken before: {}", before.told(scene))));
    }
    let stored = store(scene, &original, count, evidence).await?;
    let ids: Vec<String> = stored.iter().map(|chat| chat.id.clone()).collect();
    let after = measure(scene, &stored, "after", evidence).await;
    let removed = remove(scene, &ids).await;
    let after = after?;
    evidence.note(removed);
    let told = format!("with {count} more memories {}; before {}", after.told(scene), before.told(scene));
    Ok(match after.standing() {
        Standing::Kept => Finding::pass(told),
        Standing::Broken => Finding::fail(told),
        Standing::Open => Finding::not_judged(format!("too few to tell: {told}")),
    })
}

async fn store(scene: &Scene, original: &Chat, count: usize, evidence: &mut Evidence) -> Result<Vec<Chat>, Obstacle> {
    if let Ok(chaos) = scene.chaos() {
        let copies = chaos.copy(&original.id, u32::try_from(count).unwrap_or(u32::MAX)).await?;
        evidence.note(format!("{} memories were stored by SQL, as copies of one", copies.len()));
        return Ok(copies.into_iter().map(|id| Chat { id, user: original.user.clone() }).collect());
    }
    let chats = scene.chats(count, evidence).await?;
    let mut last = None;
    for chat in &chats {
        last = Some(scene.update(chat, &snippet(&mark()), evidence).await?);
    }
    if let Some(last) = last {
        scene.settled(&last.value.queue_id, PATIENCE).await?;
    }
    Ok(chats)
}

async fn remove(scene: &Scene, ids: &[String]) -> String {
    let removed = match (scene.chaos(), &scene.database) {
        (Ok(chaos), _) => chaos.remove(ids).await,
        (Err(_), Some(database)) if database.may_clean_up() => database.remove_synthetic(ids).await,
        _ => return "the stored memories are removed at the end of the run".to_owned(),
    };
    match removed {
        Ok(removed) => format!("{removed} stored memories were removed again"),
        Err(error) => format!("the stored memories are removed at the end of the run, for now: {error}"),
    }
}

struct Times {
    reads: Tally,
    read: Distribution,
    updates: Tally,
    update: Distribution,
}

async fn measure(scene: &Scene, chats: &[Chat], when: &str, evidence: &mut Evidence) -> Result<Times, Obstacle> {
    let (promise, share) = scene.promises.retrieval;
    let mut reads = Reads::new(Tally::new(share, READS.0, READS.1));
    // Far apart in the order of their making.
    let far_apart = chats.iter().step_by((chats.len() / 50).max(1)).cycle();
    for chat in far_apart {
        if reads.tally.is_decided() {
            break;
        }
        reads.read(chat, promise, evidence).await?;
    }
    let (longest, share) = scene.promises.update_visible;
    let mut updates = Tally::new(share, UPDATES.0, UPDATES.1);
    let mut times = Vec::new();
    let chat = scene.chat(scene.users.freest(), evidence).await?;
    while !updates.is_decided() {
        let passage = scene.passage(&chat, &mark(), longest * 3, evidence).await?;
        updates.add(passage.visible.is_some_and(|time| time <= longest));
        times.push(passage.visible.unwrap_or(longest * 3));
    }
    let times = Times {
        reads: reads.tally,
        read: Distribution::of_times(reads.times),
        updates,
        update: Distribution::of_times(times),
    };
    evidence.times(&format!("retrieval, {when}"), times.read.clone(), Some(promise.as_secs_f64()));
    evidence.times(&format!("update visible, {when}"), times.update.clone(), Some(longest.as_secs_f64()));
    Ok(times)
}

impl Times {
    fn standing(&self) -> Standing {
        let both = [self.reads.standing(), self.updates.standing()];
        let worst = [Standing::Broken, Standing::Open].into_iter().find(|standing| both.contains(standing));
        worst.unwrap_or(Standing::Kept)
    }

    fn told(&self, scene: &Scene) -> String {
        let half = |of: &Distribution| seconds(StdDuration::try_from_secs_f64(of.quantile(0.5)).unwrap_or_default());
        format!(
            "{} of {} retrievals took at most {}, half of them {}, and {} of {} updates were visible within {}, half of \
             them {}",
            self.reads.part(),
            self.reads.whole(),
            seconds(scene.promises.retrieval.0),
            half(&self.read),
            self.updates.part(),
            self.updates.whole(),
            seconds(scene.promises.update_visible.0),
            half(&self.update),
        )
    }
}
