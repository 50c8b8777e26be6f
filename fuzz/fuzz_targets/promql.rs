//! Any bytes as query text: parsing must not panic, and what parses must print to something that parses alike and
//! evaluate, within its limits, to an answer or an error; the first step of a range is what the instant says.
//!
//! The store and the limits are tiny, so that time goes into expressions and not into samples.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, STALE_MARKER, Timestamp};
use memsentry::promql::{self, Limits, Value};
use memsentry::tsdb::{Settings, Tsdb};

/// What there is to select: counters that restart, a gauge, one that ended, buckets, values of all kinds.
static STORE: LazyLock<Tsdb> = LazyLock::new(|| {
    let settings = Settings { retention: Duration::from_secs(86_400), max_series: 100, ..Settings::default() };
    let tsdb = Tsdb::new(&settings, &Registry::new());
    for step in 0..20_i64 {
        let value = step as f64;
        let odd = [f64::NAN, f64::INFINITY, -0.0, 1e-300, -7.5][step as usize % 5];
        let mut batch = Vec::new();
        for x in ["1", "2"] {
            let labels = |name: &str| Labels::from_pairs([("__name__", name), ("x", x)]);
            batch.push((labels("a"), odd));
            batch.push((labels("b"), (value * 0.7).sin()));
            batch.push((labels("c_total"), (step % 13) as f64));
        }
        for (le, share) in [("1", 1.0), ("2", 2.0), ("+Inf", 4.0)] {
            batch.push((Labels::from_pairs([("__name__", "h_bucket"), ("le", le)]), value * share));
        }
        let ended = if step == 11 { STALE_MARKER } else { value };
        batch.push((Labels::from_pairs([("__name__", "e"), ("x", "1"), ("y", "z")]), ended));
        tsdb.append(Timestamp::from_millis(step * 15_000), batch);
    }
    tsdb
});

const LIMITS: Limits =
    Limits { max_samples: 1_000, timeout: Duration::from_secs(1), lookback: Duration::from_secs(60) };

/// Elements of an answer at one time by labels, to the bit; any NaN is like any other.
fn elements(value: &Value, at: Timestamp) -> Vec<(Labels, u64)> {
    let bits = |value: f64| if value.is_nan() { 0 } else { value.to_bits() };
    let mut all: Vec<(Labels, u64)> = match value {
        Value::Vector(vector) => vector.iter().map(|one| (one.labels.clone(), bits(one.sample.value))).collect(),
        Value::Matrix(matrix) => {
            let first = |samples: &[memsentry::model::Sample]| samples.first().filter(|s| s.at == at).copied();
            matrix.iter().filter_map(|s| first(&s.samples).map(|one| (s.labels.clone(), bits(one.value)))).collect()
        }
        Value::Scalar(value) => vec![(Labels::empty(), bits(*value))],
        Value::String(_) => Vec::new(),
    };
    all.sort();
    all
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = promql::scale_durations(text, 10);
    let _ = promql::series_notation::parse_labels(text);
    let Ok(expr) = promql::parse(text) else { return };
    let printed = expr.to_string();
    let again = promql::parse(&printed).unwrap_or_else(|error| panic!("{text:?} prints as {printed:?}: {error}"));
    assert_eq!(again, expr, "{text:?} prints as {printed:?}");
    let (at, end) = (Timestamp::from_millis(240_000), Timestamp::from_millis(300_000));
    let instant = promql::instant(&expr, &STORE, at, &LIMITS);
    let range = promql::range(&expr, &STORE, at, end, Duration::from_secs(30), &LIMITS);
    let (Ok(instant), Ok(range)) = (instant, range) else { return };
    // These speak of the whole range, so an instant is another question.
    if ["end", "step", "range"].iter().any(|word| text.to_ascii_lowercase().contains(word)) {
        return;
    }
    assert_eq!(elements(&instant.value, at), elements(&range.value, at), "{text:?}");
});
