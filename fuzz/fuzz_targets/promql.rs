//! Any bytes as query text: parsing must not panic, and what parses must print to something that parses alike
//! and evaluate, within its limits, to an answer or an error.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, Timestamp};
use memsentry::promql::{self, Limits};
use memsentry::tsdb::{Settings, Tsdb};

static STORE: LazyLock<Tsdb> = LazyLock::new(|| {
    let settings = Settings { retention: Duration::from_secs(86_400), max_series: 100, ..Settings::default() };
    let tsdb = Tsdb::new(&settings, &Registry::new());
    for step in 0..40_i64 {
        let batch = ["a", "b", "c_total"].into_iter().flat_map(|name| {
            ["1", "2"].map(|x| (Labels::from_pairs([("__name__", name), ("x", x)]), step as f64))
        });
        tsdb.append(Timestamp::from_millis(step * 15_000), batch);
    }
    tsdb
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = promql::scale_durations(text, 10);
    let _ = promql::series_notation::parse_labels(text);
    let Ok(expr) = promql::parse(text) else { return };
    let printed = expr.to_string();
    let again = promql::parse(&printed).unwrap_or_else(|error| panic!("{text:?} prints as {printed:?}: {error}"));
    assert_eq!(again, expr, "{text:?} prints as {printed:?}");
    let limits = Limits { max_samples: 10_000, timeout: Duration::from_secs(2), lookback: Duration::from_secs(300) };
    let at = Timestamp::from_millis(300_000);
    let _ = promql::instant(&expr, &STORE, at, &limits);
    let _ = promql::range(&expr, &STORE, at, Timestamp::from_millis(600_000), Duration::from_secs(60), &limits);
});
