//! Range vectors: series with samples, and the window of them that each step looks at.
//!
//! A window is open on the left, as in Prometheus 3: a sample exactly `range` before its end is outside.

use std::ops::Range;

use super::block::{Row, is_present};
use super::frame::Frame;
use super::select::names_one_metric;
use super::{Evaluator, Timestamp, not_a_vector};
use crate::model::{Sample, is_stale};
use crate::promql::EvalError;
use crate::promql::ast::{Kind, Node, Subquery};
use crate::tsdb::Series;

/// A series of a range vector; staleness markers are left out.
pub(crate) struct RangeSeries {
    pub(crate) row: Row,
    pub(crate) samples: Vec<Sample>,
}

/// A range vector for all steps of a frame.
pub(crate) struct RangeVector {
    pub(crate) series: Vec<RangeSeries>,
    /// Length of the window in milliseconds.
    pub(crate) range: i64,
    offset: i64,
    fixed: Option<i64>,
    /// See [`Block::distinct`](super::block::Block::distinct).
    pub(crate) distinct: bool,
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

    /// The steps at which some series has a sample in its window: only there does a function see its parameters.
    pub(crate) fn steps_with_samples(&self, frame: Frame) -> impl Iterator<Item = usize> {
        (0..frame.steps).filter(move |step| {
            let (start, end) = self.bounds(frame.time(*step));
            self.series.iter().any(|series| {
                let after = series.samples.partition_point(|sample| sample.at.millis() <= start);
                series.samples.get(after).is_some_and(|sample| sample.at.millis() <= end)
            })
        })
    }
}

impl Evaluator<'_> {
    /// Evaluates a range vector selector or a subquery for all steps of a frame.
    pub(crate) fn range_vector(&mut self, node: &Node, frame: Frame) -> Result<RangeVector, EvalError> {
        match &node.unwrapped().kind {
            Kind::Range(selector, range) => {
                let mut vector = RangeVector {
                    series: Vec::new(),
                    range: *range,
                    offset: selector.offset,
                    fixed: self.fixed_time(selector.at),
                    distinct: names_one_metric(&selector.matchers),
                };
                let (after, until) = (vector.bounds(frame.start).0, vector.bounds(frame.end()).1);
                let fetched = self.fetch(&selector.matchers, after, until)?;
                vector.series = fetched.into_iter().map(without_markers).collect();
                Ok(vector)
            }
            Kind::Subquery(subquery) => self.subquery(subquery, frame),
            _ => Err(not_a_vector(node)),
        }
    }

    fn subquery(&mut self, subquery: &Subquery, frame: Frame) -> Result<RangeVector, EvalError> {
        let mut vector = RangeVector {
            series: Vec::new(),
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
        for (number, row) in block.rows.iter().enumerate() {
            self.spend(inner.steps)?;
            let present = block.row_values(number).iter().enumerate().filter(|(_, value)| is_present(**value));
            let samples: Vec<Sample> = present
                .map(|(step, value)| Sample { at: Timestamp::from_millis(inner.time(step)), value: *value })
                .collect();
            if !samples.is_empty() {
                vector.series.push(RangeSeries { row: row.clone(), samples });
            }
        }
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
        let vector = self.range_vector(node, frame)?;
        let (start, end) = vector.bounds(frame.start);
        let mut result = Vec::with_capacity(vector.series.len());
        for RangeSeries { row, samples } in vector.series {
            let samples = Cursor::default().advance(&samples, start, end).to_vec();
            if !samples.is_empty() {
                self.read(0, samples.len());
                result.push(Series { labels: row.into_labels(), samples });
            }
        }
        Ok(result)
    }
}

fn without_markers(series: Series) -> RangeSeries {
    let mut samples = series.samples;
    if samples.iter().any(|sample| is_stale(sample.value)) {
        samples.retain(|sample| !is_stale(sample.value));
    }
    RangeSeries { row: Row::new(series.labels), samples }
}
