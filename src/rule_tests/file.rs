//! The unit-test file, as promtool defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::model::{Duration, Labels, Problem, Timestamp};
use crate::promql::{self, series_notation};
use crate::yaml::Document;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    #[serde(default)]
    pub(super) rule_files: Vec<String>,
    #[serde(default = "one_minute")]
    pub(super) evaluation_interval: Duration,
    #[serde(default)]
    pub(super) group_eval_order: Vec<String>,
    /// Lets numbers differ in their last bit.
    #[serde(default)]
    pub(super) fuzzy_compare: bool,
    #[serde(default)]
    pub(super) tests: Vec<Test>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    #[serde(default)]
    pub(super) name: String,
    /// Time between two values of a series; the evaluation interval unless set.
    pub(super) interval: Option<Duration>,
    #[serde(default)]
    pub(super) input_series: Vec<InputSeries>,
    #[serde(default)]
    pub(super) alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub(super) promql_expr_test: Vec<ExprTest>,
    #[serde(default)]
    pub(super) external_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) external_url: String,
    /// When the test begins: RFC 3339 or seconds since the epoch, which is where it begins unless set.
    #[serde(default)]
    pub(super) start_timestamp: String,
    /// Whether `memsentry_no_data` counts. Not for promtool, which refuses the key; without it both agree.
    #[serde(default)]
    pub(super) memsentry_no_data: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputSeries {
    pub(super) series: String,
    pub(super) values: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    #[serde(default)]
    pub(super) eval_time: Duration,
    #[serde(default)]
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAlert {
    #[serde(default)]
    pub(super) exp_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) exp_annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExprTest {
    pub(super) expr: String,
    #[serde(default)]
    pub(super) eval_time: Duration,
    #[serde(default)]
    pub(super) exp_samples: Vec<ExpectedSample>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedSample {
    #[serde(default)]
    pub(super) labels: String,
    #[serde(default)]
    pub(super) value: Number,
    /// Native histograms are out of scope; naming one is a mistake that is told.
    #[serde(default)]
    histogram: String,
}

/// A float, also where YAML sees text: `NaN`, `+Inf`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Float;
        impl Visitor<'_> for Float {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                number(text).map(Number).ok_or_else(|| E::custom("not a number"))
            }
        }
        deserializer.deserialize_str(Float)
    }
}

/// A number as YAML 1.1 and Go write it: `1e3`, `0x1f`, `0b1`, `1_000`, `-.inf`, `NaN`.
fn number(text: &str) -> Option<f64> {
    let text = text.trim().replace('_', "");
    let (negative, plain) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let whole = |digits: &str, base| u64::from_str_radix(digits, base).ok();
    #[allow(clippy::cast_precision_loss)] // as a float64 is what it is compared with
    let value = match (plain.get(..2), plain.get(2..)) {
        (Some("0x" | "0X"), Some(digits)) => whole(digits, 16)? as f64,
        (Some("0b" | "0B"), Some(digits)) => whole(digits, 2)? as f64,
        (Some("0o" | "0O"), Some(digits)) => whole(digits, 8)? as f64,
        _ => match plain.to_ascii_lowercase().trim_start_matches('.') {
            "inf" => f64::INFINITY,
            "nan" => f64::NAN,
            _ => plain.parse().ok()?,
        },
    };
    Some(if negative { -value } else { value })
}

fn one_minute() -> Duration {
    Duration::from_secs(60)
}

/// A series of a test, with its value at each step.
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) values: Vec<Option<f64>>,
}

/// Reads and checks a file.
pub(super) fn read(document: &Document) -> Result<TestFile, Vec<Problem>> {
    let mut file: TestFile = document.decode()?;
    if file.evaluation_interval.is_zero() {
        file.evaluation_interval = one_minute();
    }
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for (i, name) in file.group_eval_order.iter().enumerate().filter(|(_, name)| !names.insert((*name).clone())) {
        let message = format!("group name repeated in evaluation order: {name}");
        problems.push(Problem::at(format!("group_eval_order[{i}]"), message));
    }
    for (i, test) in file.tests.iter().enumerate() {
        let path = format!("tests[{i}]");
        problems.extend(check(test).into_iter().map(|problem| problem.below(&path)));
    }
    // A mistake inside a text has its own column.
    if problems.is_empty() { Ok(file) } else { Err(document.placed(problems)) }
}

fn check(test: &Test) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, input) in test.input_series.iter().enumerate() {
        if let Err((key, message)) = series(input) {
            problems.push(Problem::at(format!("input_series[{i}].{key}"), message));
        }
    }
    for (i, alert) in test.alert_rule_test.iter().enumerate().filter(|(_, alert)| alert.alertname.is_empty()) {
        let message = format!("misses required attribute alertname at eval_time {}", alert.eval_time);
        problems.push(Problem::at(format!("alert_rule_test[{i}]"), message));
    }
    for (i, expr) in test.promql_expr_test.iter().enumerate() {
        let path = format!("promql_expr_test[{i}]");
        if let Err(error) = promql::parse(&expr.expr) {
            problems.push(Problem::at(format!("{path}.expr"), format!("could not parse expression: {error}")));
        }
        for (s, sample) in expr.exp_samples.iter().enumerate() {
            if let Err(message) = labels(&sample.labels) {
                problems.push(Problem::at(format!("{path}.exp_samples[{s}].labels"), message));
            }
            if !sample.histogram.is_empty() {
                let message = "native histograms are out of scope";
                problems.push(Problem::at(format!("{path}.exp_samples[{s}].histogram"), message));
            }
        }
    }
    if start(test).is_none() {
        problems.push(Problem::at("start_timestamp", "neither RFC 3339 nor seconds since the epoch"));
    }
    problems
}

/// When the test begins.
pub(super) fn start(test: &Test) -> Option<Timestamp> {
    let text = test.start_timestamp.trim();
    match text.parse::<f64>() {
        _ if text.is_empty() => Some(Timestamp::default()),
        Ok(seconds) => Some(Timestamp::from_seconds(seconds)),
        Err(_) => Timestamp::parse_rfc3339(text),
    }
}

/// A series with its values; an error names the key that it is about.
pub(super) fn series(input: &InputSeries) -> Result<Series, (&'static str, String)> {
    let labels = labels(&input.series).map_err(|message| ("series", message))?;
    let values = series_notation::parse_values(&input.values).map_err(|error| ("values", error.to_string()))?;
    let values = values.into_iter().map(|value| match value {
        series_notation::SequenceValue::Omitted => Ok(None),
        series_notation::SequenceValue::Float(value) => Ok(Some(value)),
        series_notation::SequenceValue::Histogram => Err(("values", "native histograms are out of scope".to_owned())),
    });
    Ok(Series { labels, values: values.collect::<Result<_, _>>()? })
}

/// A label set as PromQL writes it; nothing is the empty set.
pub(super) fn labels(text: &str) -> Result<Labels, String> {
    match text.trim() {
        "" => Ok(Labels::empty()),
        text => series_notation::parse_labels(text).map_err(|error| format!("labels {text:?}: {error}")),
    }
}
