//! What is scraped while samples are recorded and processes die, and what is asked of them.
//!
//! Series of every kind, and those of the unit tests of all shipped rules, over and over: so every shipped rule is
//! quiet, pending and firing in turn.

use std::path::Path;

use memsentry::model::{Labels, STALE_MARKER, Timestamp};
use memsentry::promql::series_notation::{SequenceValue, parse_series};
use serde::Deserialize;

/// One interval; the shipped rules are evaluated as often.
pub(super) const TICK_MILLIS: i64 = 15_000;
/// Ticks between two passes of a rule's series; long enough for all alerts to end.
const PAUSE: i64 = 30;

/// As rules read: rates, quantiles, long windows, what is missing, what ended, the past, and plain values.
const EXPRESSIONS: &[&str] = &[
    "depth",
    "rate(requests_total[5m])",
    "sum by (target) (increase(requests_total[15m])) > 5",
    "histogram_quantile(0.9, sum by (le) (rate(took_seconds_bucket[10m])))",
    "avg_over_time(depth[1h])",
    "max_over_time(rate(requests_total[5m])[90m:5m])",
    "requests_total offset 70m",
    "absent(fleeting)",
    "count_over_time(fleeting[30m])",
    "changes(fleeting[1h])",
    "odd",
    // What rules write is compared as alerts.
    "count({__name__=~\"[a-z].*\"})",
    "timestamp(depth)",
];

/// The time of a tick.
pub(super) fn at(tick: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + tick * TICK_MILLIS)
}

/// One series that goes through its values and begins again after a pause.
struct Repeated {
    labels: Labels,
    values: Vec<SequenceValue>,
    period: i64,
    /// Values are times, counted from the beginning of the pass.
    is_time: bool,
}

/// The series of all rules' unit tests.
pub(super) struct Workload(Vec<Repeated>);

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<TestCase>,
}

#[derive(Deserialize)]
struct TestCase {
    #[serde(default)]
    input_series: Vec<InputSeries>,
}

#[derive(Deserialize)]
struct InputSeries {
    series: String,
    values: String,
}

impl Workload {
    pub(super) fn load() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).expect("rule tests").map(|entry| entry.expect("one").path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
        files.sort();
        let mut all = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("readable");
            let tests: TestFile = serde_yaml::from_str(&text).expect("a rule test");
            let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            for (number, case) in tests.tests.into_iter().enumerate() {
                all.extend(repeated(&format!("{stem}-{number}"), case));
            }
        }
        Self(all)
    }

    /// What is scraped at a tick.
    pub(super) fn batch(&self, tick: i64) -> Vec<(Labels, f64)> {
        let mut batch = plain(tick);
        batch.extend(self.0.iter().filter_map(|series| Some((series.labels.clone(), series.value(tick)?))));
        batch
    }

    /// Every expression that is asked: those above and those of all shipped rules, alerting and recording.
    pub(super) fn expressions() -> Vec<String> {
        #[derive(Deserialize)]
        struct File {
            groups: Vec<Group>,
        }
        #[derive(Deserialize)]
        struct Group {
            rules: Vec<Rule>,
        }
        #[derive(Deserialize)]
        struct Rule {
            expr: String,
        }
        let file: File = serde_yaml::from_str(memsentry::rules::SHIPPED).expect("the shipped rules");
        let shipped = file.groups.into_iter().flat_map(|group| group.rules).map(|rule| rule.expr);
        EXPRESSIONS.iter().map(|text| (*text).to_owned()).chain(shipped).collect()
    }
}

/// The series of one case; cases are kept apart by their targets and instances.
fn repeated(name: &str, case: TestCase) -> Vec<Repeated> {
    let read = |input: &InputSeries| parse_series(&format!("{} {}", input.series, input.values)).expect("a series");
    let read: Vec<(Labels, Vec<SequenceValue>)> = case.input_series.iter().map(read).collect();
    let longest = read.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let period = i64::try_from(longest).expect("short") + PAUSE;
    let own = |(labels, values): (Labels, Vec<SequenceValue>)| {
        let target = labels.get("target").map(|target| format!("{target}-{name}"));
        let is_time = labels.metric_name().is_some_and(|name| name.ends_with("_timestamp_seconds"));
        let labels = target.map_or(labels.clone(), |target| labels.with("target", &target));
        Repeated { labels: labels.with("instance", name), values, period, is_time }
    };
    read.into_iter().map(own).collect()
}

impl Repeated {
    fn value(&self, tick: i64) -> Option<f64> {
        let step = tick % self.period;
        match usize::try_from(step).ok().and_then(|step| self.values.get(step)) {
            // 0 stands for "never".
            Some(SequenceValue::Float(value)) if self.is_time && *value > 0.0 => {
                Some(value + at(tick - step).seconds())
            }
            Some(SequenceValue::Float(value)) => Some(*value),
            Some(_) => None,
            // A series that vanishes ends with a marker, as the scraper writes it.
            None if usize::try_from(step).ok() == Some(self.values.len()) => Some(STALE_MARKER),
            None => None,
        }
    }
}

/// Counters that restart, gauges, a histogram, a series that comes and goes, odd values.
fn plain(tick: i64) -> Vec<(Labels, f64)> {
    let labels = |name: &str, target: i64| Labels::from_pairs([("__name__", name), ("target", &target.to_string())]);
    let float = |whole: i64| f64::from(i32::try_from(whole).expect("small"));
    let mut batch = vec![(Labels::from_pairs([("__name__", "tick")]), float(tick))];
    for target in 0..60 {
        batch.push((labels("requests_total", target), float((tick % 400) * (target + 1))));
        batch.push((labels("depth", target), (float(tick) * 0.37 + float(target)).sin() * 50.0));
    }
    for (bound, share) in [("0.1", 1), ("1", 3), ("+Inf", 4)] {
        let name = ("__name__", "took_seconds_bucket");
        batch.push((Labels::from_pairs([name, ("le", bound)]), float(tick * share + tick % 7 * share)));
    }
    match tick % 50 {
        0..20 => batch.push((labels("fleeting", 0), float(tick / 5))),
        20 => batch.push((labels("fleeting", 0), STALE_MARKER)),
        _ => {}
    }
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e-300];
    batch.push((labels("odd", 0), odd[usize::try_from(tick % 5).expect("small")]));
    batch
}
