//! What both sides are given: the same series, the same samples, the same rules.
//!
//! 500 gauges, 500 counters and 50 histograms of 10 buckets, all with a name and three labels, one sample in five
//! seconds. Each kind of rule is there over all 500 series of a metric, and over the 10 of one target. No rule fires, as
//! in nearly every evaluation of a healthy day; `recorded` is the one whose every result is written back.

use std::fmt::Write as _;

use memsentry::model::Labels;

/// Milliseconds between samples.
pub const INTERVAL: i64 = 5_000;

/// Rules in a group of one kind.
pub const RULES_PER_KIND: usize = 50;

/// Rules in the mixed group.
pub const MIXED_RULES: usize = 1_000;

/// Metric of the gauges.
pub const DEPTH: &str = "chat_memory_queue_entries";
/// Metric of the counters.
pub const REQUESTS: &str = "chat_memory_requests_total";
/// Metric of the histograms' buckets.
pub const BUCKETS: &str = "chat_memory_request_duration_seconds_bucket";

const BOUNDS: [&str; 10] = ["0.005", "0.01", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "+Inf"];
const ROUTES: [&str; 5] = ["health", "login", "conversations", "memory_update", "memory"];

/// One series and how its values come about.
pub struct Source {
    pub labels: Labels,
    seed: u64,
    counts: bool,
}

impl Source {
    /// The value of sample `n`; whole numbers, as counts are.
    #[allow(clippy::cast_precision_loss)]
    pub fn value(&self, n: u64) -> f64 {
        let noise = (n ^ self.seed.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
        match self.counts {
            // Grows by 1 to 8 a sample, with noise that never makes it fall.
            true => (n * (self.seed % 8 + 1) * 16 + noise) as f64,
            false => (self.seed % 90 + noise) as f64,
        }
    }
}

/// All series, in no particular order.
pub fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut add = |name: &str, pairs: [(&str, String); 3], counts: bool, seed: u64| {
        let pairs = pairs.into_iter().chain([("__name__", name.to_owned())]);
        let labels = Labels::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)));
        sources.push(Source { labels, seed, counts });
    };
    for target in 0..50_u64 {
        let name = format!("target-{target}");
        for n in 0..10_usize {
            let region = format!("region-{}", target % 3);
            let seed = target * 31 + n as u64;
            let status = format!("status-{n}");
            add(DEPTH, [("target", name.clone()), ("region", region.clone()), ("status", status)], false, seed);
            let (route, code) = (ROUTES[n / 2].to_owned(), ["200", "500"][n % 2].to_owned());
            add(REQUESTS, [("target", name.clone()), ("route", route), ("code", code)], true, seed);
            // Cumulative: a wider bucket of one target grows faster.
            let growth = 8 * target + n as u64 * 7 / 10;
            add(BUCKETS, [("target", name.clone()), ("region", region), ("le", BOUNDS[n].to_owned())], true, growth);
        }
    }
    sources
}

/// A kind of rule: its name and the expression of its `i`-th rule.
pub struct Kind {
    pub name: &'static str,
    pub records: bool,
    pub expression: fn(usize) -> String,
}

/// Every kind that is measured.
pub const KINDS: &[Kind] = &[
    Kind { name: "threshold", records: false, expression: |i| threshold(i, "") },
    Kind { name: "rate", records: false, expression: |i| rate(i, "") },
    Kind { name: "histogram_quantile", records: false, expression: |i| quantile(i, "") },
    Kind { name: "ratio_of_sums", records: false, expression: |i| format!("{} > {}", ratio("", "5m"), 2 + i) },
    Kind { name: "burn_rate", records: false, expression: |i| burn_rate(i, "") },
    Kind { name: "one_threshold", records: false, expression: |i| threshold(i, &target(i)) },
    Kind { name: "one_rate", records: false, expression: |i| rate(i, &target(i)) },
    Kind { name: "one_histogram_quantile", records: false, expression: |i| quantile(i, &target(i)) },
    Kind {
        name: "one_ratio_of_sums",
        records: false,
        expression: |i| format!("{} > {}", ratio(&target(i), "5m"), 2 + i),
    },
    Kind { name: "one_burn_rate", records: false, expression: |i| burn_rate(i, &target(i)) },
    Kind { name: "recorded", records: true, expression: |i| format!("rate({REQUESTS}[5m]) * {}", i + 1) },
];

/// The matcher that leaves the series of one target.
fn target(i: usize) -> String {
    format!("target=\"target-{}\"", i % 50)
}

fn threshold(i: usize, matcher: &str) -> String {
    format!("{DEPTH}{{{matcher}}} > {}", 1000 + i)
}

fn rate(i: usize, matcher: &str) -> String {
    format!("rate({REQUESTS}{{{matcher}}}[5m]) > {}", 1000 + i)
}

fn quantile(i: usize, matcher: &str) -> String {
    format!("histogram_quantile(0.99, sum by (target, le) (rate({BUCKETS}{{{matcher}}}[5m]))) > {}", 1000 + i)
}

fn ratio(matcher: &str, range: &str) -> String {
    let sum = |more: &str| format!("sum by (target) (rate({REQUESTS}{{{more}{matcher}}}[{range}]))");
    format!("{} / {}", sum("code=\"500\","), sum(""))
}

fn burn_rate(i: usize, matcher: &str) -> String {
    format!("{} > {} and {} > {}", ratio(matcher, "5m"), 2 + i, ratio(matcher, "1h"), 2 + i)
}

/// The group of all kinds but the recorded one, half of its rules over one target each.
pub const MIX: &str = "mix";

/// The names of all groups.
pub fn groups() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).chain([MIX]).collect()
}

/// A rule file with the rules of one group, at this evaluation interval.
pub fn rule_file(group: &str, interval: &str) -> String {
    let mut text = format!("groups:\n  - name: {group}\n    interval: {interval}\n    rules:\n");
    let kinds: Vec<&Kind> = match group {
        MIX => KINDS.iter().filter(|kind| !kind.records).collect(),
        name => KINDS.iter().filter(|kind| kind.name == name).collect(),
    };
    for n in 0..rules_in(group) {
        let (kind, i) = (kinds[n % kinds.len()], n / kinds.len());
        let (what, name) = if kind.records { ("record", "bench:") } else { ("alert", "Bench_") };
        let (kind, expression) = (kind.name, (kind.expression)(i));
        let _ = write!(text, "      - {what}: {name}{kind}_{i}\n        expr: '{expression}'\n");
    }
    text
}

/// How many rules a group has.
pub fn rules_in(group: &str) -> usize {
    match KINDS.iter().find(|kind| kind.name == group) {
        Some(kind) if kind.records => 1,
        Some(_) => RULES_PER_KIND,
        None => MIXED_RULES,
    }
}
