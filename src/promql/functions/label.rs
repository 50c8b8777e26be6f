//! Functions that change labels and leave values alone.

use regex::Regex;

use crate::model::Labels;
use crate::model::labels::METRIC_NAME;
use crate::promql::EvalError;
use crate::promql::eval::block::{Block, Output};
use crate::promql::eval::frame::Frame;
use crate::promql::eval::{Call, Evaluator};

fn fail<T>(message: String) -> Result<T, EvalError> {
    Err(EvalError::Execution(message))
}

fn check_name(name: &str, role: &str, function: &str) -> Result<(), EvalError> {
    // Any UTF-8 text is a label name in Prometheus 3, but for the empty one.
    if name.is_empty() { fail(format!("invalid {role} label name in {function}(): {name}")) } else { Ok(()) }
}

pub(super) fn label_replace(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let (target, replacement, source, pattern) = (call.text(1), call.text(2), call.text(3), call.text(4));
    let Ok(regex) = Regex::new(&format!("^(?s:{pattern})$")) else {
        return fail(format!("invalid regular expression in label_replace(): {pattern}"));
    };
    check_name(target, "destination", "label_replace")?;
    let block = evaluator.argument(call, 0, frame)?;
    relabel(evaluator, block, target, |block, row, delayed| {
        let captures = regex.captures(block.label(row, source, delayed))?;
        let mut value = String::new();
        captures.expand(replacement, &mut value);
        Some(value)
    })
}

pub(super) fn label_join(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    let (target, separator) = (call.text(1), call.text(2));
    let sources: Vec<&str> = (3..call.args.len()).map(|position| call.text(position)).collect();
    for source in &sources {
        check_name(source, "source", "label_join")?;
    }
    check_name(target, "destination", "label_join")?;
    let block = evaluator.argument(call, 0, frame)?;
    relabel(evaluator, block, target, |block, row, delayed| {
        let values: Vec<&str> = sources.iter().map(|source| block.label(row, source, delayed)).collect();
        Some(values.join(separator))
    })
}

/// Sets the label `target` of every row for which there is a new value; rows that become alike are merged.
fn relabel(
    evaluator: &Evaluator<'_>,
    mut block: Block,
    target: &str,
    new_value: impl Fn(&Block, usize, bool) -> Option<String>,
) -> Result<Output, EvalError> {
    for row in 0..block.rows.len() {
        let Some(value) = new_value(&block, row, evaluator.delayed) else { continue };
        let labels: Labels = block.seen_labels(row, evaluator.delayed).with(target, &value);
        let row = &mut block.rows[row];
        row.labels = labels;
        if target == METRIC_NAME {
            row.drop_name = false;
        }
    }
    block.distinct = false;
    block.merge_alike(evaluator.delayed).map(Output::Vector)
}
