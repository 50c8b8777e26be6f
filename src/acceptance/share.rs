//! A share of many, and how sure one can be of it.
//!
//! Wilson's interval: it holds for few samples and for shares near 0 and 1, where the usual one promises too much.

/// Standard deviations of a 95 % interval.
const Z: f64 = 1.96;

/// The 95 % interval of a share; 0 to 1 without samples.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of requests
pub(super) fn interval(part: u64, whole: u64) -> (f64, f64) {
    if whole == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (whole as f64, part as f64 / whole as f64);
    let (z2, denominator) = (Z * Z, 1.0 + Z * Z / n);
    let centre = (p + z2 / (2.0 * n)) / denominator;
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / denominator;
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// How a measured share stands to the promised one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// At least as much was measured.
    Kept,
    /// Less was measured, and that is no accident.
    Broken,
    /// Less was measured, but so few samples can lie.
    Open,
}

/// How `part` of `whole` stands to the promised share.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub(super) fn standing(part: u64, whole: u64, promised: f64) -> Standing {
    if whole > 0 && part as f64 / whole as f64 >= promised {
        Standing::Kept
    } else if interval(part, whole).1 < promised {
        Standing::Broken
    } else {
        Standing::Open
    }
}

/// As a sentence says it: `95 of 96 (98.96 %; 95 % interval 94.3 % to 99.8 %)`.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub(super) fn words(part: u64, whole: u64) -> String {
    let (low, high) = interval(part, whole);
    let percent = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    let (low, high) = (100.0 * low, 100.0 * high);
    format!("{part} of {whole} ({percent:.4} %; 95 % interval {low:.1} % to {high:.1} %)").replace(".0000 %;", " %;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_textbook() {
        let (low, high) = interval(81, 263);
        assert!((low - 0.2553).abs() < 0.0005 && (high - 0.3662).abs() < 0.0005, "{low} {high}");
        assert_eq!(interval(0, 0), (0.0, 1.0));
        assert!(interval(96, 96).0 > 0.96 && interval(96, 96).1 > 0.9999);
    }

    #[test]
    fn a_share_below_the_promise_is_broken_only_if_it_cannot_be_chance() {
        assert_eq!(standing(96, 96, 0.95), Standing::Kept);
        assert_eq!(standing(92, 100, 0.95), Standing::Open);
        assert_eq!(standing(50, 100, 0.95), Standing::Broken);
        assert_eq!(standing(0, 0, 0.95), Standing::Open);
        assert_eq!(words(96, 96), "96 of 96 (100 %; 95 % interval 96.2 % to 100.0 %)");
    }
}
