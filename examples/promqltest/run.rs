//! Executes the commands of a script and counts what passes.

use std::collections::BTreeMap;

use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, Timestamp};
use memsentry::promql::series_notation::SequenceValue;
use memsentry::promql::{self, Answer, Expr, Limits, Options, Value, VectorSample};
use memsentry::tsdb::{Settings as TsdbSettings, Tsdb};

use super::script::{self, Command, Eval, Kind, Load, When};
use super::{annotations, compare, variants};

const MINUTE: i64 = 60_000;

/// How to run.
pub struct Settings {
    /// Leave out statements that load or expect native histograms.
    pub skip_native_histograms: bool,
    pub options: Options,
}

/// What came of a script. `total` counts `eval` statements but for those left out.
#[derive(Default)]
pub struct Report {
    pub passed: usize,
    pub total: usize,
    pub left_out: usize,
    /// `LINE: QUERY`, then what was expected and what came.
    pub failures: Vec<String>,
}

/// Runs a script.
pub fn run(text: &str, settings: &Settings) -> Report {
    let mut report = Report::default();
    let commands = match script::parse(text) {
        Ok(commands) => commands,
        Err((line, message)) => {
            report.total = 1;
            report.failures.push(format!("{line}: {message}"));
            return report;
        }
    };
    let mut storage = Storage::default();
    for Command { line, kind } in commands {
        match kind {
            Kind::Clear => storage = Storage::default(),
            Kind::Load(load) => storage.load(&load),
            Kind::Eval(eval) => {
                let result = evaluate(&eval, &mut storage, settings);
                let touches = settings.skip_native_histograms && touches_histograms(&eval, &storage);
                if settings.skip_native_histograms && (eval.expects_histogram() || (touches && result.is_err())) {
                    report.left_out += 1;
                    continue;
                }
                report.total += 1;
                match result {
                    Ok(()) => report.passed += 1,
                    Err(difference) => report.failures.push(format!("{line}: {}\n  {difference}", eval.query)),
                }
            }
        }
    }
    report
}

/// Whether a query selects a series of which histogram samples were left out when loading. Its floats may
/// still be as expected; if not, nothing can be said.
fn touches_histograms(eval: &Eval, storage: &Storage) -> bool {
    let Ok(expr) = promql::parse(&eval.query) else { return false };
    expr.selectors().iter().any(|selector| {
        storage.histograms.iter().any(|labels| selector.matchers.iter().all(|matcher| matcher.matches_labels(labels)))
    })
}

/// Everything loaded so far, and the store made from it.
#[derive(Default)]
struct Storage {
    floats: BTreeMap<Labels, BTreeMap<i64, f64>>,
    /// Series that had histograms.
    histograms: Vec<Labels>,
    tsdb: Option<Tsdb>,
}

impl Storage {
    fn load(&mut self, load: &Load) {
        self.tsdb = None;
        for (labels, values) in &load.series {
            if values.contains(&SequenceValue::Histogram) {
                self.histograms.push(labels.clone());
            }
            if load.with_nhcb {
                self.histograms.extend(native_name(labels));
            }
            let samples = self.floats.entry(labels.clone()).or_default();
            for (at, value) in (0..).map(|i| i * load.gap).zip(values) {
                if let SequenceValue::Float(value) = value {
                    samples.insert(at, *value);
                }
            }
        }
    }

    fn tsdb(&mut self) -> &Tsdb {
        let floats = &self.floats;
        self.tsdb.get_or_insert_with(|| {
            let settings = TsdbSettings {
                retention: Duration::from_secs(3600 * 24 * 365 * 10),
                max_series: 1_000_000,
                max_series_per_metric: 1_000_000,
                ..TsdbSettings::default()
            };
            let tsdb = Tsdb::new(&settings, &Registry::new());
            let mut by_time: BTreeMap<i64, Vec<(Labels, f64)>> = BTreeMap::new();
            for (labels, samples) in floats {
                for (at, value) in samples {
                    by_time.entry(*at).or_default().push((labels.clone(), *value));
                }
            }
            for (at, batch) in by_time {
                tsdb.append(Timestamp::from_millis(at), batch);
            }
            tsdb
        })
    }
}

/// The native histogram that `load_with_nhcb` would make of a classic series.
fn native_name(labels: &Labels) -> Option<Labels> {
    let name = labels.metric_name()?;
    let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
    Some(labels.without(|label| label == "le").with("__name__", base))
}

fn limits() -> Limits {
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(100), lookback: Duration::from_secs(300) }
}

