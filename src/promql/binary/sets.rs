//! `and`, `or`, `unless`: which elements stay, judged by whether the other side has their match group.

use super::super::ast::{Binary, BinaryOp};
use super::super::eval::block::{ABSENT, Block, is_present};
use super::super::eval::groups::Groups;
use super::matching::key;
use crate::promql::EvalError;

/// Numbers the match group of every row of both sides; answers also how many there are.
pub(super) fn match_groups(
    binary: &Binary,
    left: &Block,
    right: &Block,
    delayed: bool,
) -> (Vec<usize>, Vec<usize>, usize) {
    let mut groups = Groups::default();
    let key = key(&binary.matching);
    let mut number = |block: &Block| -> Vec<usize> {
        block
            .rows
            .iter()
            .enumerate()
            .map(|(i, row)| groups.find(key, &row.labels, block.hides_name(i, delayed)).0)
            .collect()
    };
    let (left, right) = (number(left), number(right));
    (left, right, groups.len())
}

/// Evaluates a set operator.
pub(super) fn eval(binary: &Binary, mut left: Block, mut right: Block, delayed: bool) -> Result<Block, EvalError> {
    if binary.op == BinaryOp::Or && (left.rows.is_empty() || right.rows.is_empty()) {
        return Ok(if left.rows.is_empty() { right } else { left });
    }
    let (left_groups, right_groups, count) = match_groups(binary, &left, &right, delayed);
    let is_or = binary.op == BinaryOp::Or;
    // The side that decides, and the side whose elements it keeps or removes.
    let (deciding, deciding_groups, judged, judged_groups) = if is_or {
        (&left, &left_groups, &mut right, &right_groups)
    } else {
        (&right, &right_groups, &mut left, &left_groups)
    };
    let keep_matched = binary.op == BinaryOp::And;
    let mut present = vec![false; count];
    for step in 0..judged.steps {
        present.fill(false);
        for (row, group) in deciding_groups.iter().enumerate() {
            present[*group] |= is_present(deciding.at(row, step));
        }
        for (row, group) in judged_groups.iter().enumerate() {
            if present[*group] != keep_matched {
                judged.set(row, step, ABSENT);
            }
        }
    }
    judged.remove_empty_rows();
    if is_or { union(left, right, delayed) } else { Ok(left) }
}

/// Both sides together. The same label set may stand on both sides at different times.
fn union(mut left: Block, right: Block, delayed: bool) -> Result<Block, EvalError> {
    left.rows.extend(right.rows);
    left.values.extend(right.values);
    left.distinct = false;
    // With delayed name removal alike rows of one step are only told apart at the very end.
    if delayed && left.steps == 1 { Ok(left) } else { left.merge_alike(delayed) }
}
