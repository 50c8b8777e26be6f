//! The smallest and largest sample of a range, and when samples were.

use crate::model::Sample;
use crate::promql::eval::Window;

/// The sample that beats all before it; NaN is beaten by everything.
fn best(window: &Window<'_>, beats: fn(f64, f64) -> bool) -> Option<Sample> {
    let mut best = *window.samples.first()?;
    for sample in window.samples {
        if beats(sample.value, best.value) || best.value.is_nan() {
            best = *sample;
        }
    }
    Some(best)
}

fn seconds(sample: Sample) -> f64 {
    sample.at.seconds()
}

pub(in crate::promql::functions) fn max_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    best(window, |value, best| value > best).map(|sample| sample.value)
}

pub(in crate::promql::functions) fn min_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    best(window, |value, best| value < best).map(|sample| sample.value)
}

/// Of equal samples the last counts.
pub(in crate::promql::functions) fn ts_of_max_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    best(window, |value, best| value >= best).map(seconds)
}

pub(in crate::promql::functions) fn ts_of_min_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    best(window, |value, best| value <= best).map(seconds)
}

pub(in crate::promql::functions) fn ts_of_first_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    window.samples.first().copied().map(seconds)
}

pub(in crate::promql::functions) fn ts_of_last_over_time(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    window.samples.last().copied().map(seconds)
}
