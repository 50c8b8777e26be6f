//! `kill -9` between decision and delivery: each notification arrives at least once, and what changed while nobody
//! looked is told too. `MEMSENTRY_CRASH_ROUNDS=50 cargo test --test it -- crash --nocapture` for the proof.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng as _;

use crate::stage::{Config, Daemon, Door, Manner, Webhook, shared_reference, until, without_evidence};

fn rounds() -> u32 {
    std::env::var("MEMSENTRY_CRASH_ROUNDS").map_or(5, |text| text.parse().expect("a number of rounds"))
}

/// The service behind a door, and a daemon that tells the webhook when the door is shut.
struct Scene {
    door: Door,
    webhook: Webhook,
    daemon: Daemon,
    shut: bool,
}

impl Scene {
    async fn with_the_door_shut(manner: Manner) -> Self {
        let door = Door::before(&shared_reference().api_url);
        door.close().await;
        let webhook = Webhook::start().await;
        webhook.answers(manner);
        let daemon = Daemon::start(&Config::new(&door.url()).with_webhook(&webhook)).await;
        Self { door, webhook, daemon, shut: true }
    }

    async fn turn(&mut self) {
        self.shut = !self.shut;
        if self.shut {
            self.door.close().await;
        } else {
            self.door.open();
        }
    }

    /// What must be told as things stand.
    fn status(&self) -> &'static str {
        if self.shut { "firing" } else { "resolved" }
    }
}

/// In each round the receiver has read the notification and not answered when the daemon dies; the service changes
/// before the next daemon starts.
#[tokio::test]
async fn what_was_decided_before_a_crash_arrives_after_it_with_the_same_key() {
    let mut scene = Scene::with_the_door_shut(Manner::HangFirst).await;
    let (mut arrived, began) = (0, Instant::now());
    for round in 1..=rounds() {
        let taken: Vec<String> = scene.webhook.taken().into_iter().map(|page| page.key).collect();
        let status = scene.status();
        let held = scene
            .webhook
            .wait(&format!("round {round}: the attempt at {status}"), |page| {
                !taken.contains(&page.key) && page.is("ServiceDown", status)
            })
            .await;
        scene.daemon.kill();
        assert!(!held.taken, "round {round}: it was answered");
        scene.turn().await;
        scene.daemon.start_again().await;
        let repeat = scene
            .webhook
            .wait(&format!("round {round}: {} again", held.key), |page| page.taken && page.key == held.key)
            .await;
        assert_eq!(without_evidence(repeat.body), without_evidence(held.body), "round {round}");
        arrived += 1;
    }
    let mut deliveries: BTreeMap<String, u32> = BTreeMap::new();
    for page in scene.webhook.taken() {
        *deliveries.entry(page.key).or_default() += 1;
    }
    let duplicates: u32 = deliveries.values().map(|count| count - 1).sum();
    println!(
        "{} kills in {:.1} s: {arrived} notifications arrived, {duplicates} more than once",
        rounds(),
        began.elapsed().as_secs_f64()
    );
    assert_eq!(duplicates, 0, "an answered notification was sent again though the daemon had time to note the answer");
}

/// The daemon dies at any moment around a change: before it was seen, between decision and delivery, or after.
#[tokio::test]
async fn a_crash_at_any_moment_leaves_nothing_untold() {
    let mut scene = Scene::with_the_door_shut(Manner::Ok).await;
    let began = Instant::now();
    for round in 1..=rounds() {
        let wait = rand::rng().random_range(0..1_300);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        scene.daemon.kill();
        scene.daemon.start_again().await;
        let status = scene.status();
        until(&format!("round {round}, killed after {wait} ms: {status}"), || async {
            scene.webhook.taken().last().is_some_and(|page| page.is("ServiceDown", status)).then_some(())
        })
        .await;
        scene.turn().await;
    }
    let taken = scene.webhook.taken();
    println!(
        "{} kills at random moments in {:.1} s: {} deliveries of {} notifications",
        rounds(),
        began.elapsed().as_secs_f64(),
        taken.len(),
        taken.iter().map(|page| &page.key).collect::<std::collections::BTreeSet<_>>().len(),
    );
}
