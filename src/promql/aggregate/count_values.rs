//! `count_values`: how often each value occurs, the value in a label.

use super::key;
use crate::model::number;
use crate::promql::EvalError;
use crate::promql::ast::{Aggregate, Kind};
use crate::promql::eval::block::{Block, Row, is_present};
use crate::promql::eval::frame::Frame;
use crate::promql::eval::{Collector, Evaluator};

pub(super) fn eval(evaluator: &mut Evaluator<'_>, aggregate: &Aggregate, frame: Frame) -> Result<Block, EvalError> {
    let label = match aggregate.param.as_ref().map(|param| &param.unwrapped().kind) {
        Some(Kind::String(label)) if !label.is_empty() => label.clone(),
        _ => return Err(EvalError::Execution("invalid label name \"\"".to_owned())),
    };
    let mut with_value = aggregate.clone();
    if !aggregate.without && !with_value.grouping.contains(&label) {
        with_value.grouping.push(label.clone());
        with_value.grouping.sort();
    }
    let block = evaluator.vector(&aggregate.inner, frame)?;
    let mut result = Collector::new(frame.steps);
    for row in 0..block.rows.len() {
        evaluator.spend(frame.steps)?;
        let seen = block.seen_labels(row, evaluator.delayed);
        for step in 0..frame.steps {
            let value = block.at(row, step);
            if !is_present(value) {
                continue;
            }
            let labels = key(&with_value).labels(&seen.with(&label, &number::plain(value)), false);
            result.increment(evaluator, Row::new(labels), step)?;
        }
    }
    Ok(result.into_block())
}
