//! What was appended is there again: after a restart, from the file, after a failing disk and a stepped clock.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;
use crate::model::{Duration, Labels, Matcher, STALE_MARKER, Sample};
use crate::tsdb::{Series, Settings};

const EVER: (Timestamp, Timestamp) = (Timestamp::from_millis(i64::MIN / 4), Timestamp::from_millis(i64::MAX / 4));

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn series(target: &str) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("target", target)])
}

/// A daemon's store and time series store.
struct Process {
    store: Store,
    tsdb: Tsdb,
    registry: Registry,
    writer: JoinHandle<()>,
}

#[allow(clippy::disallowed_methods)] // a test may spawn
impl Process {
    async fn start(path: &Path, now: Timestamp) -> Self {
        Self::start_with(path, now, Settings::default()).await
    }

    async fn start_with(path: &Path, now: Timestamp, settings: Settings) -> Self {
        let registry = Registry::new();
        let (store, writer) = Store::open(Some(path), &registry).await;
        let writer = tokio::spawn((writer.start)());
        let tsdb = Tsdb::new(&settings, &registry);
        let _task = tsdb.keep_history(store.clone(), &registry, now, CancellationToken::new()).await;
        Self { store, tsdb, registry, writer }
    }

    /// As `kill -9` leaves it.
    async fn vanish(self) {
        self.writer.abort();
        let _ = self.writer.await;
    }

    async fn append(&self, seconds: i64, batch: &[(&str, f64)]) {
        self.tsdb.append(at(seconds), batch.iter().map(|(target, value)| (series(target), *value)));
        self.tsdb.persist().await;
    }

    /// Two series, a sample every 30 s.
    async fn run(&self, from: i64, to: i64) {
        for second in (from..to).step_by(30) {
            self.append(second, &[("a", second as f64), ("b", 0.1 * second as f64)]).await;
        }
    }

    /// Time in seconds and bits of every sample of a series, memory and file together.
    async fn samples(&self, target: &str) -> Vec<(i64, u64)> {
        let target = target.to_owned();
        let read = self.reading(move |tsdb| tsdb.select(&[Matcher::equal("target", &target)], EVER.0, EVER.1));
        let found = read.await;
        found.iter().flat_map(|series| &series.samples).map(|s| (s.at.millis() / 1000, s.value.to_bits())).collect()
    }

    /// Asks a handle that reads the file, where waiting is allowed.
    async fn reading<T: Send + 'static>(&self, ask: impl FnOnce(&Tsdb) -> T + Send + 'static) -> T {
        let tsdb = self.tsdb.with_history();
        let (answer, tsdb) = tokio::task::spawn_blocking(move || (ask(&tsdb), tsdb)).await.expect("an answer");
        assert!(tsdb.trouble().is_none(), "{:?}", tsdb.trouble());
        answer
    }

    async fn seconds(&self, target: &str) -> Vec<i64> {
        self.samples(target).await.into_iter().map(|(second, _)| second).collect()
    }

    fn gauge(&self, definition: &'static crate::metrics::Definition) -> f64 {
        self.registry.gauge(definition).with_label_values::<&str>(&[]).get()
    }

    fn blocks(&self) -> usize {
        self.tsdb.read().ledger.as_ref().map_or(0, |ledger| ledger.blocks.len())
    }

    async fn until_up(&self) {
        for _ in 0..400 {
            self.tsdb.persist().await;
            if self.gauge(&metrics::HISTORY_UP) > 0.5 {
                return;
            }
            tokio::time::sleep(StdDuration::from_millis(50)).await;
        }
        panic!("the history was not written again");
    }
}

fn file(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("memsentry.db")
}

fn every_30s(from: i64, to: i64) -> Vec<i64> {
    (from..to).step_by(30).collect()
}

