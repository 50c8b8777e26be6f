//! What the store gives back, what it refuses, and what it forgets.

use super::*;
use crate::model::{Duration, MatchOp, STALE_MARKER, is_stale};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

const EVER: (Timestamp, Timestamp) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));

fn series(name: &str, target: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("target", target)])
}

fn store(max_series: usize) -> (Tsdb, Registry) {
    let registry = Registry::new();
    let settings = Settings { retention: Duration::from_secs(3600), max_series, ..Settings::default() };
    (Tsdb::new(&settings, &registry), registry)
}

fn refused(registry: &Registry, reason: &str) -> f64 {
    registry.counter(&metrics::DROPPED).with_label_values(&[reason]).get()
}

fn values(tsdb: &Tsdb, name: &str) -> Vec<(i64, f64)> {
    let found = tsdb.select(&[Matcher::equal("__name__", name)], EVER.0, EVER.1);
    found.iter().flat_map(|s| &s.samples).map(|s| (s.at.millis() / 1000, s.value)).collect()
}

#[test]
fn samples_come_back_across_chunks_and_tail() {
    let (tsdb, _) = store(10);
    for i in 0..500 {
        tsdb.append(at(i * 5), [(series("up", "a"), i as f64), (series("up", "b"), 1.0)]);
    }
    let found = tsdb.select(&[Matcher::equal("target", "a")], at(100), at(2400));
    assert_eq!(found.len(), 1);
    let expected: Vec<Sample> = (20..=480).map(|i| Sample { at: at(i * 5), value: i as f64 }).collect();
    assert_eq!(found[0].samples, expected);
    assert_eq!(found[0].labels, series("up", "a"));
}

#[test]
fn the_latest_sample_is_the_last_one_that_select_gives() {
    let (tsdb, _) = store(10);
    for i in 0..300 {
        tsdb.append(at(i * 5), [(series("up", "a"), i as f64)]);
    }
    for (from, to) in [(0, 2000), (0, 1200), (597, 603), (598, 599), (0, 0), (1490, 1495), (1496, 2000), (-10, -5)] {
        let selected = tsdb.select(&[], at(from), at(to)).pop().and_then(|s| s.samples.last().copied());
        let latest = tsdb.latest(&[], at(from), at(to)).pop().map(|(_, sample)| sample);
        assert_eq!(latest, selected, "{from}..{to}");
    }
}

#[test]
fn a_series_without_a_sample_in_the_range_is_left_out() {
    let (tsdb, _) = store(10);
    tsdb.append(at(10), [(series("up", "a"), 1.0)]);
    tsdb.append(at(20), [(series("up", "b"), 1.0)]);
    let labels: Vec<Labels> = tsdb.select(&[], at(15), at(30)).into_iter().map(|s| s.labels).collect();
    assert_eq!(labels, [series("up", "b")]);
}

#[test]
fn a_staleness_marker_is_a_sample() {
    let (tsdb, _) = store(10);
    tsdb.append(at(0), [(series("up", "a"), 1.0)]);
    tsdb.append(at(5), [(series("up", "a"), STALE_MARKER)]);
    assert!(is_stale(values(&tsdb, "up")[1].1));
}

#[test]
fn what_is_not_later_than_the_last_sample_is_refused_and_counted() {
    let (tsdb, registry) = store(10);
    tsdb.append(at(10), [(series("up", "a"), 1.0)]);
    tsdb.append(at(10), [(series("up", "a"), 2.0), (series("up", "b"), 5.0)]);
    tsdb.append(at(9), [(series("up", "a"), 3.0)]);
    assert_eq!(values(&tsdb, "up"), [(10, 1.0), (10, 5.0)]);
    assert_eq!((refused(&registry, "duplicate"), refused(&registry, "out_of_order")), (1.0, 1.0));
}

#[test]
fn a_series_over_the_limit_is_refused_and_the_others_go_on() {
    let (tsdb, registry) = store(2);
    for second in [0, 5] {
        tsdb.append(at(second), ["a", "b", "c"].map(|target| (series("up", target), 1.0)));
    }
    assert_eq!(tsdb.series(&[], EVER.0, EVER.1).len(), 2);
    assert_eq!(refused(&registry, "series_limit"), 2.0);
    assert_eq!(values(&tsdb, "up").len(), 4);
}

