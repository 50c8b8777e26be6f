//! The store by itself: appending, selecting, decoding, and what a sample weighs.

use std::hint::black_box;

use memsentry::metrics::Registry;
use memsentry::model::{Matcher, Sample, Timestamp};
use memsentry::tsdb::{CHUNK_SAMPLES, Chunk, Settings, Tsdb};

use super::stats::{median, nanos, timed};
use super::table::Table;
use super::workload::{self, INTERVAL, REQUESTS, Source};

/// Rounds that are appended: six full chunks of each series and a part of the next.
const ROUNDS: u64 = 800;

pub fn measure(table: &mut Table) {
    let sources = workload::sources();
    let tsdb = Tsdb::new(&Settings::default(), &Registry::new());
    let at = |n: u64| Timestamp::from_millis(1_700_000_000_000 + i64::try_from(n).unwrap_or(0) * INTERVAL);
    #[allow(clippy::cast_precision_loss)]
    let per = |nanos: f64, count: usize| nanos / count as f64;
    let append: Vec<f64> = (0..ROUNDS)
        .map(|n| {
            let batch: Vec<_> = sources.iter().map(|source| (&source.labels, source.value(n))).collect();
            let ((), took) = timed(|| tsdb.append_all(at(n), batch.into_iter()));
            took.as_secs_f64() * 1e9
        })
        .collect();
    table.row("append, per sample", "ns", per(median(&append), sources.len()), None);

    let matchers = [Matcher::equal("__name__", REQUESTS)];
    let select = nanos(200, || tsdb.select(&matchers, at(ROUNDS - 60), at(ROUNDS)));
    table.row("select 5m of 500 series, per sample", "ns", per(select, 500 * 60), None);
    let select = nanos(50, || tsdb.select(&matchers, at(ROUNDS - 720), at(ROUNDS)));
    table.row("select 1h of 500 series, per sample", "ns", per(select, 500 * 720), None);
    let latest = nanos(200, || tsdb.latest(&matchers, at(ROUNDS - 60), at(ROUNDS)));
    table.row("newest sample of 500 series, per series", "ns", per(latest, 500), None);

    let chunks: Vec<Chunk> = sources.iter().filter_map(chunk).collect();
    let bytes: usize = chunks.iter().map(|chunk| chunk.bytes().len()).sum();
    #[allow(clippy::cast_precision_loss)]
    table.row("bytes per sample, this workload", "B", bytes as f64 / (chunks.len() * CHUNK_SAMPLES) as f64, None);
    let mut samples = Vec::with_capacity(CHUNK_SAMPLES);
    let decode = nanos(50, || {
        for chunk in &chunks {
            samples.clear();
            chunk.read_into(chunk.first(), chunk.last(), &mut samples);
            black_box(&samples);
        }
    });
    table.row("decode, per sample", "ns", per(decode, chunks.len() * CHUNK_SAMPLES), None);
}

fn chunk(source: &Source) -> Option<Chunk> {
    let at = |n: u64| Timestamp::from_millis(1_700_000_000_000 + i64::try_from(n).unwrap_or(0) * INTERVAL);
    let samples: Vec<Sample> =
        (0..CHUNK_SAMPLES as u64).map(|n| Sample { at: at(n), value: source.value(n) }).collect();
    Chunk::encode(&samples)
}
