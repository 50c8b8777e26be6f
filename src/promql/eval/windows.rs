//! Range vectors: series with samples, and the window of them that each step looks at.
//!
//! A window is open on the left, as in Prometheus 3: a sample exactly `range` before its end is outside.

use std::ops::Range;

use super::block::{Block, Row, is_present};
use super::frame::Frame;
use super::select::names_one_metric;
use super::{Evaluator, Timestamp, not_a_vector};
use crate::model::Sample;
use crate::promql::EvalError;
use crate::promql::ast::{Kind, Node, Subquery};
use crate::tsdb::{Selection, Series};

/// A range vector for all steps of a frame; its series come one after another.
pub(crate) struct RangeVector {
    source: Source,
    /// Length of the window in milliseconds.
    pub(crate) range: i64,
    offset: i64,
    fixed: Option<i64>,
    /// See [`Block::distinct`](super::block::Block::distinct).
    pub(crate) distinct: bool,
}

/// Where the samples come from.
enum Source {
    Nothing,
    Stored(Selection),
    /// The values of a subquery, and how many of its rows are done.
    Computed(Block, Frame, usize),
}

/// What a function over a range looks at: one series at one step.
pub(crate) struct Window<'a> {
    /// The samples in the window; never empty.
    pub(crate) samples: &'a [Sample],
    /// Start of the window in milliseconds, itself outside.
    pub(crate) start: i64,
    /// End of the window.
    pub(crate) end: i64,
    /// The time of the step, which `offset` and `@` do not move.
    pub(crate) now: i64,
    /// The function's scalar arguments.
    pub(crate) params: &'a [f64],
}

/// Bounds of the current window in a series' samples; both only grow.
#[derive(Debug, Default)]
pub(crate) struct Cursor(Range<usize>);

impl Cursor {
    /// Moves on to the samples after `start` up to `end`.
    pub(crate) fn advance<'s>(&mut self, samples: &'s [Sample], start: i64, end: i64) -> &'s [Sample] {
        let Range { start: low, end: high } = &mut self.0;
        while samples.get(*high).is_some_and(|sample| sample.at.millis() <= end) {
            *high += 1;
        }
        while *low < *high && samples.get(*low).is_some_and(|sample| sample.at.millis() <= start) {
            *low += 1;
        }
        samples.get(self.0.clone()).unwrap_or_default()
    }
}

impl RangeVector {
    /// Start (outside) and end of the window at a step.
    pub(crate) fn bounds(&self, time: i64) -> (i64, i64) {
        let end = self.fixed.unwrap_or(time).saturating_sub(self.offset);
        (end.saturating_sub(self.range), end)
    }

    /// At most so many series are still to come.
    pub(crate) fn len(&self) -> usize {
        match &self.source {
            Source::Nothing => 0,
            Source::Stored(selection) => selection.len(),
            Source::Computed(block, _, done) => block.rows.len().saturating_sub(*done),
        }
    }

    /// The next series with samples, and these, without staleness markers, in place of what `samples` holds.
    ///
    /// # Errors
    /// They are more than the query may hold.
    pub(crate) fn next_into(
        &mut self,
        evaluator: &mut Evaluator<'_>,
        samples: &mut Vec<Sample>,
    ) -> Result<Option<Row>, EvalError> {
        loop {
            samples.clear();
            let row = match &mut self.source {
                Source::Nothing => None,
                Source::Stored(selection) => selection.next_into(samples).map(Row::new),
                Source::Computed(block, frame, done) => {
                    let row = block.rows.get(*done).cloned();
                    if row.is_some() {
                        let values = block.row_values(*done).iter().enumerate();
                        let at = |step| Timestamp::from_millis(frame.time(step));
                        samples.extend(values.map(|(step, value)| Sample { at: at(step), value: *value }));
                        *done += 1;
                    }
                    row
                }
            };
            evaluator.hold_for_now(samples.len())?;
            // What a subquery lacks at a step is marked like what has ended.
            samples.retain(|sample| is_present(sample.value));
            if row.is_none() || !samples.is_empty() {
                return Ok(row);
            }
        }
    }
}

impl Evaluator<'_> {
    /// Evaluates a range vector selector or a subquery for all steps of a frame.
    pub(crate) fn range_vector(&mut self, node: &Node, frame: Frame) -> Result<RangeVector, EvalError> {
        match &node.unwrapped().kind {
            Kind::Range(selector, range) => {
                let mut vector = RangeVector {
                    source: Source::Nothing,
                    range: *range,
                    offset: selector.offset,
                    fixed: self.fixed_time(selector.at),
                    distinct: names_one_metric(&selector.matchers),
                };
                let (after, until) = (vector.bounds(frame.start).0, vector.bounds(frame.end()).1);
                if let Some(selection) = self.open(&selector.matchers, after, until) {
                    vector.source = Source::Stored(selection);
                }
                Ok(vector)
            }
            Kind::Subquery(subquery) => self.subquery(subquery, frame),
            _ => Err(not_a_vector(node)),
        }
    }

    fn subquery(&mut self, subquery: &Subquery, frame: Frame) -> Result<RangeVector, EvalError> {
        let mut vector = RangeVector {
            source: Source::Nothing,
            range: subquery.range,
            offset: subquery.offset,
            fixed: self.fixed_time(subquery.at),
            distinct: true,
        };
        let (after, until) = (vector.bounds(frame.start).0, vector.bounds(frame.until).1);
        let step = subquery.step.unwrap_or(self.subquery_interval);
        // The steps of a subquery are multiples of its interval, wherever the outer steps lie.
        let first = step.saturating_mul(after.div_euclid(step).saturating_add(1));
        let inner = Frame::range(first, until, step);
        self.hold(inner.steps)?;
        if inner.steps == 0 {
            return Ok(vector);
        }
        let block = self.within_subquery(|evaluator| evaluator.vector(&subquery.inner, inner))?;
        vector.distinct = block.distinct;
        vector.source = Source::Computed(block, inner, 0);
        Ok(vector)
    }

    fn within_subquery<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let outside = std::mem::replace(&mut self.within_subquery, true);
        let done = work(self);
        self.within_subquery = outside;
        done
    }

    /// The value of a whole query that is a range vector.
    pub(crate) fn range_value(&mut self, node: &Node, frame: Frame) -> Result<Vec<Series>, EvalError> {
        let mut vector = self.range_vector(node, frame)?;
        let (start, end) = vector.bounds(frame.start);
        let (mut result, mut samples) = (Vec::new(), Vec::new());
        while let Some(row) = vector.next_into(self, &mut samples)? {
            let samples = Cursor::default().advance(&samples, start, end).to_vec();
            if !samples.is_empty() {
                self.hold(samples.len())?;
                self.read(0, samples.len());
                result.push(Series { labels: row.into_labels(), samples });
            }
        }
        Ok(result)
    }
}
