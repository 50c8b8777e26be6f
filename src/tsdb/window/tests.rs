//! What a window tells without unpacking is what unpacking gives.

use proptest::prelude::*;

use super::Ends;
use crate::metrics::Registry;
use crate::model::{Labels, STALE_MARKER, Sample, Timestamp};
use crate::tsdb::{Settings, Tsdb};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A counter that sometimes starts again, sometimes ends, sometimes is no number.
fn step() -> impl Strategy<Value = (i64, f64)> {
    let value = prop_oneof![
        400 => (0..5u8).prop_map(f64::from),
        1 => Just(-1.0),
        1 => Just(f64::NAN),
        1 => Just(STALE_MARKER),
    ];
    (1..20_000i64, value)
}

fn store(steps: &[(i64, f64)]) -> (Tsdb, i64) {
    let tsdb = Tsdb::new(&Settings::default(), &Registry::new());
    let (mut now, mut total) = (0, 0.0);
    for (wait, step) in steps {
        now += wait;
        total = if *step < 0.0 { 0.0 } else { total + step.max(0.0) };
        let value = if step.is_nan() { *step } else { total };
        tsdb.append(at(now), [(Labels::from_pairs([("__name__", "x_total")]), value)]);
    }
    (tsdb, now)
}

fn plain(samples: &[Sample]) -> Vec<(i64, u64)> {
    samples.iter().map(|sample| (sample.at.millis(), sample.value.to_bits())).collect()
}

proptest! {
    #[test]
    fn ends_and_samples_are_those_that_select_gives(
        steps in prop::collection::vec(step(), 1..700),
        places in prop::collection::vec((0.0..1.1f64, 0.0..1.1f64), 1..20),
    ) {
        let (tsdb, end) = store(&steps);
        for (from, to) in places {
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let place = |share: f64| at((share * end as f64) as i64);
            let (from, to) = (place(from.min(to)), place(from.max(to)));
            let selected = tsdb.select(&[], from, to).pop().map(|series| series.samples).unwrap_or_default();
            let mut told = 0;
            tsdb.scan(&[], from, to, |window| {
                told += 1;
                let mut unpacked = Vec::new();
                window.pack().read_into(&mut unpacked);
                assert_eq!(plain(&unpacked), plain(&selected));
                if let Some(samples) = window.samples() {
                    assert_eq!(plain(samples), plain(&selected));
                }
                let latest: Vec<Sample> = window.latest().into_iter().collect();
                assert_eq!(plain(&latest), plain(&selected[selected.len().saturating_sub(1)..]));
                if let Some(ends) = window.ends() {
                    let expected = Ends { first: selected[0], last: selected[selected.len() - 1], count: selected.len() };
                    assert_eq!(ends, expected);
                    assert!(selected.iter().all(|sample| !sample.value.is_nan()));
                    assert!(selected.is_sorted_by(|a, b| a.value <= b.value));
                }
            });
            prop_assert_eq!(told, 1);
        }
    }
}

#[test]
fn an_hour_of_a_counter_that_never_fell_is_told_by_its_ends() {
    let (tsdb, end) = store(&vec![(5_000, 1.0); 1000]);
    tsdb.scan(&[], at(end - 3_600_000), at(end), |window| {
        let ends = window.ends().expect("the store knows");
        assert_eq!((ends.count, ends.last.value - ends.first.value), (721, 720.0));
        assert!(window.samples().is_none());
    });
}

#[test]
fn ten_minutes_of_every_series_are_never_packed() {
    let mut steps = vec![(5_000, 1.0); 120];
    for _ in 0..60 {
        let (tsdb, end) = store(&steps);
        tsdb.scan(&[], at(end - 595_000), at(end), |window| {
            assert_eq!(window.samples().map(<[Sample]>::len), Some(120));
        });
        steps.extend_from_within(..7);
    }
}
