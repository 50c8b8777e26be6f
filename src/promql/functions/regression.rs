//! Straight lines and smoothed curves through the samples of a range.

use super::math::kahan_add;
use crate::model::Sample;
use crate::promql::EvalError;
use crate::promql::eval::block::Column;
use crate::promql::eval::{Call, Evaluator, Window};

/// Slope per second, and the value at `origin`, of the least-squares line.
fn line(samples: &[Sample], origin: i64) -> Option<(f64, f64)> {
    let [first, _, ..] = samples else { return None };
    if samples.iter().all(|sample| sample.value == first.value) {
        let flat = !first.value.is_infinite();
        return Some(if flat { (0.0, first.value) } else { (f64::NAN, f64::NAN) });
    }
    // Sums of x, y, x·y and x², each with its compensation.
    let mut sums = [(0.0, 0.0); 4];
    for sample in samples {
        #[allow(clippy::cast_precision_loss)]
        let x = sample.at.millis().saturating_sub(origin) as f64 / 1000.0;
        for (sum, value) in sums.iter_mut().zip([x, sample.value, x * sample.value, x * x]) {
            *sum = kahan_add(value, sum.0, sum.1);
        }
    }
    let [x, y, xy, xx] = sums.map(|(sum, lost)| sum + lost);
    #[allow(clippy::cast_precision_loss)]
    let n = samples.len() as f64;
    let slope = (xy - x * y / n) / (xx - x * x / n);
    Some((slope, y / n - slope * x / n))
}

pub(super) fn deriv(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    // An origin near the samples keeps the sums small.
    let origin = window.samples.first()?.at.millis();
    line(window.samples, origin).map(|(slope, _)| slope)
}

pub(super) fn predict_linear(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    let ahead = window.params.first()?;
    line(window.samples, window.now).map(|(slope, value)| slope * ahead + value)
}

pub(super) fn double_exponential_smoothing(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    let ([first, second, ..], [smoothing, trend_factor]) = (window.samples, window.params) else { return None };
    let mut trend = second.value - first.value;
    let (mut before, mut smoothed) = (0.0, first.value);
    for (i, sample) in window.samples.iter().enumerate().skip(1) {
        if i > 1 {
            trend = trend_factor * (smoothed - before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * sample.value + (1.0 - smoothing) * (smoothed + trend);
        (before, smoothed) = (smoothed, next);
    }
    Some(smoothed)
}

/// Refuses factors outside of 0 to 1.
pub(super) fn check_factors(
    _: &mut Evaluator<'_>,
    _: &Call<'_>,
    columns: &[Column],
    seen: &[bool],
) -> Result<(), EvalError> {
    for (column, (name, short)) in columns.iter().zip([("smoothing", "sf"), ("trend", "tf")]) {
        for factor in super::steps_of(seen).map(|step| column.at(step)) {
            if factor <= 0.0 || factor >= 1.0 {
                let message = format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}");
                return Err(EvalError::Execution(message));
            }
        }
    }
    Ok(())
}
