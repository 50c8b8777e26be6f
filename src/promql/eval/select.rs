//! Instant vector selectors: the newest sample within the look-back, per series and step.

use super::Evaluator;
use super::block::{ABSENT, Block, Row};
use super::frame::Frame;
use crate::model::labels::METRIC_NAME;
use crate::model::{MatchOp, Matcher, Sample, Timestamp, is_stale};
use crate::promql::EvalError;
use crate::promql::ast::{At, Selector};
use crate::tsdb::Selection;

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

    /// The series that satisfy the matchers, with all samples after `after` up to `until`.
    pub(crate) fn open(&self, matchers: &[Matcher], after: i64, until: i64) -> Option<Selection> {
        (until > after).then(|| self.tsdb.open(matchers, opened(after), Timestamp::from_millis(until)))
    }

    /// Whether a single time has to be evaluated as many are, because the file has to be read.
    pub(super) fn lies_behind(&self, matchers: &[Matcher], after: i64, until: i64) -> bool {
        until > after && self.tsdb.lies_behind(matchers, opened(after), Timestamp::from_millis(until))
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
        let last = seen_from(frame.end());
        if frame.steps == 1 && !self.lies_behind(&selector.matchers, first, last) {
            return self.select_once(&selector.matchers, (first, last), pick);
        }
        let mut block = Block::new(frame.steps);
        block.distinct = names_one_metric(&selector.matchers);
        let Some(mut selection) = self.open(&selector.matchers, first, last) else { return Ok(block) };
        self.hold(selection.len().saturating_mul(frame.steps))?;
        block.reserve(selection.len());
        let mut samples = Vec::new();
        while let Some(labels) = selection.next_into(&mut samples) {
            self.hold_for_now(samples.len())?;
            let start = block.values.len();
            let mut any = false;
            let mut read = 0;
            for step in 0..frame.steps {
                let until = seen_from(frame.time(step));
                let value = newest(&samples, &mut read, until, self.lookback);
                if value.is_some() {
                    any = true;
                    self.read(step, 1);
                }
                block.values.push(value.map_or(ABSENT, |sample| pick.of(sample)));
            }
            if any {
                block.rows.push(Row::new(labels));
            } else {
                block.values.truncate(start);
            }
        }
        Ok(block)
    }
}

/// The first millisecond of a window that is open on the left.
pub(super) fn opened(start: i64) -> Timestamp {
    Timestamp::from_millis(start.saturating_add(1))
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
