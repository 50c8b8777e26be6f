//! Two measurements of one thing: what of them can be compared, and whether they differ.

use serde::{Deserialize, Serialize};

use super::super::super::confidence::{bounded, wilson};
use super::super::words::TOLD;
use super::super::{Distribution, FigureValue};

/// Fewer times than these are of one moment, such as one turn of the worker, and vary more than their interval says.
const LEAST_SAMPLES: u64 = 20;
/// How far a single number is taken to vary from run to run.
const TOLERANCE: f64 = 0.1;
/// Quantiles that differ by less are the same, whatever their intervals say.
const LEAST_PART: f64 = 0.05;
/// Times that differ by less are the same, in seconds.
const LEAST_SECONDS: f64 = 0.001;

/// A value and between what it lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Likely not below this.
    pub low: f64,
    /// Likely not above this.
    pub high: f64,
    /// How many samples it rests on.
    pub samples: u64,
}

/// What of two values can be compared, by name; or why nothing.
pub(super) fn pairs(old: &FigureValue, new: &FigureValue) -> Result<Vec<(&'static str, Estimate, Estimate)>, String> {
    match (old, new) {
        (FigureValue::Number(old), FigureValue::Number(new)) => Ok(vec![("value", number(*old), number(*new))]),
        (FigureValue::Share { part: a, whole: m }, FigureValue::Share { part: b, whole: n }) if *m > 0 && *n > 0 => {
            Ok(vec![("share", share(*a, *m), share(*b, *n))])
        }
        (FigureValue::Distribution(old), FigureValue::Distribution(new)) => {
            let both = |(q, name): (f64, &'static str)| Some((name, quantile(old, q)?, quantile(new, q)?));
            let pairs: Vec<_> = TOLD.into_iter().filter_map(both).collect();
            if pairs.is_empty() {
                Err(format!("{} samples then and {} now are too few", old.count, new.count))
            } else {
                Ok(pairs)
            }
        }
        (FigureValue::Share { whole: m, .. }, FigureValue::Share { whole: n, .. }) => {
            Err(format!("{m} samples then and {n} now are too few"))
        }
        _ => Err("it was measured as something else".into()),
    }
}

/// Whether the new one is more (`true`) or less than the old one, beyond noise.
pub(super) fn difference(old: &Estimate, new: &Estimate, unit: &str) -> Option<bool> {
    let apart = new.low > old.high || new.high < old.low;
    let by = (new.value - old.value).abs();
    let enough = unit != "seconds" || by >= LEAST_SECONDS;
    // Near a share's ends a small part of the whole is much, so that this is asked of other values only.
    let felt = unit == "ratio" || by >= LEAST_PART * old.value.abs().max(new.value.abs());
    (apart && enough && felt).then_some(new.value > old.value)
}

fn number(value: f64) -> Estimate {
    let room = TOLERANCE * value.abs();
    Estimate { value, low: value - room, high: value + room, samples: 1 }
}

#[allow(clippy::cast_precision_loss)]
fn share(part: u64, whole: u64) -> Estimate {
    let (low, high) = wilson(part, whole);
    Estimate { value: part as f64 / whole as f64, low, high, samples: whole }
}

/// Only where the samples bound it.
fn quantile(all: &Distribution, q: f64) -> Option<Estimate> {
    let kept = all.quantiles.iter().find(|kept| (kept.q - q).abs() < 1e-9)?;
    (all.count >= LEAST_SAMPLES && bounded(q, all.count)).then_some(Estimate {
        value: kept.value,
        low: kept.low,
        high: kept.high,
        samples: all.count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_differ_beyond_their_tolerance_and_from_zero_at_once() {
        let differ = |old, new| difference(&number(old), &number(new), "rows");
        assert_eq!(differ(10.0, 11.0), None);
        assert_eq!(differ(10.0, 13.0), Some(true));
        assert_eq!(differ(13.0, 10.0), Some(false));
        assert_eq!(differ(0.0, 1.0), Some(true));
        assert_eq!(differ(0.0, 0.0), None);
        assert_eq!(difference(&number(0.000_1), &number(0.000_9), "seconds"), None, "below a millisecond");
    }

    #[test]
    fn a_handful_of_times_is_not_compared() {
        let times = |count| FigureValue::Distribution(Distribution::of_times(vec![Duration::from_millis(9); count]));
        assert_eq!(pairs(&times(6), &times(400)), Err("6 samples then and 400 now are too few".into()));
        assert_eq!(pairs(&times(20), &times(400)).map(|pairs| pairs.len()), Ok(1), "the median alone");
    }

    #[test]
    fn shares_need_samples_to_differ() {
        let differ = |a, m, b, n| difference(&share(a, m), &share(b, n), "ratio");
        assert_eq!(differ(10, 10, 9, 10), None);
        assert_eq!(differ(10_000, 10_000, 9_900, 10_000), Some(false));
        assert_eq!(differ(900, 1000, 990, 1000), Some(true));
    }
}
