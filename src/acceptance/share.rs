//! How a share of many stands to a promised one, and how a sentence tells it.

use super::confidence::wilson;

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
    } else if wilson(part, whole).1 < promised {
        Standing::Broken
    } else {
        Standing::Open
    }
}

/// As a sentence says it: `95 of 96 (98.96 %; 95 % interval 94.3 % to 99.8 %)`.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub(super) fn words(part: u64, whole: u64) -> String {
    let (low, high) = wilson(part, whole);
    let percent = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    let (low, high) = (100.0 * low, 100.0 * high);
    format!("{part} of {whole} ({percent:.4} %; 95 % interval {low:.1} % to {high:.1} %)").replace(".0000 %;", " %;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_below_the_promise_is_broken_only_if_it_cannot_be_chance() {
        assert_eq!(standing(96, 96, 0.95), Standing::Kept);
        assert_eq!(standing(92, 100, 0.95), Standing::Open);
        assert_eq!(standing(50, 100, 0.95), Standing::Broken);
        assert_eq!(standing(0, 0, 0.95), Standing::Open);
        assert_eq!(words(96, 96), "96 of 96 (100 %; 95 % interval 96.2 % to 100.0 %)");
    }
}
