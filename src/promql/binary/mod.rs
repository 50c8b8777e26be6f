//! Binary operators: between scalars, between a vector and a scalar, between vectors.

mod matching;
mod sets;

use super::EvalError;
use super::ast::{Binary, BinaryOp, Node};
use super::eval::Evaluator;
use super::eval::block::{ABSENT, Block, Column, Output, is_present};
use super::eval::frame::Frame;

/// Evaluates a binary expression over a frame.
pub(crate) fn eval(
    evaluator: &mut Evaluator<'_>,
    node: &Node,
    binary: &Binary,
    frame: Frame,
) -> Result<Output, EvalError> {
    let left = evaluator.eval(&binary.left, frame)?;
    let right = evaluator.eval(&binary.right, frame)?;
    match (left, right) {
        (Output::Scalar(left), Output::Scalar(right)) => Ok(Output::Scalar(scalars(binary.op, &left, &right, frame))),
        (Output::Vector(block), Output::Scalar(scalar)) => with_scalar(evaluator, binary, block, &scalar, false),
        (Output::Scalar(scalar), Output::Vector(block)) => with_scalar(evaluator, binary, block, &scalar, true),
        (Output::Vector(left), Output::Vector(right)) => {
            evaluator.spend(left.values.len() + right.values.len())?;
            let block = if binary.op.is_set() {
                sets::eval(binary, left, right, evaluator.delayed)?
            } else {
                matching::eval(evaluator, binary, &left, &right)?
            };
            Ok(Output::Vector(block))
        }
        _ => Err(EvalError::Execution(format!(
            "operator {:?} not allowed at byte {}",
            binary.op.text(),
            node.span.start
        ))),
    }
}

/// The result of arithmetic, or the left value for a comparison.
pub(super) fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => left,
    }
}

/// Whether a comparison holds; arithmetic always does.
#[allow(clippy::float_cmp)]
pub(super) fn holds(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Greater => left > right,
        BinaryOp::Less => left < right,
        BinaryOp::GreaterEqual => left >= right,
        BinaryOp::LessEqual => left <= right,
        _ => true,
    }
}

fn scalars(op: BinaryOp, left: &Column, right: &Column, frame: Frame) -> Column {
    let compute = |left: f64, right: f64| {
        if op.is_comparison() { f64::from(u8::from(holds(op, left, right))) } else { arithmetic(op, left, right) }
    };
    match (left, right) {
        (Column::Constant(left), Column::Constant(right)) => Column::Constant(compute(*left, *right)),
        _ => Column::Steps((0..frame.steps).map(|step| compute(left.at(step), right.at(step))).collect()),
    }
}

/// Between every element of a vector and a scalar; `swapped` if the scalar stands on the left.
fn with_scalar(
    evaluator: &mut Evaluator<'_>,
    binary: &Binary,
    mut block: Block,
    scalar: &Column,
    swapped: bool,
) -> Result<Output, EvalError> {
    evaluator.spend(block.values.len())?;
    let op = binary.op;
    let steps = block.steps.max(1);
    for (i, value) in block.values.iter_mut().enumerate() {
        if !is_present(*value) {
            continue;
        }
        let other = scalar.at(i % steps);
        let (left, right) = if swapped { (other, *value) } else { (*value, other) };
        if binary.returns_bool {
            *value = f64::from(u8::from(holds(op, left, right)));
        } else if op.is_comparison() {
            // What stays is the vector's value, on whichever side it stands.
            if !holds(op, left, right) {
                *value = ABSENT;
            }
        } else {
            *value = arithmetic(op, left, right);
        }
    }
    if op.is_comparison() && !binary.returns_bool {
        block.remove_empty_rows();
        return Ok(Output::Vector(block));
    }
    block.drop_names(evaluator.delayed).map(Output::Vector)
}
