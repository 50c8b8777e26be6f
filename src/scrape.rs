//! Copies the registry into the time series store, so that rules see what `/metrics` shows.
//!
//! A series that was there at the last scrape and is not now gets a staleness marker. The scraper is also where a
//! clock that was set back is noticed: a scrape that is not later than the one before moves the whole store along
//! with the clock, by the difference that the monotonic clock gives. Nothing is lost, and no rate sees a jump. A
//! clock that was set forwards, or a machine that slept, leaves a gap.

use std::collections::HashMap;
use std::time::Duration as StdDuration;

use prometheus::Gauge;
use serde::Deserialize;

use crate::metrics::{Definition, Family, Point, Registry, flatten, flatten_values};
use crate::model::{Duration, Labels, Problem, STALE_MARKER, Stopwatch, Timestamp};
use crate::tsdb::Tsdb;

/// How long it took.
pub static DURATION: Definition = Definition::gauge(
    "memsentry_scrape_duration_seconds",
    "Time that the last scrape of the own registry into the time series store took.",
    &[],
);

/// How much it found.
pub static SAMPLES: Definition =
    Definition::gauge("memsentry_scrape_samples", "Samples that the last scrape of the own registry found.", &[]);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&DURATION, &SAMPLES];

/// How often samples are taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Time between two scrapes; 5s unless set, 100ms to 1m. Rules see a change after at most this time.
    pub interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5) }
    }
}

impl Settings {
    /// What is wrong beyond the form.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        if (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.interval) {
            return Vec::new();
        }
        // Above a minute, a window of five minutes holds too few samples for a rate.
        vec![Problem::at("interval", format!("{} is not between 100ms and 1m", self.interval))]
    }
}

/// Remembers what the last scrape saw.
pub struct Scraper {
    registry: Registry,
    tsdb: Tsdb,
    /// The plain series of every point, by metric family and the point's labels: a histogram has many.
    known: HashMap<String, HashMap<Labels, Known>>,
    /// Counts scrapes, to tell what the last one saw.
    round: u64,
    last: Option<(Timestamp, Stopwatch)>,
    duration: Gauge,
    samples: Gauge,
}

struct Known {
    series: Vec<Labels>,
    seen_in: u64,
}

impl Scraper {
    /// A scraper that has seen nothing yet.
    #[must_use]
    pub fn new(registry: Registry, tsdb: Tsdb) -> Self {
        let none: &[&str] = &[];
        let duration = registry.gauge(&DURATION).with_label_values(none);
        let samples = registry.gauge(&SAMPLES).with_label_values(none);
        Self { registry, tsdb, known: HashMap::new(), round: 0, last: None, duration, samples }
    }

    /// Copies everything at the time `at`.
    #[allow(clippy::cast_precision_loss)] // a count of samples
    pub fn scrape(&mut self, at: Timestamp) {
        let stopwatch = Stopwatch::start();
        self.follow_the_clock(at);
        self.round += 1;
        let families = self.registry.gather();
        let mut values: Vec<f64> = Vec::new();
        for family in &families {
            for point in &family.points {
                self.note(family, point);
            }
        }
        let mut batch: Vec<(&Labels, f64)> = Vec::new();
        for family in &families {
            let Some(known) = self.known.get(&family.name) else { continue };
            for point in &family.points {
                let Some(known) = known.get(&point.labels) else { continue };
                values.clear();
                flatten_values(&point.value, |value| values.push(value));
                batch.extend(known.series.iter().zip(values.iter().copied()));
            }
        }
        let found = batch.len();
        let round = self.round;
        let vanished = self.known.values().flat_map(HashMap::values).filter(|known| known.seen_in != round);
        batch.extend(vanished.flat_map(|known| &known.series).map(|labels| (labels, STALE_MARKER)));
        self.tsdb.append_all(at, batch.into_iter());
        for points in self.known.values_mut() {
            points.retain(|_, known| known.seen_in == round);
        }
        self.samples.set(found as f64);
        self.duration.set(stopwatch.elapsed().as_secs_f64());
    }

    /// Marks a point as seen and makes its series if it is new.
    fn note(&mut self, family: &Family, point: &Point) {
        if !self.known.contains_key(&family.name) {
            self.known.insert(family.name.clone(), HashMap::new());
        }
        let Some(points) = self.known.get_mut(&family.name) else { return };
        match points.get_mut(&point.labels) {
            // A histogram whose buckets changed would be another definition, which cannot happen in one process.
            Some(known) => known.seen_in = self.round,
            None => {
                let alone = Family {
                    name: family.name.clone(),
                    help: String::new(),
                    kind: family.kind,
                    points: vec![point.clone()],
                };
                let mut series = Vec::new();
                flatten(&[alone], |labels, _| series.push(labels));
                points.insert(point.labels.clone(), Known { series, seen_in: self.round });
            }
        }
    }

