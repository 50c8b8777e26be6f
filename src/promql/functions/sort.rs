//! The order of an instant query's elements.

use std::cmp::Ordering;

use crate::promql::EvalError;
use crate::promql::eval::block::{Block, Output, is_present};
use crate::promql::eval::frame::Frame;
use crate::promql::eval::{Call, Evaluator};

/// Evaluates the argument and remarks that a range query sorts by labels anyway.
fn argument(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Block, EvalError> {
    if evaluator.is_range {
        let message = "sort is ineffective for range queries since results are always ordered by labels";
        evaluator.notes.warn(evaluator.text, call.node.span.start, message);
    }
    evaluator.argument(call, 0, frame)
}

/// Puts the rows of a one-step block in order; over several steps there is no one order.
fn reorder(block: Block, compare: impl Fn(&Block, usize, usize) -> Ordering) -> Output {
    if block.steps != 1 {
        return Output::Vector(block);
    }
    let mut order: Vec<usize> = (0..block.rows.len()).filter(|row| is_present(block.at(*row, 0))).collect();
    order.sort_by(|a, b| compare(&block, *a, *b));
    let rows = order.iter().map(|row| block.rows[*row].clone()).collect();
    let values = order.iter().map(|row| block.values[*row]).collect();
    Output::Vector(Block { rows, values, ..block })
}

/// NaN comes last in either direction.
pub(crate) fn compare_values(a: f64, b: f64, descending: bool) -> Ordering {
    let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    a.is_nan().cmp(&b.is_nan()).then(if descending { order.reverse() } else { order })
}

pub(super) fn sort(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let block = argument(evaluator, call, frame)?;
    Ok(reorder(block, |block, a, b| compare_values(block.values[a], block.values[b], false)))
}

pub(super) fn sort_desc(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let block = argument(evaluator, call, frame)?;
    Ok(reorder(block, |block, a, b| compare_values(block.values[a], block.values[b], true)))
}

pub(super) fn sort_by_label(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let block = argument(evaluator, call, frame)?;
    let delayed = evaluator.delayed;
    Ok(reorder(block, |block, a, b| compare_labels(block, (a, b), call, delayed)))
}

pub(super) fn sort_by_label_desc(
    evaluator: &mut Evaluator<'_>,
    call: &Call<'_>,
    frame: Frame,
) -> Result<Output, EvalError> {
    let block = argument(evaluator, call, frame)?;
    let delayed = evaluator.delayed;
    Ok(reorder(block, |block, a, b| compare_labels(block, (a, b), call, delayed).reverse()))
}

/// By the labels named in the call, then by all labels.
fn compare_labels(block: &Block, (a, b): (usize, usize), call: &Call<'_>, delayed: bool) -> Ordering {
    for position in 1..call.args.len() {
        let name = call.text(position);
        let order = natural(block.label(a, name, delayed), block.label(b, name, delayed));
        if order != Ordering::Equal {
            return order;
        }
    }
    block.seen_labels(a, delayed).cmp(&block.seen_labels(b, delayed))
}

/// Compares texts with runs of digits as numbers, so that `4m5` comes before `4m600`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let (left, right) = (chunk(a), chunk(b));
        let order = match (left.trim_start_matches('0'), right.trim_start_matches('0')) {
            (x, y) if is_digits(left) && is_digits(right) => x.len().cmp(&y.len()).then(x.cmp(y)),
            _ => left.cmp(right),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (&a[left.len()..], &b[right.len()..]);
    }
    a.len().cmp(&b.len())
}

fn is_digits(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The longest start of `text` that is all digits or all not.
fn chunk(text: &str) -> &str {
    let digits = is_digits(text);
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_digits_compare_as_numbers() {
        let mut texts = ["4m1000", "4m5", "1.11.3", "4m600", "1.2.3", "1.111.3", "", "10", "9"];
        texts.sort_by(|a, b| natural(a, b));
        assert_eq!(texts, ["", "1.2.3", "1.11.3", "1.111.3", "4m5", "4m600", "4m1000", "9", "10"]);
    }
}
