//! Random expressions are asked of Debian's Prometheus and of our HTTP API over the same samples.
//!
//! `scripts/differential` runs it for longer. The seed is printed; `MEMSENTRY_DIFFERENTIAL_SEED` asks the same again,
//! `MEMSENTRY_DIFFERENTIAL_SECONDS` is how long it goes on. Left out are the differences in [`exclusions`], no others.

#![allow(clippy::print_stdout)]

mod compare;
mod data;
mod exclusions;
mod generate;
mod peers;
mod session;
mod tree;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use generate::{Generator, Question};
use peers::Peers;
use session::Tally;

/// Time spent on one set of samples.
const ROUND: Duration = Duration::from_secs(120);
/// Differences after which there is no point in going on.
const ENOUGH: usize = 25;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_gives_the_answers_that_we_give() {
    if !peers::installed() {
        println!("SKIPPED: prometheus and promtool are not installed, nothing was compared");
        return;
    }
    let seed = setting("MEMSENTRY_DIFFERENTIAL_SEED").unwrap_or(42);
    let time = Duration::from_secs(setting("MEMSENTRY_DIFFERENTIAL_SECONDS").unwrap_or(15));
    println!("seed {seed}, against {}", peers::version());
    let started = Instant::now();
    let mut tally = Tally::default();
    let mut round = 0;
    while started.elapsed() < time && tally.differences.len() < ENOUGH {
        println!("samples and questions of seed {}", seed.wrapping_add(round));
        let end = time.min(started.elapsed() + ROUND);
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(round));
        let series = data::series(&mut random);
        let mut peers = Peers::start(&series).await;
        let mut generator = Generator::new(random);
        while started.elapsed() < end && tally.differences.len() < ENOUGH {
            tally.ask(&mut peers, &generator.question()).await;
        }
        round += 1;
        println!("{}", tally.line(started.elapsed()));
    }
    let told: Vec<&str> = tally.differences.values().map(String::as_str).collect();
    assert!(told.is_empty(), "seed {seed}: {} differences:\n{}", told.len(), told.join("\n"));
}

impl Tally {
    fn line(&self, time: Duration) -> String {
        format!(
            "{} s: {} expressions compared ({} instant, {} range; {} empty, errors alike {:?}), excluded {:?}, {} differences",
            time.as_secs(),
            self.compared,
            self.instant,
            self.range,
            self.empty,
            self.errors,
            self.excluded,
            self.differences.len()
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_excluded_difference_is_one() {
    if !peers::installed() {
        println!("SKIPPED: prometheus and promtool are not installed, nothing was compared");
        return;
    }
    let mut peers = Peers::start(&data::series(&mut StdRng::seed_from_u64(1))).await;
    let mut gone = Vec::new();
    for exclusion in exclusions::EXCLUSIONS {
        assert!(!exclusion.examples.is_empty(), "{}", exclusion.name);
        for example in exclusion.examples {
            let instant = Question::fixed(example, data::AT, None);
            let range = Question::fixed(example, data::AT - 300_000, Some((data::AT + 300_000, 60_000)));
            if !session::differ(&mut peers, &instant).await && !session::differ(&mut peers, &range).await {
                gone.push(format!("{}: {example}", exclusion.name));
            }
        }
    }
    assert!(gone.is_empty(), "both say the same about:\n{}", gone.join("\n"));
}

/// For asking by hand: `cargo test --test it stay_for_questions -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "stays until it is stopped"]
async fn stay_for_questions() {
    let seed = setting("MEMSENTRY_DIFFERENTIAL_SEED").unwrap_or(1);
    let peers = Peers::start(&data::series(&mut StdRng::seed_from_u64(seed))).await;
    println!("Prometheus http://{} memsentry http://{}", peers.prometheus.address, peers.memsentry.address);
    std::future::pending::<()>().await;
}