#[test]
fn what_is_older_than_the_retention_goes_and_its_place_is_used_again() {
    let (tsdb, _) = store(2);
    tsdb.append(at(0), [(series("up", "old"), 1.0)]);
    for i in 0..2000 {
        tsdb.append(at(i * 5), [(series("up", "live"), 1.0)]);
    }
    let labels: Vec<Labels> = tsdb.series(&[], EVER.0, EVER.1);
    assert_eq!(labels, [series("up", "live")]);
    let oldest = values(&tsdb, "up")[0].0;
    assert!((10_000 - 3600 - 700..=10_000 - 3600).contains(&oldest), "{oldest}");
    tsdb.append(at(10_000), [(series("down", "new"), 7.0)]);
    assert_eq!(values(&tsdb, "down"), [(10_000, 7.0)]);
    assert_eq!(values(&tsdb, "up").last(), Some(&(9_995, 1.0)));
}

#[test]
fn an_idle_series_is_compressed_and_still_takes_samples() {
    let (tsdb, _) = store(10);
    tsdb.append(at(0), [(series("up", "idle"), 1.0)]);
    tsdb.append(at(5), [(series("up", "idle"), STALE_MARKER)]);
    tsdb.append(at(2000), [(series("other", "a"), 1.0)]);
    assert_eq!(tsdb.read().head.matching(&[Matcher::equal("target", "idle")]).next().expect("kept").tail.len(), 0);
    tsdb.append(at(2005), [(series("up", "idle"), 2.0)]);
    assert_eq!(values(&tsdb, "up").len(), 3);
}

#[test]
fn after_a_shift_distances_are_kept_and_new_samples_are_taken() {
    let (tsdb, registry) = store(10);
    for i in 0..300 {
        tsdb.append(at(10_000 + i * 5), [(series("up", "a"), i as f64)]);
    }
    // An hour back.
    tsdb.shift(-3_600_000);
    tsdb.append(at(10_000 + 1500 - 3600), [(series("up", "a"), 300.0)]);
    let expected: Vec<(i64, f64)> = (0..=300).map(|i| (6_400 + i * 5, i as f64)).collect();
    assert_eq!(values(&tsdb, "up"), expected);
    assert_eq!(refused(&registry, "out_of_order"), 0.0);
}

#[test]
fn names_and_values_are_those_of_the_matching_series_in_the_range() {
    let (tsdb, _) = store(10);
    tsdb.append(at(0), [(series("up", "gone"), 1.0)]);
    tsdb.append(at(100), [(series("up", "b"), 1.0), (series("up", "a"), 1.0), (series("depth", "c"), 1.0)]);
    let up = [Matcher::new("__name__", MatchOp::Regex, "u.").expect("compiles")];
    let found: Vec<Arc<str>> = tsdb.label_values("target", &up, at(50), at(150)).into_iter().collect();
    assert_eq!(found, ["a".into(), "b".into()]);
    let names: Vec<Arc<str>> = tsdb.label_names(&up, at(50), at(150)).into_iter().collect();
    assert_eq!(names, ["__name__".into(), "target".into()]);
}

#[test]
fn readers_and_a_writer_do_not_lose_or_reorder_samples() {
    let (tsdb, _) = store(100);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..2000 {
                tsdb.append(at(i), (0..10).map(|n| (series("up", &n.to_string()), i as f64)));
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    for series in tsdb.select(&[], EVER.0, EVER.1) {
                        assert!(series.samples.windows(2).all(|pair| pair[1].at.since(pair[0].at).as_secs() == 1));
                    }
                }
            });
        }
    });
    assert_eq!(values(&tsdb, "up").len(), 20_000);
}

#[test]
fn settings_outside_their_ranges_are_problems() {
    assert!(Settings::default().problems().is_empty());
    let wrong = Settings { retention: Duration::from_secs(60), max_series: 1, ..Settings::default() };
    let paths: Vec<String> = wrong.problems().into_iter().map(|p| p.path).collect();
    assert_eq!(paths, ["retention", "max_series"]);
}
