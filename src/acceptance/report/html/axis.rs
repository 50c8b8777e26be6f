//! Where values stand on an axis, and which of them are labelled.

/// A linear or logarithmic axis from a range of values to a range of pixels.
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    /// The logarithm; values are above zero.
    Log,
    /// The logarithm of one more, so that zero has a place.
    LogFromZero,
}

impl Axis {
    /// From `low` to `high`, evenly.
    pub(super) fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, from, to, kind: Kind::Linear }
    }

    /// From `low`, which is above zero, to `high`, by factors.
    pub(super) fn log(low: f64, high: f64, from: f64, to: f64) -> Self {
        let low = low.max(1e-9);
        Self { low, high: high.max(low * 1.01), from, to, kind: Kind::Log }
    }

    /// From zero; by factors if `high` is so high that little values would vanish.
    pub(super) fn counts(high: f64, from: f64, to: f64) -> Self {
        let kind = if high > 200.0 { Kind::LogFromZero } else { Kind::Linear };
        Self { low: 0.0, high: high.max(1.0), from, to, kind }
    }

    /// Whether equal distances are equal factors.
    pub(super) fn is_log(&self) -> bool {
        self.kind != Kind::Linear
    }

    /// The pixel of a value; values beyond the ends stand at the ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let scaled = |value: f64| match self.kind {
            Kind::Linear => value,
            Kind::Log => value.max(1e-12).ln(),
            Kind::LogFromZero => value.max(0.0).ln_1p(),
        };
        let (low, high) = (scaled(self.low), scaled(self.high));
        let part = ((scaled(value) - low) / (high - low)).clamp(0.0, 1.0);
        self.from + part * (self.to - self.from)
    }

    /// Round values to label, at most about `most`.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        match self.kind {
            Kind::Linear => every(round_step((self.high - self.low) / most.max(1) as f64), self.low, self.high),
            Kind::Log => {
                let dense = decades(self.low, self.high, &[1.0, 2.0, 5.0]);
                if dense.len() <= most { dense } else { decades(self.low, self.high, &[1.0]) }
            }
            // One lies on zero where there is much above it.
            Kind::LogFromZero => [vec![0.0], decades(10.0, self.high, &[1.0])].concat(),
        }
    }

    /// Like [`Axis::ticks`], for lengths of time in seconds: what clocks call round.
    pub(super) fn time_ticks(&self, most: usize) -> Vec<f64> {
        match self.kind {
            Kind::LogFromZero => {
                let round = [0.0, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 864_000.0];
                // One second lies on zero where hours are above it.
                round.into_iter().filter(|tick| *tick <= self.high && (*tick != 1.0 || self.high < 60.0)).collect()
            }
            _ => self.clock_ticks(most),
        }
    }

    /// Like [`Axis::ticks`], for seconds since a start: steps that clocks have.
    pub(super) fn clock_ticks(&self, most: usize) -> Vec<f64> {
        const STEPS: [f64; 18] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0,
            21600.0, 43200.0, 86400.0,
        ];
        let least = (self.high - self.low) / most.max(1) as f64;
        let step = STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(|| round_step(least));
        every(if self.high < 1.0 { round_step(least) } else { step }, self.low, self.high)
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-12).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * 0.999_999)
        .unwrap_or(10.0 * power)
}

fn every(step: f64, low: f64, high: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    (0..100).map(|n| (first + f64::from(n)) * step).take_while(|value| *value <= high * (1.0 + 1e-9)).collect()
}

fn decades(low: f64, high: f64, factors: &[f64]) -> Vec<f64> {
    let mut ticks = Vec::new();
    let mut power = 10_f64.powf(low.log10().floor());
    while power <= high && ticks.len() < 100 {
        ticks.extend(factors.iter().map(|factor| factor * power).filter(|tick| (low..=high).contains(tick)));
        power *= 10.0;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn ticks_are_round_and_stand_where_they_say() {
        let log = Axis::log(0.015, 2.5, 0.0, 100.0);
        assert!(close(&log.ticks(10), &[0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]), "{:?}", log.ticks(10));
        assert!((Axis::log(0.01, 1.0, 0.0, 100.0).at(0.1) - 50.0).abs() < 1e-9);
        let linear = Axis::linear(0.0, 1.0, 100.0, 0.0);
        assert!(close(&linear.ticks(2), &[0.0, 0.5, 1.0]) && (linear.at(0.25) - 75.0).abs() < 1e-9);
        assert!(close(
            &Axis::linear(0.0, 400.0, 0.0, 1.0).clock_ticks(8),
            &[0.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0]
        ));
        let counts = Axis::counts(1500.0, 100.0, 0.0);
        assert!(close(&counts.time_ticks(4), &[0.0, 10.0, 60.0, 600.0]));
        assert!(counts.is_log() && close(&counts.ticks(5), &[0.0, 10.0, 100.0, 1000.0]));
        assert!((counts.at(0.0) - 100.0).abs() < 1e-9 && !Axis::counts(9.0, 0.0, 1.0).is_log());
    }

    #[test]
    fn an_axis_without_extent_is_still_one() {
        for axis in [Axis::linear(0.0, 0.0, 0.0, 9.0), Axis::log(0.0, 0.0, 0.0, 9.0), Axis::counts(0.0, 0.0, 9.0)] {
            assert!(
                (0.0..=9.0).contains(&axis.at(5.0)) && axis.ticks(5).len() < 100 && axis.clock_ticks(5).len() <= 100
            );
        }
    }
}