#[tokio::test]
async fn a_restart_gives_back_every_sample_of_memory_and_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    process.run(0, 20_000).await;
    process.append(20_000, &[("a", f64::NAN), ("b", STALE_MARKER)]).await;
    let before = (process.samples("a").await, process.samples("b").await);
    assert_eq!(before.0.len(), 668);
    assert!(process.blocks() >= 5, "{}", process.blocks());
    process.vanish().await;

    let process = Process::start(&file(&dir), at(20_005)).await;
    let held = process.tsdb.select(&[], EVER.0, EVER.1);
    let oldest = held[0].samples[0].at.millis() / 1000;
    assert!((9_000..=20_000 - 7200).contains(&oldest), "memory begins at {oldest}");
    assert_eq!((process.samples("a").await, process.samples("b").await), before);
    // And it goes on from there.
    process.run(20_030, 30_000).await;
    assert_eq!(process.samples("a").await.len(), 668 + 333);
}

#[tokio::test]
async fn memory_lets_go_of_what_the_file_holds_and_queries_still_find_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    process.run(0, 40_000).await;
    let held = process.tsdb.select(&[], EVER.0, EVER.1).pop().expect("a series").samples.len();
    assert!((240..500).contains(&held), "{held} samples of 1334 are in memory");
    assert_eq!(process.seconds("a").await, every_30s(0, 40_000));
    // A time in the past, and the series' names.
    let past =
        process.reading(|tsdb| (tsdb.lies_behind(&[], at(700), at(1000)), tsdb.select(&[], at(700), at(1000)))).await;
    assert_eq!((past.0, past.1[0].samples.last().map(|sample| sample.at)), (true, Some(at(990))));
    // Memory is enough for what is new, and a handle without the file never reads it.
    assert!(!process.reading(|tsdb| tsdb.lies_behind(&[], at(39_000), at(40_000))).await);
    assert!(!process.tsdb.lies_behind(&[], at(700), at(1000)));
    assert_eq!(process.tsdb.series(&[], at(0), at(10)).len(), 2);
    assert!(process.tsdb.series(&[], at(-5000), at(-4000)).is_empty());
}

