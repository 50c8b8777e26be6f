//! Aggregations that keep some series of each group as they are: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use super::{Grouping, ratio};
use crate::promql::EvalError;
use crate::promql::ast::{Aggregate, AggregateOp};
use crate::promql::display::number;
use crate::promql::eval::Evaluator;
use crate::promql::eval::block::{ABSENT, Block, Column, is_present};
use crate::promql::functions::compare_values;

/// Keeps the rows that the operator picks at each step.
pub(super) fn eval(
    evaluator: &mut Evaluator<'_>,
    aggregate: &Aggregate,
    param: &Column,
    block: Block,
    grouping: &Grouping,
) -> Result<Block, EvalError> {
    check(evaluator, aggregate, param, block.steps)?;
    let offsets = match aggregate.op {
        AggregateOp::LimitRatio => {
            (0..block.rows.len()).map(|row| ratio::offset(&block.seen_labels(row, evaluator.delayed))).collect()
        }
        _ => Vec::new(),
    };
    let mut picked =
        Block { values: vec![ABSENT; block.values.len()], rows: block.rows.clone(), ..Block::new(block.steps) };
    picked.distinct = block.distinct;
    let mut order = Vec::new();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); grouping.count];
    for step in 0..block.steps {
        evaluator.spend(block.rows.len())?;
        members.iter_mut().for_each(Vec::clear);
        for (row, group) in grouping.of_row.iter().enumerate() {
            if is_present(block.values[row * block.steps + step]) {
                members[*group].push(row);
            }
        }
        order.clear();
        for rows in &mut members {
            choose(aggregate.op, param.at(step), rows, (&block, step), &offsets);
            order.extend_from_slice(rows);
        }
        for row in &order {
            picked.set(*row, step, block.values[row * block.steps + step]);
        }
    }
    if block.steps == 1 {
        // At a single time the order of the answer is the order of the choice.
        let rows = order.iter().map(|row| block.rows[*row].clone()).collect();
        let values = order.iter().map(|row| block.values[*row]).collect();
        return Ok(Block { rows, values, steps: 1, distinct: block.distinct });
    }
    picked.remove_empty_rows();
    Ok(picked)
}

/// Cuts the members of a group down to the chosen ones, in order.
fn choose(op: AggregateOp, param: f64, rows: &mut Vec<usize>, (block, step): (&Block, usize), offsets: &[f64]) {
    if op == AggregateOp::LimitRatio {
        let ratio = param.clamp(-1.0, 1.0);
        rows.retain(|row| {
            let offset = offsets.get(*row).copied().unwrap_or(0.0);
            if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
        });
        return;
    }
    if op != AggregateOp::Limitk {
        let value = |row: usize| block.values[row * block.steps + step];
        // Of equal values those with the smaller labels win, so that a rule picks the same series every time.
        rows.sort_by(|a, b| {
            let labels = || block.rows[*a].labels.cmp(&block.rows[*b].labels);
            compare_values(value(*a), value(*b), op == AggregateOp::Topk).then_with(labels)
        });
    }
    // A float-to-integer cast saturates; less than one keeps nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    rows.truncate(param.max(0.0) as usize);
}

/// Refuses parameters that mean nothing and remarks those that are cut.
fn check(evaluator: &mut Evaluator<'_>, aggregate: &Aggregate, param: &Column, steps: usize) -> Result<(), EvalError> {
    let at = aggregate.param.as_ref().map_or(0, |param| param.unwrapped().span.start);
    let values = || (0..steps).map(|step| param.at(step));
    let fail = |message: String| Err(EvalError::Execution(message));
    if aggregate.op == AggregateOp::LimitRatio {
        if values().any(f64::is_nan) {
            return fail("Ratio value is NaN".to_owned());
        }
        for (extreme, cap) in [(values().fold(0.0, f64::max), 1.0_f64), (values().fold(0.0, f64::min), -1.0)] {
            if extreme.abs() > 1.0 {
                let message = format!(
                    "ratio value should be between -1 and 1, got {}, capping to {}",
                    number(extreme),
                    number(cap)
                );
                evaluator.notes.warn(evaluator.text, at, &message);
            }
        }
        return Ok(());
    }
    let most = values().filter(|value| !value.is_nan()).fold(f64::NEG_INFINITY, f64::max);
    let least = values().filter(|value| !value.is_nan()).fold(f64::INFINITY, f64::min);
    if most < 1.0 && !values().any(f64::is_nan) {
        return Ok(());
    }
    if values().any(f64::is_nan) {
        return fail("Parameter value is NaN".to_owned());
    }
    #[allow(clippy::cast_precision_loss)]
    if least <= i64::MIN as f64 {
        return fail(format!("Scalar value {} underflows int64", number(least)));
    }
    #[allow(clippy::cast_precision_loss)]
    if most >= i64::MAX as f64 {
        return fail(format!("Scalar value {} overflows int64", number(most)));
    }
    Ok(())
}
