//! Random series that both sides are loaded with, made so that only the listed differences can show.
//!
//! Sample times end in 7 ms, evaluation times in 0: no sample lies on the edge of a window, which 3.x moved. Values
//! are multiples of an eighth, so that sums do not depend on the order of addition. Counters with gaps are far from
//! zero and never reset, because 3.x stretches a rate towards zero differently where samples begin inside of a window.

use std::fmt::Write;

use memsentry::model::{Labels, Timestamp};
use memsentry::promql::quote;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// The first sample, roughly, in milliseconds.
pub(super) const START: i64 = 1_700_000_000_000;
/// How long samples go on.
pub(super) const SPAN: i64 = 5 * 3_600_000;

/// One series.
pub(super) struct Series {
    pub(super) labels: Vec<(&'static str, String)>,
    /// Milliseconds and value, in order of time.
    pub(super) samples: Vec<(i64, f64)>,
}

impl Series {
    pub(super) fn model_labels(&self) -> Labels {
        Labels::from_pairs(self.labels.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

/// Everything that is stored, series by series.
pub(super) fn series(random: &mut StdRng) -> Vec<Series> {
    let mut all = Vec::new();
    counters(random, &mut all);
    gauges(random, &mut all);
    oddities(random, &mut all);
    histograms(random, &mut all);
    odd_histograms(random, &mut all);
    edges(&mut all);
    all.sort_by(|a, b| a.labels[0].1.cmp(&b.labels[0].1));
    all
}

/// Times from `from` to `to`, one each `interval`, up to `jitter` off; they end in 7 ms.
fn times(random: &mut StdRng, (from, to): (i64, i64), interval: i64, jitter: i64) -> Vec<i64> {
    let phase = random.random_range(0..interval / 10) * 10;
    let regular = (0..).map(|i| START + from + phase + i * interval).take_while(|at| *at < START + to);
    regular.map(|at| at + if jitter > 0 { random.random_range(0..jitter / 10) * 10 } else { 0 } + 7).collect()
}

fn labels(name: &str, rest: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let name = std::iter::once(("__name__", name.to_owned()));
    name.chain(rest.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
}

fn eighths(random: &mut StdRng, from: i32, to: i32) -> f64 {
    f64::from(random.random_range(from * 8..to * 8)) / 8.0
}

/// Takes some stretches out, short ones and ones longer than the look-back.
fn with_gaps(random: &mut StdRng, mut times: Vec<i64>) -> Vec<i64> {
    for _ in 0..random.random_range(2..8) {
        let from = START + random.random_range(0..SPAN);
        let long = if random.random_bool(0.5) { 1_500_000 } else { 200_000 };
        let to = from + random.random_range(30_000..long);
        times.retain(|at| !(from..to).contains(at));
    }
    times
}

/// A counter that grows by up to `growth` a sample, and falls back to its first value in `resets` of 100 samples.
fn counting(random: &mut StdRng, times: &[i64], first: f64, growth: i32, resets: i32) -> Vec<(i64, f64)> {
    let mut value = first;
    let step = |at: &i64| {
        value = match random.random_range(0..100) {
            chance if chance < resets => first,
            0..40 => value,
            _ => value + f64::from(random.random_range(0..=growth)),
        };
        (*at, value)
    };
    times.iter().map(step).collect()
}

const SERVERS: [(&str, &str); 5] = [("api", "a"), ("api", "b"), ("web", "a"), ("web", "c"), ("db", "d")];

fn counters(random: &mut StdRng, all: &mut Vec<Series>) {
    for (job, instance) in SERVERS {
        for code in ["200", "404", "500"] {
            if job == "db" && code == "404" {
                continue;
            }
            // Far from zero, so gaps may be anywhere.
            let interval = *[15_000, 20_000, 60_000].choose(random).expect("some");
            let regular = times(random, (0, SPAN), interval, interval / 2);
            let times = with_gaps(random, regular);
            let samples = counting(random, &times, 50_000.0, 40, 0);
            let labels = labels("requests_total", &[("job", job), ("instance", instance), ("code", code)]);
            all.push(Series { labels, samples });
        }
        // Close to zero and with resets, so regular and without gaps.
        let times = times(random, (0, SPAN), 30_000, 0);
        let (first, resets) = if job == "db" { (700.0, 10) } else { (0.0, 1) };
        let samples = counting(random, &times, first, 2, resets);
        all.push(Series { labels: labels("errors_total", &[("job", job), ("instance", instance)]), samples });
    }
    let begin = random.random_range(SPAN / 20..SPAN * 3 / 40) * 10;
    let times = times(random, (begin, SPAN), 15_000, 0);
    let samples = counting(random, &times, 20_000.0, 9, 0);
    all.push(Series { labels: labels("late_total", &[("job", "api")]), samples });
}

fn gauges(random: &mut StdRng, all: &mut Vec<Series>) {
    for (job, instance) in SERVERS {
        let interval = *[15_000, 30_000, 70_000, 400_000].choose(random).expect("some");
        let regular = times(random, (0, SPAN), interval, interval / 2);
        let times = with_gaps(random, regular);
        let samples = times.iter().map(|at| (*at, eighths(random, -40, 60))).collect();
        all.push(Series { labels: labels("temperature", &[("job", job), ("instance", instance)]), samples });
        let steady = self::times(random, (0, SPAN), 60_000, 0);
        let samples = steady.iter().map(|at| (*at, f64::from(random.random_range(0..4)))).collect();
        all.push(Series { labels: labels("queue", &[("job", job), ("instance", instance)]), samples });
        let samples = steady.iter().map(|at| (*at, 1.0)).collect();
        let version = if instance == "a" { "1.0" } else { "1.1" };
        let build = labels("build", &[("job", job), ("instance", instance), ("version", version)]);
        all.push(Series { labels: build, samples });
    }
    for job in ["api", "web", "mail"] {
        let times = times(random, (0, SPAN), 60_000, 0);
        let samples = times.iter().map(|at| (*at, eighths(random, 1, 30))).collect();
        all.push(Series { labels: labels("limit", &[("job", job)]), samples });
    }
    let times = times(random, (0, SPAN), 60_000, 0);
    let samples = times.iter().map(|at| (*at, eighths(random, 0, 9))).collect();
    all.push(Series { labels: labels("alone", &[]), samples });
}

/// Values at the edges of what a float can be.
fn oddities(random: &mut StdRng, all: &mut Vec<Series>) {
    let kinds: [(&str, &[f64]); 6] = [
        ("nan", &[f64::NAN]),
        ("inf", &[f64::INFINITY]),
        ("negative_inf", &[f64::NEG_INFINITY]),
        ("zero", &[0.0]),
        ("mixed", &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, -2.5, 0.0]),
        ("some_nan", &[f64::NAN, 3.0, 4.0, 5.0, 6.0]),
    ];
    for (kind, values) in kinds {
        let times = times(random, (0, SPAN), 60_000, 20_000);
        let samples = times.iter().map(|at| (*at, *values.choose(random).expect("some"))).collect();
        all.push(Series { labels: labels("odd", &[("kind", kind), ("instance", "a")]), samples });
    }
}

const BOUNDS: [&str; 7] = ["0.1", "0.25", "0.5", "1", "2.5", "10", "+Inf"];

fn histograms(random: &mut StdRng, all: &mut Vec<Series>) {
    for (job, instance) in &SERVERS[..4] {
        let times = times(random, (0, SPAN), 30_000, 0);
        let mut counts = [0.0; BOUNDS.len()];
        let mut buckets = vec![Vec::new(); BOUNDS.len()];
        for at in times {
            if random.random_range(0..150) == 0 {
                counts = [0.0; BOUNDS.len()];
            }
            for _ in 0..random.random_range(0..5) {
                let first = random.random_range(0..BOUNDS.len());
                counts[first..].iter_mut().for_each(|count| *count += 1.0);
            }
            buckets.iter_mut().zip(counts).for_each(|(samples, count)| samples.push((at, count)));
        }
        let server = [("job", *job), ("instance", *instance)];
        let total = buckets[BOUNDS.len() - 1].clone();
        let sum = total.iter().map(|(at, count)| (*at, count * 0.75)).collect();
        all.push(Series { labels: labels("latency_seconds_count", &server), samples: total });
        all.push(Series { labels: labels("latency_seconds_sum", &server), samples: sum });
        for (le, samples) in BOUNDS.into_iter().zip(buckets) {
            let own = labels("latency_seconds_bucket", &[server[0], server[1], ("le", le)]);
            all.push(Series { labels: own, samples });
        }
    }
}

/// Histograms as they should not be.
fn odd_histograms(random: &mut StdRng, all: &mut Vec<Series>) {
    let kinds: [(&str, &[&str]); 8] = [
        ("not_monotonic", &["0.5", "1", "2", "4", "+Inf"]),
        ("no_inf", &["0.5", "1", "2"]),
        ("only_inf", &["+Inf"]),
        ("twice", &["1", "1.0", "2", "2e0", "+Inf", "Inf"]),
        ("negative", &["-2", "-1", "0", "+Inf"]),
        ("text", &["1", "many", "", "+Inf"]),
        ("empty", &["1", "2", "+Inf"]),
        ("nan", &["1", "2", "+Inf"]),
    ];
    for (kind, bounds) in kinds {
        let times = times(random, (0, SPAN), 60_000, 0);
        for (i, le) in bounds.iter().enumerate() {
            let value = |random: &mut StdRng| match kind {
                "not_monotonic" => f64::from(random.random_range(0..20)),
                "empty" => 0.0,
                "nan" if i == 1 => f64::NAN,
                _ => f64::from(u8::try_from(i).expect("few")) * 3.0 + f64::from(random.random_range(0..3)),
            };
            let samples = times.iter().map(|at| (*at, value(random))).collect();
            let mut labels = labels("odd_bucket", &[("kind", kind), ("le", le)]);
            labels.retain(|(_, value)| !value.is_empty());
            all.push(Series { labels, samples });
        }
    }
}

/// When the examples of [`super::exclusions`] are asked, in milliseconds; a whole minute.
pub(super) const AT: i64 = 1_700_012_400_000;

/// Series that show differences between versions; no generated expression selects them.
fn edges(all: &mut Vec<Series>) {
    let minutes = (-30..=30).map(|minute| (AT + minute * 60_000, 1.0)).collect();
    all.push(Series { labels: labels("edge", &[]), samples: minutes });
    all.push(Series { labels: labels("once", &[]), samples: vec![(AT - 300_000, 1.0)] });
    all.push(Series { labels: labels("two_lines", &[("text", "a\nb")]), samples: vec![(AT - 60_000, 1.0)] });
    for (le, count) in [("1", 5.0), ("2", f64::NAN), ("4", 3.0), ("+Inf", 10.0)] {
        all.push(Series { labels: labels("hole_bucket", &[("le", le)]), samples: vec![(AT - 60_000, count)] });
    }
    let young = (0..5).map(|i| (AT - 60_000 + i64::from(i) * 15_000, 2.0 + f64::from(i) * 3.0)).collect();
    all.push(Series { labels: labels("young_total", &[]), samples: young });
}

/// The series as `promtool tsdb create-blocks-from openmetrics` reads them.
pub(super) fn openmetrics(series: &[Series]) -> String {
    let mut out = String::new();
    for one in series {
        let labels: Vec<String> =
            one.labels[1..].iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
        let name = format!("{}{{{}}}", one.labels[0].1, labels.join(","));
        for (at, value) in &one.samples {
            let value =
                if value.is_infinite() { format!("{value:+}").replace("inf", "Inf") } else { value.to_string() };
            let _ = writeln!(out, "{name} {value} {}.{:03}", at / 1000, at % 1000);
        }
    }
    out.push_str("# EOF\n");
    out
}

/// The series in the order in which a daemon would have stored them.
pub(super) fn by_time(series: &[Series]) -> impl Iterator<Item = (Timestamp, Vec<(Labels, f64)>)> {
    let mut batches: std::collections::BTreeMap<i64, Vec<(Labels, f64)>> = std::collections::BTreeMap::new();
    for one in series {
        let labels = one.model_labels();
        for (at, value) in &one.samples {
            batches.entry(*at).or_default().push((labels.clone(), *value));
        }
    }
    batches.into_iter().map(|(at, batch)| (Timestamp::from_millis(at), batch))
}
