//! Instant vector selectors: the newest sample within the look-back, per series and step.

use super::Evaluator;
use super::block::{ABSENT, Block, Row};
use super::frame::Frame;
use crate::model::labels::METRIC_NAME;
use crate::model::{MatchOp, Matcher, Sample, Timestamp, is_stale};
use crate::promql::EvalError;
use crate::promql::ast::{At, Selector};
use crate::tsdb::Series;

/// What of a sample goes into the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Its value.
    Value,
    /// Its time in seconds.
    Time,
}

impl Pick {
    pub(super) fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Value => sample.value,
            Self::Time => sample.at.seconds(),
        }
    }
}

/// Whether all series that satisfy the matchers have the same name.
pub(crate) fn names_one_metric(matchers: &[Matcher]) -> bool {
    matchers.iter().any(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)
}

impl Evaluator<'_> {
    /// The time that `@` fixes, if any.
    pub(crate) fn fixed_time(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Time(millis) => millis,
            At::Start => self.query.start,
            At::End => self.query.until,
        })
    }

    /// Fetches series with all samples after `after` up to `until`.
    pub(crate) fn fetch(&mut self, matchers: &[Matcher], after: i64, until: i64) -> Result<Vec<Series>, EvalError> {
        if until <= after {
            return Ok(Vec::new());
        }
        let from = Timestamp::from_millis(after.saturating_add(1));
        let series = self.tsdb.select(matchers, from, Timestamp::from_millis(until));
        self.hold(series.iter().map(|series| series.samples.len()).sum())?;
        Ok(series)
    }

    pub(crate) fn select(&mut self, selector: &Selector, frame: Frame) -> Result<Block, EvalError> {
        self.select_as(selector, frame, Pick::Value)
    }

    /// Evaluates an instant vector selector at every step.
    pub(crate) fn select_as(&mut self, selector: &Selector, frame: Frame, pick: Pick) -> Result<Block, EvalError> {
        if frame.steps == 0 {
            return Ok(Block::new(0));
        }
        let fixed = self.fixed_time(selector.at);
        let seen_from = |time: i64| fixed.unwrap_or(time).saturating_sub(selector.offset);
        let first = seen_from(frame.start).saturating_sub(self.lookback);
        if frame.steps == 1 {
            return self.select_once(&selector.matchers, (first, seen_from(frame.start)), pick);
        }
        let series = self.fetch(&selector.matchers, first, seen_from(frame.end()))?;
        self.hold(series.len().saturating_mul(frame.steps))?;
        let mut block = Block::with_capacity(series.len(), frame.steps);
        for series in series {
            self.spend(frame.steps)?;
            let start = block.values.len();
            let mut any = false;
            let mut read = 0;
            for step in 0..frame.steps {
                let until = seen_from(frame.time(step));
                let value = newest(&series.samples, &mut read, until, self.lookback);
                if value.is_some() {
                    any = true;
                    self.read(step, 1);
                }
                block.values.push(value.map_or(ABSENT, |sample| pick.of(sample)));
            }
            if any {
                block.rows.push(Row::new(series.labels));
            } else {
                block.values.truncate(start);
            }
        }
        block.distinct = names_one_metric(&selector.matchers);
        Ok(block)
    }
}

/// The newest sample up to `until` and after `until - lookback`, unless it is a staleness marker.
///
/// `read` counts the samples known to lie up to `until`; it only grows as the steps go on.
fn newest<'s>(samples: &'s [Sample], read: &mut usize, until: i64, lookback: i64) -> Option<&'s Sample> {
    while samples.get(*read).is_some_and(|sample| sample.at.millis() <= until) {
        *read += 1;
    }
    let sample = samples.get(read.checked_sub(1)?)?;
    let fresh = sample.at.millis() > until.saturating_sub(lookback);
    (fresh && !is_stale(sample.value)).then_some(sample)
}
