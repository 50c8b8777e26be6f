//! Random expressions are asked of Debian's Prometheus and of our HTTP API over the same samples.
//!
//! `scripts/differential` runs it for longer. The seed is printed; `MEMSENTRY_DIFFERENTIAL_SEED` asks the same again,
//! `MEMSENTRY_DIFFERENTIAL_SECONDS` is how long it goes on. Left out are the differences in [`exclusions`], no others.

mod compare;
mod data;
mod exclusions;
mod generate;
mod peers;
mod session;
mod tree;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use generate::Generator;
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
    let seed = setting("MEMSENTRY_DIFFERENTIAL_SEED").unwrap_or_else(|| rand::rng().random_range(0..1_000_000_000));
    let time = Duration::from_secs(setting("MEMSENTRY_DIFFERENTIAL_SECONDS").unwrap_or(12));
    println!("seed {seed}, against {}", peers::version());
    let started = Instant::now();
    let mut tally = Tally::default();
    let mut round = 0;
    while started.elapsed() < time && tally.differences.len() < ENOUGH {
        let end = time.min(started.elapsed() + ROUND);
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(round));
        let series = data::series(&mut random);
        let mut peers = Peers::start(&series).await;
        let mut generator = Generator::new(random);
        while started.elapsed() < end && tally.differences.len() < ENOUGH {
            let before = tally.differences.len();
            tally.ask(&mut peers, &generator.question()).await;
            if let Some(new) = tally.differences.get(before) {
                println!("DIFFERENCE (seed {}): {new}", seed.wrapping_add(round));
            }
        }
        round += 1;
        println!("{}", tally.line(started.elapsed()));
    }
    assert!(tally.differences.is_empty(), "seed {seed}: {} differences:\n{}", tally.differences.len(), tally.differences.join("\n"));
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "stays"]
async fn stay_for_questions() {
    let seed = setting("MEMSENTRY_DIFFERENTIAL_SEED").unwrap_or(1);
    let mut random = StdRng::seed_from_u64(seed);
    let series = data::series(&mut random);
    let peers = Peers::start(&series).await;
    println!("{} {}", peers.prometheus.address, peers.memsentry.address);
    std::future::pending::<()>().await;
}