fn evaluate(eval: &Eval, storage: &mut Storage, settings: &Settings) -> Result<(), String> {
    let expr = match promql::parse(&eval.query) {
        Ok(expr) => expr,
        Err(error) => {
            return match &eval.expected.fail {
                Some(wanted) if wanted.accepts(&error.message) => Ok(()),
                _ => Err(format!("does not parse: {} (bytes {:?})", error.message, error.span)),
            };
        }
    };
    let query = Query { eval, tsdb: storage.tsdb(), settings };
    match eval.when {
        When::Instant(at) => query.instant(&expr, at),
        When::Range { start, end, step } => {
            let step_millis = i64::try_from(step.std().as_millis()).unwrap_or(i64::MAX);
            let answer = query.range(&expr, start, end, step);
            query.judge(answer, true, &|i| start.millis() + step_millis * i64::try_from(i).unwrap_or(0)).map(|_| ())
        }
    }
}

/// One statement with what it runs on.
struct Query<'a> {
    eval: &'a Eval,
    tsdb: &'a Tsdb,
    settings: &'a Settings,
}

impl Query<'_> {
    fn range(&self, expr: &Expr, start: Timestamp, end: Timestamp, step: Duration) -> Result<Answer, String> {
        promql::range_with(expr, self.tsdb, (start, end), step, &limits(), &self.settings.options)
            .map_err(|error| error.to_string())
    }

    /// Compares an outcome; answers the value of a success that was expected.
    fn judge(
        &self,
        outcome: Result<Answer, String>,
        annotations: bool,
        times: &dyn Fn(usize) -> i64,
    ) -> Result<Option<Value>, String> {
        let expected = &self.eval.expected;
        match (outcome, &expected.fail) {
            (Err(error), Some(wanted)) if wanted.accepts(&error) => Ok(None),
            (Err(error), Some(wanted)) => Err(format!("expected to fail with {}\n  got {error:?}", wanted.describe())),
            (Err(error), None) => Err(format!("expected a result\n  got error {error:?}")),
            (Ok(answer), Some(_)) => Err(format!("expected to fail\n  got {:?}", answer.value)),
            (Ok(answer), None) => {
                if annotations {
                    annotations::check(expected, &answer)?;
                }
                compare::check(expected, times, &answer.value)?;
                Ok(Some(answer.value))
            }
        }
    }

    /// Checks an instant query, then the ways of asking that must answer the same.
    fn instant(&self, expr: &Expr, at: Timestamp) -> Result<(), String> {
        self.instant_at(expr, at, true)?;
        if let Some((fixed, times)) = variants::fixed(expr, at) {
            for time in times {
                self.instant_at(&fixed, time, false)
                    .map_err(|error| format!("{error}\n  as {fixed} at {}ms", time.millis()))?;
            }
        }
        Ok(())
    }

    fn instant_at(&self, expr: &Expr, at: Timestamp, annotations: bool) -> Result<(), String> {
        let outcome = promql::instant_with(expr, self.tsdb, at, &limits(), &self.settings.options);
        let (first, step) = self.eval.expected.range_vector.map_or((0, 0), |(start, _, step)| (start, step));
        let times = |i: usize| first + step * i64::try_from(i).unwrap_or(0);
        let value = self.judge(outcome.map_err(|error| error.to_string()), annotations, &times)?;
        match value {
            Some(Value::Vector(_) | Value::Scalar(_)) => self.middle_of_range(expr, at),
            _ => Ok(()),
        }
    }

    /// Evaluates over three minutes around `at` and compares the middle.
    fn middle_of_range(&self, expr: &Expr, at: Timestamp) -> Result<(), String> {
        if variants::calls(expr, &["start", "end", "range", "step"]) {
            return Ok(());
        }
        let around = |millis: i64| Timestamp::from_millis(at.millis() + millis);
        let answer = self
            .range(expr, around(-MINUTE), around(MINUTE), Duration::from_secs(60))
            .map_err(|error| format!("expected a result in range mode\n  got error {error:?}"))?;
        let Value::Matrix(matrix) = answer.value else { return Err("expected a matrix in range mode".to_owned()) };
        if self.eval.expected.ordered {
            return Ok(());
        }
        let middle = matrix.into_iter().filter_map(|series| {
            let sample = series.samples.iter().find(|sample| sample.at == at).copied()?;
            Some(VectorSample { labels: series.labels, sample })
        });
        let middle: Vec<VectorSample> = middle.collect();
        let result = match (self.eval.expected.scalar, middle.first()) {
            (Some(_), Some(only)) => compare::check(&self.eval.expected, &|_| 0, &Value::Scalar(only.sample.value)),
            _ => compare::vector(&self.eval.expected, &middle),
        };
        result.map_err(|error| format!("{error}\n  in range mode"))
    }
}
