//! Many measured times as a report keeps them: quantiles with their confidence, and the shape in few buckets.
//!
//! Made from an HDR histogram of microseconds. A quantile's bounds are those of the order statistics around it, with
//! 95 % confidence by the normal approximation of the binomial; few samples have wide bounds, which is the point.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The quantiles that are kept.
const QUANTILES: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
/// Buckets of the shape.
const BUCKETS: u32 = 48;
/// The longest time that is told apart: an hour.
const LONGEST_MICROS: u64 = 3_600_000_000;
/// Standard deviations of a 95 % interval.
const Z: f64 = 1.96;

/// Many times, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many.
    pub count: u64,
    /// The shortest.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The longest.
    pub max: f64,
    /// The standard deviation.
    pub stddev: f64,
    /// The 50th, 75th, 90th, 95th, 99th and 99.9th percentile.
    pub quantiles: Vec<Quantile>,
    /// The shape: upper bounds in seconds, growing by a constant factor, and how many values are in each.
    pub buckets: Vec<(f64, u64)>,
}

/// One quantile with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// Which, between 0 and 1.
    pub q: f64,
    /// Its value.
    pub value: f64,
    /// Likely not below this.
    pub low: f64,
    /// Likely not above this.
    pub high: f64,
}

impl Distribution {
    /// Of a histogram of microseconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // microseconds below 2^53 are 285 years
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let count = histogram.len();
        if count == 0 {
            return Self::default();
        }
        let seconds = |micros: u64| micros as f64 / 1e6;
        let at = |q: f64| seconds(histogram.value_at_quantile(q.clamp(0.0, 1.0)).min(histogram.max()));
        let quantiles = QUANTILES.map(|q| {
            let half = Z * (q * (1.0 - q) / count as f64).sqrt();
            Quantile { q, value: at(q), low: at(q - half), high: at(q + half) }
        });
        Self {
            count,
            min: seconds(histogram.min()),
            mean: histogram.mean() / 1e6,
            max: seconds(histogram.max()),
            stddev: histogram.stdev() / 1e6,
            quantiles: quantiles.to_vec(),
            buckets: shape(histogram),
        }
    }

    /// Of single times.
    #[must_use]
    pub fn of_times(times: impl IntoIterator<Item = std::time::Duration>) -> Self {
        let mut histogram = histogram();
        for time in times {
            histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
        }
        Self::of(&histogram)
    }

    /// The value of one of the quantiles that are kept; 0 for one that is not, or without samples.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        self.quantiles.iter().find(|kept| (kept.q - q).abs() < 1e-9).map_or(0.0, |kept| kept.value)
    }
}

/// An empty histogram of microseconds up to an hour, exact to three digits; longer ones count as an hour if they are
/// recorded with saturation.
#[must_use]
#[expect(clippy::expect_used, reason = "the bounds are constants, which a test tries")]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("good bounds")
}

/// Few buckets between the shortest and the longest, each wider than the one before by the same factor.
#[allow(clippy::cast_precision_loss)]
fn shape(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    let (low, high) = (histogram.min().max(1) as f64, histogram.max().max(1) as f64);
    let factor = (high / low).powf(1.0 / f64::from(BUCKETS)).max(1.01);
    let mut buckets = vec![(low * factor, 0_u64)];
    for recorded in histogram.iter_recorded() {
        let value = recorded.value_iterated_to().min(histogram.max()) as f64;
        while buckets.last().is_some_and(|(upper, _)| value > *upper * 1.000_001) {
            let upper = buckets.last().map_or(low, |(upper, _)| *upper) * factor;
            buckets.push((upper, 0));
        }
        if let Some((_, count)) = buckets.last_mut() {
            *count += recorded.count_since_last_iteration();
        }
    }
    buckets.into_iter().map(|(upper, count)| (upper / 1e6, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn quantiles_have_bounds_that_narrow_with_more_samples() {
        let few = Distribution::of_times((1..=20).map(Duration::from_millis));
        let many = Distribution::of_times((0..20_000).map(|n| Duration::from_micros(1000 + n)));
        assert_eq!(few.count, 20);
        assert!((few.quantile(0.5) - 0.010).abs() < 0.001, "{few:?}");
        let width = |of: &Distribution| (of.quantiles[3].high - of.quantiles[3].low) / of.quantiles[3].value;
        assert!(width(&few) > 10.0 * width(&many), "{few:?} {many:?}");
        assert!(few.quantiles.iter().all(|q| q.low <= q.value && q.value <= q.high));
    }

    #[test]
    fn the_shape_holds_every_value_in_few_buckets() {
        let times = (0..10_000).map(|n| Duration::from_micros(100 + n * n / 100));
        let shape = Distribution::of_times(times).buckets;
        assert_eq!(shape.iter().map(|(_, count)| count).sum::<u64>(), 10_000);
        assert!(shape.len() <= 50 && shape.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(Distribution::of_times([Duration::from_millis(5)]).buckets.len(), 1);
        assert_eq!(Distribution::of_times([]).count, 0);
        assert_eq!(Distribution::of_times([Duration::from_secs(7200)]).count, 1, "beyond the range counts as its end");
    }
}
