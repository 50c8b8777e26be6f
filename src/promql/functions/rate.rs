//! How fast series change: extrapolated rates and increases, deltas, and their instant forms.

use crate::promql::eval::block::Block;
use crate::promql::eval::{Call, Evaluator, Window};
use crate::tsdb::Ends;

#[allow(clippy::cast_precision_loss)]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

pub(super) fn rate(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    over_samples(window, Change::Rate)
}

pub(super) fn rate_from_ends(ends: &Ends, bounds: (i64, i64)) -> Option<f64> {
    never_fell(ends, bounds, Change::Rate)
}

pub(super) fn increase(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    over_samples(window, Change::Increase)
}

pub(super) fn increase_from_ends(ends: &Ends, bounds: (i64, i64)) -> Option<f64> {
    never_fell(ends, bounds, Change::Increase)
}

pub(super) fn delta(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    over_samples(window, Change::Delta)
}

/// What is asked about the change over a window: of a counter per second, of a counter, of a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Rate,
    Increase,
    Delta,
}

fn over_samples(window: &Window<'_>, asked: Change) -> Option<f64> {
    let [first, .., last] = window.samples else { return None };
    let mut change = last.value - first.value;
    if asked != Change::Delta {
        for pair in window.samples.windows(2) {
            if pair[1].value < pair[0].value {
                change += pair[0].value;
            }
        }
    }
    let ends = Ends { first: *first, last: *last, count: window.samples.len() };
    extrapolated(&ends, change, (window.start, window.end), asked)
}

/// As [`over_samples`], where no counter was reset.
fn never_fell(ends: &Ends, bounds: (i64, i64), asked: Change) -> Option<f64> {
    if ends.count < 2 {
        return None;
    }
    extrapolated(ends, ends.last.value - ends.first.value, bounds, asked)
}

/// The change over the window, stretched to its bounds where the samples come close to them.
///
/// Samples further from a bound than 1.1 mean intervals are taken to begin or end there; then only half an
/// interval is added. A counter is never stretched to below zero.
fn extrapolated(ends: &Ends, change: f64, (start, end): (i64, i64), asked: Change) -> Option<f64> {
    let Ends { first, last, count } = ends;
    let mut to_start = seconds(first.at.millis() - start);
    let mut to_end = seconds(end - last.at.millis());
    let sampled = seconds(last.at.millis() - first.at.millis());
    #[allow(clippy::cast_precision_loss)]
    let between = sampled / (count - 1) as f64;
    let threshold = between * 1.1;
    if to_start >= threshold {
        to_start = between / 2.0;
    }
    if asked != Change::Delta && change > 0.0 && first.value >= 0.0 {
        // Where a straight line through the samples would have been at zero.
        to_start = to_start.min(sampled * (first.value / change));
    }
    if to_end >= threshold {
        to_end = between / 2.0;
    }
    let mut factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    if asked == Change::Rate {
        factor /= seconds(end - start);
    }
    Some(change * factor)
}

pub(super) fn irate(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    last_two(window, true)
}

pub(super) fn idelta(window: &Window<'_>, _: &mut Vec<f64>) -> Option<f64> {
    last_two(window, false)
}

fn last_two(window: &Window<'_>, is_rate: bool) -> Option<f64> {
    let [.., before, last] = window.samples else { return None };
    let interval = last.at.millis() - before.at.millis();
    if interval == 0 {
        return None;
    }
    // After a reset the counter started from zero.
    let change = if is_rate && last.value < before.value { last.value } else { last.value - before.value };
    Some(if is_rate { change / seconds(interval) } else { change })
}

/// Remarks that a name does not look like a counter's.
pub(super) fn remark_non_counter(evaluator: &mut Evaluator<'_>, call: &Call<'_>, block: &Block) {
    const SUFFIXES: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
    let mut last = "";
    // One metric's series all have one name.
    let rows = if block.distinct { block.rows.len().min(1) } else { block.rows.len() };
    for number in 0..rows {
        let name = block.label(number, crate::model::labels::METRIC_NAME, evaluator.delayed);
        if name == last || SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            continue;
        }
        last = name;
        let message =
            format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}");
        evaluator.notes.info(evaluator.text, call.arg_start(0), &message);
    }
}
