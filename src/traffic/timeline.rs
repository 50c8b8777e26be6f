//! What happened when, in a bounded number of points: when all are used, neighbours are joined and each point stands
//! for twice the time. A run of an hour and one of a week take the same memory.

use std::time::Duration as StdDuration;

/// Points of one timeline at most.
const MOST: usize = 600;
/// What the first points stand for.
const FIRST_WIDTH: StdDuration = StdDuration::from_secs(1);

/// Something that two neighbouring points can be joined into.
pub(super) trait Join: Default {
    /// Takes in a later neighbour.
    fn join(&mut self, later: Self);
}

/// Points of equal width from the beginning on.
#[derive(Debug, Clone)]
pub(super) struct Timeline<P> {
    width: StdDuration,
    points: Vec<P>,
}

impl<P: Join> Timeline<P> {
    pub(super) fn new() -> Self {
        Self { width: FIRST_WIDTH, points: Vec::new() }
    }

    /// The point to which this time since the beginning belongs.
    pub(super) fn at(&mut self, when: StdDuration) -> &mut P {
        let mut place = self.place(when);
        while place >= MOST {
            let old = std::mem::take(&mut self.points);
            let mut old = old.into_iter();
            while let Some(mut first) = old.next() {
                old.next().into_iter().for_each(|second| first.join(second));
                self.points.push(first);
            }
            self.width *= 2;
            place = self.place(when);
        }
        if self.points.len() <= place {
            self.points.resize_with(place + 1, P::default);
        }
        &mut self.points[place]
    }

    fn place(&self, when: StdDuration) -> usize {
        usize::try_from(when.as_millis() / self.width.as_millis().max(1)).unwrap_or(usize::MAX)
    }

    /// What one point stands for.
    pub(super) fn width(&self) -> StdDuration {
        self.width
    }

    /// All points, the first first.
    pub(super) fn points(&self) -> &[P] {
        &self.points
    }
}

/// Times in buckets that are an eighth of their size wide at most: little enough to have one for each point.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch(Vec<u32>);

const BUCKETS: usize = 256;

impl Sketch {
    pub(super) fn record(&mut self, micros: u64) {
        if self.0.is_empty() {
            self.0 = vec![0; BUCKETS];
        }
        if let Some(count) = self.0.get_mut(bucket(micros)) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
        } else {
            self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count = count.saturating_add(*more));
        }
    }

    /// The value, in microseconds, below which this share of the values lies; `None` of none.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let total: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let wanted = ((total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        let place = self.0.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        let (octave, part) = (place / 8, place % 8);
        // The middle of the bucket.
        Some((8.0 + part as f64 + 0.5) * 2_f64.powi(octave as i32 - 3))
    }
}

fn bucket(micros: u64) -> usize {
    let value = micros.clamp(8, u64::from(u32::MAX));
    let octave = value.ilog2();
    let part = (value >> (octave - 3)) & 7;
    usize::try_from(u64::from(octave) * 8 + part).unwrap_or(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(u64);

    impl Join for Count {
        fn join(&mut self, later: Self) {
            self.0 += later.0;
        }
    }

    #[test]
    fn a_week_takes_no_more_points_than_ten_minutes_and_loses_nothing() {
        let mut timeline = Timeline::<Count>::new();
        for second in 0..7 * 86_400 {
            timeline.at(StdDuration::from_secs(second)).0 += 1;
        }
        assert!(timeline.points().len() <= MOST && timeline.points().len() > MOST / 3);
        assert_eq!(timeline.points().iter().map(|count| count.0).sum::<u64>(), 7 * 86_400);
        assert_eq!(timeline.width(), StdDuration::from_secs(1024));
        assert!(timeline.points()[..400].iter().all(|count| count.0 == 1024));
    }

    #[test]
    fn a_sketch_knows_quantiles_to_an_eighth() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        (1..=1000).for_each(|value| sketch.record(value * 100));
        let mut other = Sketch::default();
        other.record(3_000_000_000);
        sketch.join(&other);
        for (q, value) in [(0.5, 50_000.0), (0.99, 99_000.0), (1.0, 3e9)] {
            let found = sketch.quantile(q).unwrap();
            assert!((found / value - 1.0).abs() < 0.13, "{q}: {found}");
        }
    }
}
