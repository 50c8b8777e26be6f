//! Functions over the samples of a range: sums, averages, deviations, counts.

pub(super) mod compare;

use super::math::{kahan_add, quantile};
use crate::promql::EvalError;
use crate::promql::eval::block::Column;
use crate::promql::eval::{Call, Evaluator, Window};

#[allow(clippy::cast_precision_loss)]
fn count(n: usize) -> f64 {
    n as f64
}

pub(super) fn sum_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    let (sum, lost) = window.samples.iter().fold((0.0, 0.0), |(sum, lost), s| kahan_add(s.value, sum, lost));
    Some(if sum.is_infinite() { sum } else { sum + lost })
}

/// The mean: directly while the sum does not overflow, step by step after that.
pub(super) fn avg_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    let mut mean = Mean::default();
    window.samples.iter().for_each(|sample| mean.add(sample.value));
    Some(mean.value())
}

/// A running mean with compensation that survives sums beyond what a float can hold.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    count: f64,
    /// The sum, or the mean itself once the sum would overflow.
    total: f64,
    lost: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.total = value;
            return;
        }
        if !self.incremental {
            let (total, lost) = kahan_add(value, self.total, self.lost);
            if !total.is_infinite() {
                (self.total, self.lost) = (total, lost);
                return;
            }
            self.incremental = true;
            self.total /= self.count - 1.0;
            self.lost /= self.count - 1.0;
        }
        let weight = (self.count - 1.0) / self.count;
        (self.total, self.lost) = kahan_add(value / self.count, weight * self.total, weight * self.lost);
    }

    pub(crate) fn value(&self) -> f64 {
        if self.incremental { self.total + self.lost } else { self.total / self.count + self.lost / self.count }
    }
}

pub(super) fn count_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    Some(count(window.samples.len()))
}

pub(super) fn present_over_time(_: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    Some(1.0)
}

pub(super) fn first_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    window.samples.first().map(|sample| sample.value)
}

pub(super) fn last_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    window.samples.last().map(|sample| sample.value)
}

fn variance(window: &Window<'_>) -> f64 {
    let (mut n, mut mean, mut mean_lost, mut squares, mut squares_lost) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for sample in window.samples {
        n += 1.0;
        let delta = sample.value - (mean + mean_lost);
        (mean, mean_lost) = kahan_add(delta / n, mean, mean_lost);
        (squares, squares_lost) = kahan_add(delta * (sample.value - (mean + mean_lost)), squares, squares_lost);
    }
    (squares + squares_lost) / n
}

pub(super) fn stdvar_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    Some(variance(window))
}

pub(super) fn stddev_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    Some(variance(window).sqrt())
}

pub(super) fn changes(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    let changed = |pair: &&[crate::model::Sample]| {
        let (before, after) = (pair[0].value, pair[1].value);
        before != after && !(before.is_nan() && after.is_nan())
    };
    Some(count(window.samples.windows(2).filter(changed).count()))
}

pub(super) fn resets(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    Some(count(window.samples.windows(2).filter(|pair| pair[1].value < pair[0].value).count()))
}

fn fill(scratch: &mut Vec<f64>, window: &Window<'_>) {
    scratch.clear();
    scratch.extend(window.samples.iter().map(|sample| sample.value));
}

pub(super) fn quantile_over_time(window: &Window<'_>, scratch: &mut Vec<f64>) -> Option<f64> {
    fill(scratch, window);
    Some(quantile(window.params.first().copied()?, scratch))
}

/// Median absolute deviation; NaN if any sample is.
pub(super) fn mad_over_time(window: &Window<'_>, scratch: &mut Vec<f64>) -> Option<f64> {
    fill(scratch, window);
    if scratch.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let median = quantile(0.5, scratch);
    scratch.iter_mut().for_each(|value| *value = (*value - median).abs());
    Some(quantile(0.5, scratch))
}

/// Warns about quantiles outside of 0 to 1.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn check_quantile(
    evaluator: &mut Evaluator<'_>,
    call: &Call<'_>,
    columns: &[Column],
    seen: &[bool],
) -> Result<(), EvalError> {
    if let Some(column) = columns.first() {
        super::steps_of(seen)
            .for_each(|step| super::histogram::warn_quantile(evaluator, column.at(step), call.arg_start(0)));
    }
    Ok(())
}
