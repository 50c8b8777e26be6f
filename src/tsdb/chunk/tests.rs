//! Chunks give back what was put in, survive damaged bytes, and are as small as promised.

use proptest::prelude::*;

use super::*;
use crate::model::STALE_MARKER;

fn samples(points: impl IntoIterator<Item = (i64, f64)>) -> Vec<Sample> {
    points.into_iter().map(|(at, value)| Sample { at: Timestamp::from_millis(at), value }).collect()
}

fn bits(samples: &[Sample]) -> Vec<(i64, u64)> {
    samples.iter().map(|s| (s.at.millis(), s.value.to_bits())).collect()
}

fn all(chunk: &Chunk) -> Vec<Sample> {
    let mut out = Vec::new();
    chunk.read_into(Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX), &mut out);
    out
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1000i32..1000).prop_map(f64::from),
        (-1_000_000i32..1_000_000).prop_map(|n| f64::from(n) / 1000.0),
        Just(STALE_MARKER),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(EXACT),
        Just(-EXACT),
        Just(0.0),
    ]
}

fn any_step() -> impl Strategy<Value = i64> {
    prop_oneof![Just(5000i64), 4990i64..5010, 1i64..100, 1i64..10_000_000_000]
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_bit_by_bit(
        start in -10_000_000_000_000i64..10_000_000_000_000,
        steps in prop::collection::vec((any_step(), any_value()), 1..300),
    ) {
        let mut at = start;
        let input = samples(steps.into_iter().map(|(step, value)| { at += step; (at, value) }));
        let chunk = Chunk::encode(&input).expect("not empty");
        prop_assert_eq!(bits(&all(&chunk)), bits(&input));
        let back = Chunk::from_bytes(chunk.first(), chunk.count(), chunk.bytes().into()).expect("whole");
        prop_assert_eq!(back, chunk);
    }

    #[test]
    fn whole_numbers_come_out_too(
        values in prop::collection::vec(prop_oneof![-100i64..100, -(1i64 << 53)..=(1i64 << 53)], 1..300),
    ) {
        #[allow(clippy::cast_precision_loss)]
        let input = samples(values.into_iter().zip(0i64..).map(|(value, i)| (i * 5000, value as f64)));
        prop_assert_eq!(bits(&all(&Chunk::encode(&input).expect("not empty"))), bits(&input));
    }

    #[test]
    fn a_part_is_what_filtering_the_whole_gives(
        values in prop::collection::vec(any_value(), 1..200), from in 0i64..1_000_000, len in 0i64..1_000_000,
    ) {
        let input = samples(values.into_iter().zip(0i64..).map(|(value, i)| (i * 5000, value)));
        let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(from + len));
        let mut out = Vec::new();
        Chunk::encode(&input).expect("not empty").read_into(from, to, &mut out);
        let expected: Vec<Sample> = input.into_iter().filter(|s| s.at >= from && s.at <= to).collect();
        prop_assert_eq!(bits(&out), bits(&expected));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..400), count in 0u32..500) {
        let _ = Chunk::from_bytes(Timestamp::from_millis(0), count, data.into());
    }
}

#[test]
fn bytes_that_were_cut_off_are_refused_with_what_is_readable() {
    let input = samples((0..120).map(|i| (i * 5000, 0.1 * i as f64)));
    let chunk = Chunk::encode(&input).expect("not empty");
    let half: Arc<[u8]> = chunk.bytes()[..chunk.bytes().len() / 2].into();
    let error = Chunk::from_bytes(chunk.first(), 120, half).expect_err("half of it is missing");
    assert!(error.readable > 30 && error.readable < 90, "{error}");
}

#[test]
fn a_shifted_chunk_gives_shifted_times() {
    let mut chunk = Chunk::encode(&samples([(1000, 1.0), (2000, 2.0)])).expect("not empty");
    chunk.shift(-500);
    assert_eq!(bits(&all(&chunk)), bits(&samples([(500, 1.0), (1500, 2.0)])));
    assert_eq!((chunk.first().millis(), chunk.last().millis()), (500, 1500));
}

/// Times of scrapes every 5 s that come up to 4 ms late.
fn scrape_times(n: i64) -> impl Iterator<Item = i64> {
    (0..n).map(|i| 1_700_000_000_000 + i * 5000 + (((i * 2_654_435_761) >> 7) & 3))
}

/// Deterministic noise in 0..1.
fn noise(i: i64) -> f64 {
    let x = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / (1u64 << 24) as f64
}

#[test]
fn our_own_series_take_at_most_one_and_a_half_bytes_a_sample() {
    // How many series of each sort one target with three probes brings; most of them move rarely or by whole numbers.
    type Shape = (&'static str, f64, fn(i64) -> f64);
    let shapes: [Shape; 7] = [
        ("constant gauge (up, success, info)", 60.0, |_| 1.0),
        ("counter that stays (failures by reason)", 80.0, |_| 3.0),
        ("bucket counter, one probe in 15 s", 220.0, |i| (i / 3) as f64 - (noise(i / 3) * 2.0).floor()),
        ("histogram sum, one probe in 15 s", 20.0, |i| (0..=i / 3).map(|n| 0.05 + noise(n) * 0.02).sum()),
        ("counter at every scrape", 20.0, |i| (i * 3) as f64 + (noise(i) * 3.0).floor()),
        ("queue depth", 20.0, |i| (20.0 + noise(i) * 15.0).floor()),
        ("duration gauge, new at every scrape", 10.0, |i| 0.01 + noise(i) * 0.005),
    ];
    let (mut bytes, mut weight) = (0.0, 0.0);
    for (name, series, shape) in shapes {
        let input = samples(scrape_times(2400).zip(0i64..).map(|(at, i)| (at, shape(i))));
        let size: usize = input.chunks(CHUNK_SAMPLES).map(|c| Chunk::encode(c).expect("not empty").bytes().len()).sum();
        let per_sample = size as f64 / input.len() as f64;
        println!("{per_sample:6.3} B a sample: {name}");
        bytes += per_sample * series;
        weight += series;
    }
    println!("{:6.3} B a sample over {weight} series", bytes / weight);
    assert!(bytes / weight <= 1.5, "{} B a sample", bytes / weight);
}
