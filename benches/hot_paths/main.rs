//! The hot paths one by one, for a look before and after a change: `cargo bench --bench hot_paths [-- NAME]`.
//!
//! Ratios against others are in `benches/ratios`. Allocations are counted beside the time.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../ratios/workload.rs"]
#[allow(dead_code)]
mod workload;

use std::sync::LazyLock;

use divan::{AllocProfiler, Bencher, black_box};
use memsentry::metrics::Registry;
use memsentry::model::{Duration, Matcher, Sample, Timestamp};
use memsentry::promql::{self, Limits};
use memsentry::tsdb::{CHUNK_SAMPLES, Chunk, Settings, Tsdb};
use workload::{INTERVAL, KINDS, Kind, REQUESTS};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const LIMITS: Limits =
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(10), lookback: Duration::from_secs(300) };

/// Samples in the store: seven full chunks of each series, and half of the next.
const LAST: i64 = 900;

fn main() {
    divan::main();
}

fn at(n: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + n * INTERVAL)
}

static STORE: LazyLock<Tsdb> = LazyLock::new(|| {
    let tsdb = Tsdb::new(&Settings::default(), &Registry::new());
    let sources = workload::sources();
    for n in 0..=LAST {
        let value = |source: &workload::Source| source.value(n.unsigned_abs());
        tsdb.append_all(at(n), sources.iter().map(|source| (&source.labels, value(source))));
    }
    tsdb
});

#[divan::bench(args = KINDS.iter().map(|kind| kind.name))]
fn rule(bencher: Bencher<'_, '_>, name: &str) {
    let kind: &Kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
    let expression = promql::parse(&(kind.expression)(0)).unwrap();
    let store = &*STORE;
    bencher.bench(|| promql::instant(&expression, store, at(LAST), &LIMITS).unwrap());
}

#[divan::bench(args = [60, 720])]
fn select(bencher: Bencher<'_, '_>, samples: i64) {
    let (store, matchers) = (&*STORE, [Matcher::equal("__name__", REQUESTS)]);
    bencher.bench(|| store.select(&matchers, at(LAST - samples), at(LAST)));
}

#[divan::bench]
fn append(bencher: Bencher<'_, '_>) {
    let tsdb = Tsdb::new(&Settings::default(), &Registry::new());
    let sources = workload::sources();
    let mut n = 0;
    bencher.counter(divan::counter::ItemsCount::new(sources.len())).bench_local(|| {
        n += 1;
        tsdb.append_all(at(n), sources.iter().map(|source| (&source.labels, source.value(n.unsigned_abs()))));
    });
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let source = &workload::sources()[0];
    let samples: Vec<Sample> = (0..i64::try_from(CHUNK_SAMPLES).unwrap())
        .map(|n| Sample { at: at(n), value: source.value(n.unsigned_abs()) })
        .collect();
    let chunk = Chunk::encode(&samples).unwrap();
    let mut out = Vec::with_capacity(CHUNK_SAMPLES);
    bencher.counter(divan::counter::ItemsCount::new(CHUNK_SAMPLES)).bench_local(|| {
        out.clear();
        chunk.read_into(chunk.first(), chunk.last(), &mut out);
        black_box(&out);
    });
}