#[tokio::test]
async fn more_than_is_read_at_once_comes_whole_and_in_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    let targets: Vec<String> = (0..60).map(|n| format!("t{n:02}")).collect();
    for minute in (0..6000).step_by(20) {
        // Every third series has been there for the second half only.
        let there = targets.iter().enumerate().filter(|(n, _)| !n.is_multiple_of(3) || minute >= 3000);
        let batch = there.map(|(n, target)| (target.as_str(), n as f64 + minute as f64));
        process.append(minute * 60, &batch.collect::<Vec<_>>()).await;
    }
    assert!(process.blocks() * targets.len() > 4 * 1024, "{} blocks", process.blocks());
    for (from, to) in [(EVER.0, EVER.1), (at(100_000), at(250_000)), (at(0), at(0))] {
        let mut found = process.reading(move |tsdb| tsdb.select(&[], from, to)).await;
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        let minutes = |n: usize| (if n.is_multiple_of(3) { 3000 } else { 0 }..6000).step_by(20);
        let expected = targets.iter().enumerate().filter_map(|(n, target)| {
            let samples = minutes(n).map(|minute| Sample { at: at(minute * 60), value: n as f64 + minute as f64 });
            let samples: Vec<Sample> = samples.filter(|sample| sample.at >= from && sample.at <= to).collect();
            (!samples.is_empty()).then(|| Series { labels: series(target), samples })
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_and_memory_still_answers() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    process.run(0, 40_000).await;
    process.store.close().await.expect("closed");
    let tsdb = process.tsdb.with_history();
    let (found, tsdb) =
        tokio::task::spawn_blocking(move || (tsdb.select(&[], EVER.0, EVER.1), tsdb)).await.expect("an answer");
    assert!(tsdb.trouble().is_some());
    assert!(found.iter().all(|series| (240..500).contains(&series.samples.len())), "{}", found[0].samples.len());
}

#[tokio::test]
async fn retention_by_age_and_by_bytes_forgets_whole_blocks_and_then_series() {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = Settings { retention: Duration::from_secs(5 * 3600), ..Settings::default() };
    let process = Process::start_with(&file(&dir), at(0), settings.clone()).await;
    process.append(0, &[("gone", 1.0)]).await;
    process.run(30, 40_000).await;
    let oldest = process.seconds("a").await[0];
    assert!((40_000 - 7 * 3600..=40_000 - 5 * 3600).contains(&oldest), "{oldest}");
    assert!(process.samples("gone").await.is_empty());
    assert_eq!(process.tsdb.series(&[], EVER.0, EVER.1).len(), 2);
    assert_eq!(process.store.history_series().await.expect("readable").len(), 2);

    process.tsdb.reconfigure(&Settings { max_bytes: 1, ..settings });
    process.run(40_020, 44_000).await;
    assert!(process.blocks() <= 2, "{}", process.blocks());
    // What memory holds stays, and so does the newest block.
    assert!(process.seconds("a").await.len() >= 240);
}

#[tokio::test]
async fn a_series_that_was_away_for_long_is_kept_with_its_number() {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = Settings { retention: Duration::from_secs(5 * 3600), ..Settings::default() };
    let process = Process::start_with(&file(&dir), at(0), settings.clone()).await;
    process.append(0, &[("c", 1.0)]).await;
    process.run(30, 21_000).await;
    // Its only block is about to go; only the journal holds the new sample.
    process.append(21_000, &[("c", 2.0)]).await;
    process.run(21_030, 24_000).await;
    process.vanish().await;
    let process = Process::start_with(&file(&dir), at(24_000), settings).await;
    assert_eq!(process.seconds("c").await.last(), Some(&21_000));
}

#[tokio::test]
async fn without_its_file_it_goes_on_in_memory_and_writes_what_memory_has_afterwards() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    process.run(0, 9_000).await;
    for name in ["memsentry.db", "memsentry.db-wal", "memsentry.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    // The store notices by itself and begins a new file.
    for _ in 0..400 {
        if file(&dir).exists() {
            break;
        }
        tokio::time::sleep(StdDuration::from_millis(50)).await;
    }
    process.run(9_000, 9_300).await;
    process.until_up().await;
    let held: Vec<i64> = process.seconds("a").await;
    assert_eq!(held.last(), Some(&9_270));
    process.vanish().await;
    let process = Process::start(&file(&dir), at(9_300)).await;
    assert_eq!(process.seconds("a").await, held);
    assert!(held.len() >= 240, "{}", held.len());
}

#[tokio::test]
async fn a_store_in_memory_leaves_the_samples_to_the_head() {
    let registry = Registry::new();
    let dir = tempfile::tempdir().expect("a folder");
    // A folder cannot be a database.
    let process = Process::start(dir.path(), at(0)).await;
    process.run(0, 900).await;
    assert!(process.gauge(&metrics::HISTORY_UP) < 0.5);
    assert_eq!(process.seconds("a").await, every_30s(0, 900));
    drop(registry);
}

#[tokio::test]
async fn a_clock_that_was_set_back_moves_the_history_along() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(100_000)).await;
    process.run(100_000, 115_000).await;
    process.tsdb.shift(-50_000_000);
    process.run(65_000, 66_000).await;
    let expected: Vec<i64> = every_30s(50_000, 65_000).into_iter().chain(every_30s(65_000, 66_000)).collect();
    assert_eq!(process.seconds("a").await, expected);
    process.vanish().await;

    // And once more while it is not running.
    let process = Process::start(&file(&dir), at(20_000)).await;
    let moved = process.seconds("a").await;
    assert_eq!((moved.len(), moved.last()), (expected.len(), Some(&19_999)));
    process.run(20_000, 20_060).await;
    assert_eq!(process.seconds("a").await.len(), expected.len() + 2);
}

