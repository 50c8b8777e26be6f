//! What samples allow to be said: intervals of shares, and which quantiles they carry.

/// Standard deviations of a 95 % interval.
const Z: f64 = 1.96;

/// The 95 % interval of a share, by Wilson's score; sound also near 0 and 1 and for few samples. All that is possible,
/// 0 to 1, for none.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of requests are far below 2^53
pub fn wilson(part: u64, whole: u64) -> (f64, f64) {
    if whole == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (whole as f64, part.min(whole) as f64 / whole as f64);
    let spread = Z * Z / n;
    let centre = (p + spread / 2.0) / (1.0 + spread);
    let half = Z / (1.0 + spread) * (p * (1.0 - p) / n + spread / (4.0 * n)).sqrt();
    // At the ends the exact bounds are the ends themselves; rounding would miss them.
    let low = if part == 0 { 0.0 } else { (centre - half).clamp(0.0, 1.0) };
    let high = if part >= whole { 1.0 } else { (centre + half).clamp(0.0, 1.0) };
    (low, high)
}

/// Whether so many samples bound this quantile from both sides: with fewer, values beyond the longest one seen are as
/// likely as not, and the interval's end is only where the samples end.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn bounded(q: f64, count: u64) -> bool {
    let half = Z * (q * (1.0 - q) / (count.max(1)) as f64).sqrt();
    count > 0 && q - half > 0.0 && q + half < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_shares_are_those_of_the_textbook() {
        let (low, high) = wilson(9, 10);
        assert!((low - 0.5958).abs() < 5e-4 && (high - 0.9821).abs() < 5e-4, "{low} {high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        let (low, high) = wilson(30, 30);
        assert!((low - 0.8865).abs() < 5e-4, "{low}");
        assert_eq!((high, wilson(0, 5).0), (1.0, 0.0));
        let width = |(low, high): (f64, f64)| high - low;
        assert!(width(wilson(995, 1000)) < width(wilson(199, 200)));
    }

    #[test]
    fn a_high_quantile_needs_many_samples() {
        assert!(!bounded(0.5, 0) && !bounded(0.5, 3) && bounded(0.5, 10));
        assert!(!bounded(0.95, 70) && bounded(0.95, 80));
        assert!(!bounded(0.99, 300) && bounded(0.99, 400));
    }
}
