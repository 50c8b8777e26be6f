//! The times at which an expression is evaluated: one for an instant, evenly spaced ones for a range.

/// Evenly spaced evaluation times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) steps: usize,
    /// End as asked for, which need not be one of the steps. Prometheus evaluates subqueries up to it, so what
    /// fails behind the last step fails here too.
    pub(crate) until: i64,
}

impl Frame {
    /// A single time.
    pub(crate) fn instant(at: i64) -> Self {
        Self { start: at, step: 0, steps: 1, until: at }
    }

    /// From `start` to at most `end`; no times at all if `end` lies before `start`.
    pub(crate) fn range(start: i64, end: i64, step: i64) -> Self {
        let steps = if end < start { 0 } else { (end.saturating_sub(start) / step.max(1)).saturating_add(1) };
        Self { start, step: step.max(1), steps: usize::try_from(steps).unwrap_or(usize::MAX), until: end }
    }

    /// The time of one step.
    pub(crate) fn time(&self, step: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(i64::try_from(step).unwrap_or(i64::MAX)))
    }

    /// The time of the last step.
    pub(crate) fn end(&self) -> i64 {
        self.time(self.steps.saturating_sub(1))
    }
}