#[tokio::test]
async fn a_clock_that_was_set_forwards_for_a_while_costs_only_the_oldest_hours() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    process.run(0, 40_000).await;
    // Ten years.
    process.run(315_000_000, 315_000_090).await;
    let left = process.seconds("a").await;
    assert!(left.len() > 1000, "{}", left.len());
    // The clock is right again: what is left moves back with it.
    process.tsdb.shift(-314_950_000_000);
    process.append(50_200, &[("a", 1.0)]).await;
    assert_eq!(process.seconds("a").await.len(), left.len() + 1);
}

#[tokio::test]
async fn a_damaged_journal_costs_what_it_held_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    process.run(0, 5_000).await;
    let damage = HistoryWrite { journal: Some(vec![0xff; 3]), ..HistoryWrite::default() };
    process.store.write_history(damage).await.expect("written");
    process.vanish().await;
    let process = Process::start(&file(&dir), at(5_000)).await;
    assert_eq!(process.seconds("a").await, every_30s(0, 5_000));
    let damaged = process.registry.counter(&metrics::HISTORY_DAMAGED).with_label_values::<&str>(&[]).get();
    assert!((damaged - 1.0).abs() < f64::EPSILON);
    process.run(5_010, 5_100).await;
    process.vanish().await;
    let process = Process::start(&file(&dir), at(5_100)).await;
    assert_eq!(process.seconds("a").await.len(), 167 + 3);
}

#[tokio::test]
async fn a_damaged_chunk_costs_the_hour_of_its_series_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = Process::start(&file(&dir), at(0)).await;
    process.run(0, 40_000).await;
    let block = process.store.history_blocks().await.expect("readable")[1];
    let mut chunk = process.store.history_chunks(block.id).await.expect("readable").remove(0);
    chunk.data = chunk.data[..chunk.data.len() / 2].into();
    let hour = block.first.millis() / 1000..=block.last.expect("closed").millis() / 1000;
    process
        .store
        .write_history(HistoryWrite { chunks: vec![chunk], ..HistoryWrite::default() })
        .await
        .expect("written");
    let mut left = vec![process.seconds("a").await, process.seconds("b").await];
    left.sort_by_key(Vec::len);
    let without: Vec<i64> = every_30s(0, 40_000).into_iter().filter(|second| !hour.contains(second)).collect();
    assert_eq!(left, [without, every_30s(0, 40_000)]);
    let damaged = process.registry.counter(&metrics::HISTORY_DAMAGED).with_label_values::<&str>(&[]).get();
    assert!((damaged - 1.0).abs() < f64::EPSILON);
}

fn value() -> impl Strategy<Value = f64> {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, STALE_MARKER, -0.0, 0.0];
    prop_oneof![any::<u64>().prop_map(f64::from_bits), prop::sample::select(odd.to_vec()), Just(7.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_was_persisted_is_restored_to_the_bit(
        rounds in prop::collection::vec((1i64..2_000_000, prop::collection::vec((0u8..6, value()), 0..6), any::<bool>()), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("a folder");
            let process = Process::start(&file(&dir), at(0)).await;
            let mut now = 0;
            for (step, samples, persists) in &rounds {
                now += step;
                let batch = samples.iter().map(|(target, value)| (series(&target.to_string()), *value));
                process.tsdb.append(Timestamp::from_millis(now), batch);
                if *persists {
                    process.tsdb.persist().await;
                }
            }
            process.tsdb.persist().await;
            let mut before = Vec::new();
            for target in 0..6 {
                before.push(process.samples(&target.to_string()).await);
            }
            process.vanish().await;
            let process = Process::start(&file(&dir), Timestamp::from_millis(now + 1)).await;
            for (target, before) in before.iter().enumerate() {
                assert_eq!(&process.samples(&target.to_string()).await, before, "series {target}");
            }
        });
    }
}
