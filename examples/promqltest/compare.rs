//! Compares values with what a script expects.

use std::collections::BTreeMap;

use memsentry::model::Labels;
use memsentry::promql::series_notation::SequenceValue;
use memsentry::promql::{Value, VectorSample};
use memsentry::tsdb::Series;

use super::script::Expected;

/// Relative error that is allowed.
const EPSILON: f64 = 0.000_001;

/// Whether two floats are the same but for rounding.
fn almost(a: f64, b: f64) -> bool {
    if a.is_nan() || b.is_nan() {
        return a.is_nan() && b.is_nan();
    }
    #[allow(clippy::float_cmp)]
    if a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// Compares a value; the error says what was expected and what came.
pub fn check(expected: &Expected, times: &dyn Fn(usize) -> i64, value: &Value) -> Result<(), String> {
    match value {
        Value::Scalar(number) => scalar(expected, *number),
        Value::String(text) => match &expected.string {
            Some(wanted) if wanted == text => Ok(()),
            wanted => Err(format!("expected {wanted:?}\n  got string {text:?}")),
        },
        Value::Vector(vector) => self::vector(expected, vector),
        Value::Matrix(matrix) => self::matrix(expected, times, matrix),
    }
}

fn scalar(expected: &Expected, number: f64) -> Result<(), String> {
    match expected.scalar {
        Some(wanted) if almost(wanted, number) => Ok(()),
        wanted => Err(format!("expected {wanted:?}\n  got scalar {number}")),
    }
}

/// Compares an instant vector.
pub fn vector(expected: &Expected, vector: &[VectorSample]) -> Result<(), String> {
    let wanted = || expected.series.iter().map(|(l, v)| format!("{l} {v:?}")).collect::<Vec<_>>().join("\n           ");
    let got = || vector.iter().map(|s| format!("{} {}", s.labels, s.sample.value)).collect::<Vec<_>>().join("\n      ");
    let differ = || Err(format!("expected {}\n  got {}", wanted(), got()));
    if expected.scalar.is_some() || vector.len() != expected.series.len() {
        return differ();
    }
    for (position, sample) in vector.iter().enumerate() {
        let Some(at) = expected.series.iter().position(|(labels, _)| *labels == sample.labels) else { return differ() };
        let value = match expected.series[at].1.first() {
            Some(SequenceValue::Float(value)) => *value,
            _ => return differ(),
        };
        if !almost(value, sample.sample.value) || (expected.ordered && at != position) {
            return differ();
        }
    }
    Ok(())
}

fn matrix(expected: &Expected, times: &dyn Fn(usize) -> i64, matrix: &[Series]) -> Result<(), String> {
    let points = |values: &[SequenceValue]| -> Vec<(i64, f64)> {
        let floats = values.iter().enumerate().filter_map(|(step, value)| match value {
            SequenceValue::Float(value) => Some((times(step), *value)),
            _ => None,
        });
        floats.collect()
    };
    let wanted: BTreeMap<&Labels, Vec<(i64, f64)>> =
        expected.series.iter().map(|(labels, values)| (labels, points(values))).collect();
    let got: Vec<(&Labels, Vec<(i64, f64)>)> = matrix
        .iter()
        .map(|series| (&series.labels, series.samples.iter().map(|s| (s.at.millis(), s.value)).collect()))
        .collect();
    let sorted = got.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let same = |(labels, points): &(&Labels, Vec<(i64, f64)>)| {
        wanted.get(labels).is_some_and(|wanted| {
            wanted.len() == points.len() && wanted.iter().zip(points).all(|(a, b)| a.0 == b.0 && almost(a.1, b.1))
        })
    };
    if sorted && wanted.len() == got.len() && got.iter().all(same) && !expected.ordered && expected.scalar.is_none() {
        return Ok(());
    }
    let order = if sorted { "" } else { " (not sorted by labels)" };
    Err(format!("expected {wanted:?}\n  got {got:?}{order}"))
}
