//! Selectors at a single time, which is what rules ask for.
//!
//! Nothing is copied out of the store that is not in the answer: values are read where they lie. Only where a window
//! reaches into compressed chunks, and its ends do not tell enough, its samples are unpacked, after the store was
//! left and into one list that all series share.

use super::block::{ABSENT, Block, Column, Row};
use super::frame::Frame;
use super::select::{Pick, names_one_metric, opened};
use super::{Evaluator, Timestamp, Window};
use crate::model::{Matcher, Sample, is_stale};
use crate::promql::EvalError;
use crate::promql::ast::Selector;
use crate::promql::functions::OverRange;
use crate::tsdb::{self, Packed};

impl Evaluator<'_> {
    /// The newest sample after `after` up to `until`, per series.
    pub(super) fn select_once(
        &mut self,
        matchers: &[Matcher],
        (after, until): (i64, i64),
        pick: Pick,
    ) -> Result<Block, EvalError> {
        let mut block = Block::new(1);
        block.distinct = names_one_metric(matchers);
        if until <= after {
            return Ok(block);
        }
        self.tsdb.scan(matchers, opened(after), Timestamp::from_millis(until), |window| {
            if let Some(sample) = window.latest().filter(|sample| !is_stale(sample.value)) {
                block.rows.push(Row::new(window.labels().clone()));
                block.values.push(pick.of(&sample));
            }
        });
        self.hold(block.rows.len())?;
        self.read(0, block.rows.len());
        Ok(block)
    }

    /// Whether [`Self::over_range_once`] will do.
    pub(super) fn is_once(&self, (selector, range): (&Selector, i64), frame: Frame, over: &OverRange) -> bool {
        let (start, end) = self.only_window(selector, range, frame);
        frame.steps == 1 && over.remark.is_none() && !self.lies_behind(&selector.matchers, start, end)
    }

    fn only_window(&self, selector: &Selector, range: i64, frame: Frame) -> (i64, i64) {
        let end = self.fixed_time(selector.at).unwrap_or(frame.start).saturating_sub(selector.offset);
        (end.saturating_sub(range), end)
    }

    /// Applies a function over a range to every series of a selector at the only time of `frame`.
    pub(super) fn over_range_once(
        &mut self,
        (selector, range): (&Selector, i64),
        columns: &[Column],
        frame: Frame,
        over: &OverRange,
    ) -> Result<Block, EvalError> {
        let (start, end) = self.only_window(selector, range, frame);
        let mut block = Block::new(1);
        block.distinct = names_one_metric(&selector.matchers);
        if end <= start {
            return Ok(block);
        }
        let params: Vec<f64> = columns.iter().map(|column| column.at(0)).collect();
        let mut once = Once { over, bounds: (start, end), now: frame.start, params, scratch: Vec::new() };
        let mut packed: Vec<(usize, Packed)> = Vec::new();
        let mut seen = 0;
        self.tsdb.scan(&selector.matchers, opened(start), Timestamp::from_millis(end), |window| {
            let value = match once.at_once(window, &mut seen) {
                Known::Value(Some(value)) => value,
                Known::Value(None) => return,
                Known::Later => {
                    packed.push((block.rows.len(), window.pack()));
                    ABSENT
                }
            };
            block.rows.push(Row::new(window.labels().clone()));
            block.values.push(value);
        });
        self.hold(seen)?;
        self.read(0, seen);
        if packed.is_empty() {
            return Ok(block);
        }
        let mut samples = Vec::new();
        for (row, packed) in packed {
            samples.clear();
            packed.read_into(&mut samples);
            self.hold(samples.len())?;
            samples.retain(|sample| !is_stale(sample.value));
            self.read(0, samples.len());
            block.values[row] = once.over_samples(&samples).unwrap_or(ABSENT);
        }
        block.remove_empty_rows();
        Ok(block)
    }
}

/// What a look at a series gave.
enum Known {
    Value(Option<f64>),
    /// Its samples have to be unpacked.
    Later,
}

/// A function over a range at one time.
struct Once<'a> {
    over: &'a OverRange,
    bounds: (i64, i64),
    now: i64,
    params: Vec<f64>,
    scratch: Vec<f64>,
}

impl Once<'_> {
    /// The number for one series, if it can be told without unpacking; adds to `seen` how many samples it is from.
    fn at_once(&mut self, window: &tsdb::Window<'_>, seen: &mut usize) -> Known {
        if let Some(from_ends) = self.over.from_ends
            && let Some(ends) = window.ends()
        {
            *seen += ends.count;
            return Known::Value(from_ends(&ends, self.bounds));
        }
        match window.samples() {
            // Markers have to be taken out first.
            Some(samples) if samples.iter().any(|sample| is_stale(sample.value)) => Known::Later,
            Some(samples) => {
                *seen += samples.len();
                Known::Value(self.over_samples(samples))
            }
            None => Known::Later,
        }
    }

    fn over_samples(&mut self, samples: &[Sample]) -> Option<f64> {
        if samples.is_empty() {
            return None;
        }
        let (start, end) = self.bounds;
        let window = Window { samples, start, end, now: self.now, params: &self.params };
        (self.over.body)(&window, &mut self.scratch)
    }
}
