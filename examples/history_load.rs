//! Fills a store with synthetic time, as fast as it goes, and prints what a daemon would hold, write and wait for.
//!
//! `cargo run --release --example history_load -- [series] [days] [seconds between scrapes] [file]`. Values look like
//! those of probes and queues: many that hardly ever change, counters, and gauges with fractions. The last lines are a
//! restart and a query over all of it. A file that is named is kept, and its samples end now: a daemon may go on with it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use memsentry::metrics::Registry;
use memsentry::model::{Clock, Duration, Labels, Matcher, Timestamp};
use memsentry::store::Store;
use memsentry::tsdb::{Settings, Tsdb};
use tokio_util::sync::CancellationToken;

/// A number from a file of `/proc/self`, by the text before it.
fn own(file: &str, before: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    let rest = text.lines().find_map(|line| line.strip_prefix(before)).unwrap_or("0");
    rest.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

fn resident() -> f64 {
    own("status", "VmRSS:") / 1024.0
}

fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.rsplit(')').next().unwrap_or("").split(' ').map(|f| f.parse().unwrap_or(0.0)).collect();
    (fields[12] + fields[13]) / 100.0
}

struct Source {
    labels: Vec<Labels>,
    values: Vec<f64>,
    random: u64,
}

impl Source {
    fn new(series: usize) -> Self {
        let labels = |n: usize| {
            let target = format!("target-{}", n % 10);
            let (name, le) = (format!("chat_memory_metric_{}", n / 50), format!("{}", n % 50));
            Labels::from_pairs([("__name__", name.as_str()), ("target", &target), ("le", &le)])
        };
        Self { labels: (0..series).map(labels).collect(), values: vec![0.0; series], random: 7 }
    }

    fn step(&mut self) {
        for (n, value) in self.values.iter_mut().enumerate() {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            let dice = self.random >> 32;
            match n % 20 {
                // Hardly ever changes: buckets and counters of what is rare, flags.
                0..12 => *value += f64::from(u8::from(dice.is_multiple_of(200))),
                // A counter of requests.
                12..16 => *value += f64::from(u8::try_from(dice % 4).unwrap_or(0)),
                // A depth that walks.
                16..18 => *value = (*value + f64::from(u8::try_from(dice % 7).unwrap_or(0)) - 3.0).max(0.0),
                // Seconds that a run took, new every third scrape.
                18 if dice.is_multiple_of(3) => *value += f64::from(u32::try_from(dice % 100_000).unwrap_or(0)) / 1e6,
                _ => {}
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |default| args.next().map_or(Ok(default), |arg| arg.parse::<i64>());
    let (series, days, interval) = (next(1000)?, next(7)?, next(5)?);
    let scrapes = days * 86_400 / interval;
    let dir = tempfile::tempdir_in(".")?;
    let path = args.next().map_or_else(|| dir.path().join("memsentry.db"), Into::into);
    let start = Clock::system().now().millis() / 1000 * 1000 - days * 86_400_000;
    let settings = Settings { retention: Duration::from_secs(7 * 86_400), ..Settings::default() };

    let registry = Registry::new();
    let (store, writer) = Store::open(Some(&path), &registry).await;
    tokio::spawn((writer.start)());
    let tsdb = Tsdb::new(&settings, &registry);
    tsdb.keep_history(store.clone(), &registry, Timestamp::from_millis(start), CancellationToken::new()).await;
    let mut source = Source::new(usize::try_from(series)?);
    let (mut most, mut slowest, mut all) = (0.0_f64, 0.0_f64, Vec::new());
    println!("before: resident {:.1} MB", resident());
    let (began, processor, written) = (Instant::now(), processor_seconds(), own("io", "wchar:"));
    for scrape in 0..scrapes {
        source.step();
        let at = Timestamp::from_millis(start + scrape * interval * 1000);
        tsdb.append_all(at, source.labels.iter().zip(source.values.iter().copied()));
        let watch = Instant::now();
        tsdb.persist().await;
        let took = watch.elapsed().as_secs_f64();
        (slowest, all) = (slowest.max(took), {
            all.push(took);
            all
        });
        most = most.max(if scrape % 100 == 0 { resident() } else { 0.0 });
    }
    all.sort_by(f64::total_cmp);
    let count = scrapes as f64;
    let seconds = count * interval as f64;
    let bytes = own("io", "wchar:") - written;
    println!("{series} series, {days} days, a scrape in {interval} s: {scrapes} scrapes in {:.0?}", began.elapsed());
    println!("resident {:.1} MB, at most {most:.1} MB", resident());
    println!("processor time {:.2} ms a scrape", (processor_seconds() - processor) / count * 1e3);
    println!("write: median {:.2} ms, slowest {:.0} ms", all[all.len() / 2] * 1e3, slowest * 1e3);
    println!("to the file system {:.2} KB/s, {:.0} MB a day", bytes / seconds / 1e3, bytes / seconds * 0.0864);
    let size = std::fs::metadata(&path)?.len() as f64;
    println!("file {:.0} MB, {:.2} bytes a sample", size / 1e6, size / count / series as f64);
    store.close().await?;
    drop(tsdb);
    let to = Timestamp::from_millis(start + scrapes * interval * 1000);
    restart(&path, &settings, (Timestamp::from_millis(start), to)).await
}

/// Starts over the same file and reads one series from end to end.
async fn restart(path: &Path, settings: &Settings, (from, to): (Timestamp, Timestamp)) -> Result<()> {
    let (store, writer) = Store::open(Some(path), &Registry::new()).await;
    tokio::spawn((writer.start)());
    let registry = Registry::new();
    let tsdb = Tsdb::new(settings, &registry);
    let watch = Instant::now();
    tsdb.keep_history(store, &registry, to, CancellationToken::new()).await;
    println!("restart: {:.0?}", watch.elapsed());
    let watch = Instant::now();
    let query = tsdb.with_history();
    let one = [Matcher::equal("__name__", "chat_memory_metric_0"), Matcher::equal("le", "7")];
    let found = tokio::task::spawn_blocking(move || query.select(&one, from, to)).await?;
    println!("one series over all of it: {} samples in {:.0?}", found[0].samples.len(), watch.elapsed());
    Ok(())
}
