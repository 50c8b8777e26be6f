//! Whether there is something at all, and the ways between scalars and vectors.

use crate::model::labels::METRIC_NAME;
use crate::model::{Labels, MatchOp, Matcher};
use crate::promql::EvalError;
use crate::promql::ast::{Kind, Node};
use crate::promql::eval::block::{ABSENT, Block, Column, Output, Row, is_present};
use crate::promql::eval::frame::Frame;
use crate::promql::eval::{Call, Cursor, Evaluator, Pick};

/// The labels that an absent vector would surely have: those that the selector compares once, for equality.
fn labels_of_absent(arg: Option<&Node>) -> Labels {
    let matchers: &[Matcher] = match arg.map(|arg| &arg.kind) {
        Some(Kind::Selector(selector) | Kind::Range(selector, _)) => &selector.matchers,
        _ => &[],
    };
    let once = |m: &&Matcher| matchers.iter().filter(|other| other.name() == m.name()).count() == 1;
    matchers
        .iter()
        .filter(|m| m.op() == MatchOp::Equal && m.name() != METRIC_NAME)
        .filter(once)
        .map(|m| (m.name(), m.value()))
        .collect()
}

fn single_row(labels: Labels, values: Vec<f64>) -> Output {
    let mut block = Block::new(values.len());
    if values.iter().any(|value| is_present(*value)) {
        block.rows.push(Row::new(labels));
        block.values = values;
    }
    Output::Vector(block)
}

pub(super) fn absent(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let block = evaluator.argument(call, 0, frame)?;
    let mut values = vec![1.0; frame.steps];
    for row in 0..block.rows.len() {
        for (absent, value) in values.iter_mut().zip(block.row_values(row)) {
            if is_present(*value) {
                *absent = ABSENT;
            }
        }
    }
    Ok(single_row(labels_of_absent(call.arg(0)), values))
}

pub(super) fn absent_over_time(
    evaluator: &mut Evaluator<'_>,
    call: &Call<'_>,
    frame: Frame,
) -> Result<Output, EvalError> {
    let mut values = vec![1.0; frame.steps];
    if let Some(arg) = call.arg(0) {
        let mut vector = evaluator.range_vector(arg, frame)?;
        let mut samples = Vec::new();
        while vector.next_into(evaluator, &mut samples)?.is_some() {
            let mut cursor = Cursor::default();
            evaluator.spend(frame.steps)?;
            for (step, absent) in values.iter_mut().enumerate() {
                let (start, end) = vector.bounds(frame.time(step));
                if !cursor.advance(&samples, start, end).is_empty() {
                    *absent = ABSENT;
                }
            }
        }
    }
    Ok(single_row(labels_of_absent(call.arg(0)), values))
}

/// The value of the only element; NaN if there are none or several.
pub(super) fn scalar(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let block = evaluator.argument(call, 0, frame)?;
    let only = |step: usize| {
        let mut present = (0..block.rows.len()).map(|row| block.at(row, step)).filter(|value| is_present(*value));
        match (present.next(), present.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    Ok(Output::Scalar(Column::Steps((0..frame.steps).map(only).collect())))
}

pub(super) fn vector(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let Some(arg) = call.args.first() else { return Ok(Output::Vector(Block::new(frame.steps))) };
    let column = evaluator.scalar(arg, frame)?;
    let values = (0..frame.steps).map(|step| column.at(step)).collect();
    Ok(single_row(Labels::empty(), values))
}

/// When the samples of a selector were taken; the evaluation time for anything computed.
pub(super) fn timestamp(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    if let Some(Kind::Selector(selector)) = call.arg(0).map(|arg| &arg.kind) {
        let block = evaluator.select_as(selector, frame, Pick::Time)?;
        return block.drop_names(evaluator.delayed).map(Output::Vector);
    }
    let mut block = evaluator.argument(call, 0, frame)?;
    for row in 0..block.rows.len() {
        for step in 0..frame.steps {
            if is_present(block.at(row, step)) {
                #[allow(clippy::cast_precision_loss)]
                block.set(row, step, frame.time(step) as f64 / 1000.0);
            }
        }
    }
    block.drop_names(evaluator.delayed).map(Output::Vector)
}
