//! Aggregations: many series into one per group.
//!
//! Those that compute one value per group are here; those that pick series (`topk`, `limitk` …) are in
//! [`pick`], `count_values` in [`count_values`].

mod count_values;
mod pick;
mod ratio;

use super::EvalError;
use super::ast::{Aggregate, AggregateOp, Node};
use super::eval::Evaluator;
use super::eval::block::{Block, Column, Row, is_present};
use super::eval::frame::Frame;
use super::eval::groups::{Groups, Key};
use super::functions::{Mean, kahan_add, quantile, warn_quantile};

/// Evaluates an aggregation over a frame.
pub(crate) fn eval(
    evaluator: &mut Evaluator<'_>,
    node: &Node,
    aggregate: &Aggregate,
    frame: Frame,
) -> Result<Block, EvalError> {
    if aggregate.op == AggregateOp::CountValues {
        return count_values::eval(evaluator, aggregate, frame);
    }
    let param = match &aggregate.param {
        Some(param) => evaluator.scalar(param, frame)?,
        None => Column::Constant(0.0),
    };
    let block = evaluator.vector(&aggregate.inner, frame)?;
    let group_of = group_rows(&block, aggregate, evaluator.delayed);
    match aggregate.op {
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
            pick::eval(evaluator, aggregate, &param, block, &group_of)
        }
        _ => {
            if aggregate.op == AggregateOp::Quantile {
                let at = aggregate.param.as_ref().map_or(node.span.start, |param| param.unwrapped().span.start);
                (0..frame.steps).for_each(|step| warn_quantile(evaluator, param.at(step), at));
            }
            fold(evaluator, aggregate, &param, &block, &group_of)
        }
    }
}

/// Which group each row belongs to, and how many groups there are.
pub(super) struct Grouping {
    pub(super) of_row: Vec<usize>,
    pub(super) count: usize,
    /// A row of each group.
    pub(super) first: Vec<usize>,
}

pub(super) fn key(aggregate: &Aggregate) -> Key<'_> {
    if aggregate.without { Key::Without(&aggregate.grouping) } else { Key::By(&aggregate.grouping) }
}

fn group_rows(block: &Block, aggregate: &Aggregate, delayed: bool) -> Grouping {
    if !aggregate.without && aggregate.grouping.is_empty() {
        let count = usize::from(!block.rows.is_empty());
        return Grouping { of_row: vec![0; block.rows.len()], count, first: vec![0; count] };
    }
    let mut groups = Groups::default();
    let (mut of_row, mut first) = (Vec::with_capacity(block.rows.len()), Vec::new());
    for (number, row) in block.rows.iter().enumerate() {
        let (group, new) = groups.find(key(aggregate), &row.labels, block.hides_name(number, delayed));
        if new {
            first.push(number);
        }
        of_row.push(group);
    }
    Grouping { of_row, count: groups.len(), first }
}

/// What is known of a group while its values come in.
#[derive(Debug, Clone, Default)]
struct State {
    seen: bool,
    count: f64,
    /// Sum, smallest or largest value, or sum of squared distances from the mean.
    total: f64,
    /// What the sum lost to rounding, or the mean for deviations.
    other: f64,
    mean: Mean,
    values: Vec<f64>,
}

impl State {
    fn reset(&mut self) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        *self = Self { values, ..Self::default() };
    }

    fn add(&mut self, op: AggregateOp, value: f64) {
        let first = !self.seen;
        self.seen = true;
        self.count += 1.0;
        match op {
            AggregateOp::Sum if first => self.total = value,
            AggregateOp::Sum => (self.total, self.other) = kahan_add(value, self.total, self.other),
            AggregateOp::Avg => self.mean.add(value),
            AggregateOp::Min if first || self.total > value || self.total.is_nan() => self.total = value,
            AggregateOp::Max if first || self.total < value || self.total.is_nan() => self.total = value,
            AggregateOp::Stddev | AggregateOp::Stdvar if first => {
                self.other = value;
                self.total = if value.is_finite() { 0.0 } else { f64::NAN };
            }
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                let distance = value - self.other;
                self.other += distance / self.count;
                self.total += distance * (value - self.other);
            }
            AggregateOp::Quantile => self.values.push(value),
            _ => {}
        }
    }

    fn result(&mut self, op: AggregateOp, param: f64) -> f64 {
        match op {
            AggregateOp::Sum => self.total + self.other,
            AggregateOp::Avg => self.mean.value(),
            AggregateOp::Count => self.count,
            AggregateOp::Group => 1.0,
            AggregateOp::Stdvar => self.total / self.count,
            AggregateOp::Stddev => (self.total / self.count).sqrt(),
            AggregateOp::Quantile => quantile(param, &mut self.values),
            _ => self.total,
        }
    }
}

fn fold(
    evaluator: &mut Evaluator<'_>,
    aggregate: &Aggregate,
    param: &Column,
    block: &Block,
    grouping: &Grouping,
) -> Result<Block, EvalError> {
    let mut result = Block::with_capacity(grouping.count, block.steps);
    for first in &grouping.first {
        let labels = key(aggregate).labels(&block.rows[*first].labels, block.hides_name(*first, evaluator.delayed));
        result.add(Row::new(labels));
    }
    let mut states = vec![State::default(); grouping.count];
    for step in 0..block.steps {
        evaluator.spend(block.rows.len())?;
        states.iter_mut().for_each(State::reset);
        for (row, group) in grouping.of_row.iter().enumerate() {
            let value = block.at(row, step);
            if is_present(value) {
                states[*group].add(aggregate.op, value);
                result.rows[*group].drop_name |= block.rows[row].drop_name;
            }
        }
        for (group, state) in states.iter_mut().enumerate().filter(|(_, state)| state.seen) {
            result.set(group, step, state.result(aggregate.op, param.at(step)));
        }
    }
    result.remove_empty_rows();
    // Without the name among the labels no two groups can differ in it alone.
    result.distinct = !result.rows.iter().any(|row| row.labels.metric_name().is_some());
    Ok(result)
}
