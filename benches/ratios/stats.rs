//! Medians, and timing that repeats.

use std::time::Duration;

use memsentry::model::Stopwatch;

/// The middle value; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which this share of the values lies; NaN of none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// How long one call takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let watch = Stopwatch::start();
    let result = work();
    (result, watch.elapsed())
}

/// Median nanoseconds of a call, over this many calls.
pub fn nanos<T>(times: usize, mut work: impl FnMut() -> T) -> f64 {
    let took: Vec<f64> = (0..times)
        .map(|_| {
            let (result, took) = timed(&mut work);
            std::hint::black_box(result);
            took.as_secs_f64() * 1e9
        })
        .collect();
    median(&took)
}