    /// Moves the store along if the clock was set back since the last scrape.
    fn follow_the_clock(&mut self, at: Timestamp) {
        if let Some((previous, since)) = &self.last
            && at <= *previous
        {
            let elapsed = since.elapsed().max(StdDuration::from_millis(1));
            let millis = (at - elapsed).millis().saturating_sub(previous.millis());
            tracing::warn!(seconds = millis / 1000, "the clock was set back, stored samples move with it");
            self.tsdb.shift(millis);
        }
        self.last = Some((at, Stopwatch::start()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::buckets;
    use crate::model::{Matcher, is_stale};
    use crate::tsdb::Settings;

    static DEPTH: Definition = Definition::gauge("chat_memory_test_depth", "Depth.", &["target"]);
    static RUNS: Definition = Definition::counter("memsentry_test_runs_total", "Runs.", &[]);
    static TOOK: Definition = Definition::histogram("memsentry_test_seconds", "Took.", &[], buckets::INTERNAL);
    const NONE: &[&str] = &[];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn setup() -> (Registry, Tsdb, Scraper) {
        let registry = Registry::new();
        let tsdb = Tsdb::new(&Settings::default(), &registry);
        let scraper = Scraper::new(registry.clone(), tsdb.clone());
        (registry, tsdb, scraper)
    }

    fn values(tsdb: &Tsdb, name: &str) -> Vec<(i64, f64)> {
        let found = tsdb.select(&[Matcher::equal("__name__", name)], at(-1_000_000), at(1_000_000));
        found.iter().flat_map(|s| &s.samples).map(|s| (s.at.millis(), s.value)).collect()
    }

    #[test]
    fn the_store_holds_what_the_exposition_shows() {
        let (registry, tsdb, mut scraper) = setup();
        registry.histogram(&TOOK).with_label_values(NONE).observe(0.02);
        registry.counter(&RUNS).with_label_values(NONE).inc();
        scraper.scrape(at(10));
        let mut stored: Vec<String> =
            tsdb.latest(&[], at(10), at(10)).into_iter().map(|(labels, _)| labels.to_string()).collect();
        let mut shown = Vec::new();
        flatten(&registry.gather(), |labels, _| shown.push(labels.to_string()));
        stored.sort();
        shown.sort();
        assert_eq!(stored, shown);
        assert!(stored.contains(&r#"memsentry_test_seconds_bucket{le="+Inf"}"#.to_owned()), "{stored:?}");
    }

    #[test]
    fn every_value_lands_in_its_own_series_at_the_second_scrape_too() {
        let (registry, tsdb, mut scraper) = setup();
        for second in [10, 15] {
            registry.histogram(&TOOK).with_label_values(NONE).observe(0.02);
            scraper.scrape(at(second));
        }
        let le =
            |bound: &str| [Matcher::equal("__name__", "memsentry_test_seconds_bucket"), Matcher::equal("le", bound)];
        let last = |matchers: &[Matcher]| tsdb.latest(matchers, at(15), at(15))[0].1.value;
        assert_eq!((last(&le("0.01")), last(&le("0.05")), last(&le("+Inf"))), (0.0, 2.0, 2.0));
        assert_eq!(values(&tsdb, "memsentry_test_seconds_count"), [(10_000, 1.0), (15_000, 2.0)]);
        assert_eq!(values(&tsdb, "memsentry_test_seconds_sum"), [(10_000, 0.02), (15_000, 0.04)]);
    }

    #[test]
    fn a_series_that_vanished_gets_one_staleness_marker_and_may_come_back() {
        let (registry, tsdb, mut scraper) = setup();
        let snapshot = registry.snapshot("queue/main");
        let publish = || snapshot.publish([(&DEPTH, vec!["main".to_owned()], 7.0)]);
        publish();
        scraper.scrape(at(0));
        snapshot.withdraw();
        scraper.scrape(at(5));
        scraper.scrape(at(10));
        publish();
        scraper.scrape(at(15));
        let found = values(&tsdb, "chat_memory_test_depth");
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 5_000, 15_000]);
        assert!(is_stale(found[1].1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_set_back_moves_the_store_along_and_loses_no_sample() {
        let (registry, tsdb, mut scraper) = setup();
        let runs = registry.counter(&RUNS).with_label_values(NONE);
        for second in [7200, 7205, 7210] {
            runs.inc();
            scraper.scrape(at(second));
            tokio::time::advance(StdDuration::from_secs(5)).await;
        }
        runs.inc();
        scraper.scrape(at(7215 - 3600));
        let expected = [(3_600_000, 1.0), (3_605_000, 2.0), (3_610_000, 3.0), (3_615_000, 4.0)];
        assert_eq!(values(&tsdb, "memsentry_test_runs_total"), expected);
    }

    #[test]
    fn a_clock_set_forwards_leaves_a_gap() {
        let (registry, tsdb, mut scraper) = setup();
        registry.counter(&RUNS).with_label_values(NONE).inc();
        scraper.scrape(at(0));
        scraper.scrape(at(7200));
        assert_eq!(values(&tsdb, "memsentry_test_runs_total"), [(0, 1.0), (7_200_000, 1.0)]);
    }

    #[test]
    fn a_scrape_counts_its_samples() {
        let (registry, _tsdb, mut scraper) = setup();
        scraper.scrape(at(0));
        let mut series = 0;
        flatten(&registry.gather(), |_, _| series += 1);
        assert_eq!(registry.gauge(&SAMPLES).with_label_values(NONE).get(), f64::from(series));
    }
}
