//! Quantiles and fractions of classic histograms: series that differ in their `le` label.

use crate::promql::EvalError;
use crate::promql::ast::Node;
use crate::promql::display::number;
use crate::promql::eval::block::{ABSENT, Block, Output, Row, is_present};
use crate::promql::eval::frame::Frame;
use crate::promql::eval::groups::{Groups, Key};
use crate::promql::eval::{Call, Collector, Evaluator};
use crate::promql::notes::for_metric;

const BUCKET_LABEL: &str = "le";

/// Upper bound and cumulative count.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The series of one histogram: upper bounds, ascending, with the rows that count them.
struct Histogram {
    row: Row,
    name: String,
    bounds: Vec<(f64, usize)>,
}

/// Remarks a quantile outside of 0 to 1; `at` is where in the query it stands.
pub(crate) fn warn_quantile(evaluator: &mut Evaluator<'_>, q: f64, at: usize) {
    if !(0.0..=1.0).contains(&q) {
        let message = format!("quantile value should be between 0 and 1, got {}", number(q));
        evaluator.notes.warn(evaluator.text, at, &message);
    }
}

/// The functions that only native histograms have an answer to, after evaluating their argument.
pub(super) fn native_only(evaluator: &mut Evaluator<'_>, call: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    evaluator.argument(call, 0, frame)?;
    let message = format!("{} is about native histograms, which are not stored here", call.function.name);
    evaluator.notes.info(evaluator.text, call.node.span.start, &message);
    Ok(Output::Vector(Block::new(frame.steps)))
}

/// Reads bounds; the same few come again and again, at the same addresses because series share their strings. The
/// texts outlive the reader, so an address stays that of its text.
#[derive(Default)]
struct Bounds<'b>(Vec<(&'b str, f64)>);

impl<'b> Bounds<'b> {
    fn of(&mut self, written: &'b str) -> Option<f64> {
        if let Some((_, bound)) = self.0.iter().find(|(known, _)| std::ptr::eq(*known, written)) {
            return Some(*bound);
        }
        let bound = written.parse().ok()?;
        if self.0.len() < 64 {
            self.0.push((written, bound));
        }
        Some(bound)
    }
}

/// Sorts the rows of a block into histograms; rows without a readable bound are remarked and left out.
fn histograms(evaluator: &mut Evaluator<'_>, block: &Block, at: usize) -> Vec<Histogram> {
    let delayed = evaluator.delayed;
    let mut groups = Groups::default();
    let mut histograms: Vec<Histogram> = Vec::new();
    let mut bounds = Bounds::default();
    for (number, row) in block.rows.iter().enumerate() {
        let written = row.labels.get(BUCKET_LABEL).unwrap_or("");
        let name = if delayed { row.labels.metric_name().unwrap_or("") } else { "" };
        let Some(bound) = bounds.of(written) else {
            let message =
                format!("bucket label \"le\" is missing or has a malformed value of {written:?}{}", for_metric(name));
            evaluator.notes.warn(evaluator.text, at, &message);
            continue;
        };
        let (group, new) = groups.find(Key::AllBut(BUCKET_LABEL), &row.labels, block.hides_name(number, delayed));
        if new {
            let labels = row.labels.without(|label| label == BUCKET_LABEL);
            let name = name.to_owned();
            histograms.push(Histogram { row: Row { labels, drop_name: true }, name, bounds: Vec::new() });
        }
        histograms[group].bounds.push((bound, number));
    }
    for histogram in &mut histograms {
        histogram.bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    histograms
}

/// The buckets that have a count at a step; counts of equal bounds are added.
fn buckets_at(histogram: &Histogram, block: &Block, step: usize, buckets: &mut Vec<Bucket>) {
    buckets.clear();
    for (bound, row) in &histogram.bounds {
        let count = block.at(*row, step);
        if !is_present(count) {
            continue;
        }
        match buckets.last_mut() {
            #[allow(clippy::float_cmp)]
            Some(last) if last.bound == *bound => last.count += count,
            _ => buckets.push(Bucket { bound: *bound, count }),
        }
    }
}

/// Computes one number per histogram and step.
fn per_histogram(
    evaluator: &mut Evaluator<'_>,
    block: &Block,
    at: usize,
    mut compute: impl FnMut(&mut Evaluator<'_>, &mut [Bucket], usize, &str) -> f64,
) -> Result<Block, EvalError> {
    let histograms = histograms(evaluator, block, at);
    let mut result = Block::with_capacity(histograms.len(), block.steps);
    result.distinct = block.distinct;
    let mut buckets = Vec::new();
    for histogram in histograms {
        evaluator.spend(histogram.bounds.len() * block.steps)?;
        for step in 0..block.steps {
            buckets_at(&histogram, block, step, &mut buckets);
            let empty = buckets.is_empty();
            let value = if empty { ABSENT } else { compute(evaluator, &mut buckets, step, &histogram.name) };
            result.values.push(value);
        }
        result.rows.push(histogram.row);
    }
    result.remove_empty_rows();
    Ok(result)
}

pub(super) fn histogram_quantile(
    evaluator: &mut Evaluator<'_>,
    call: &Call<'_>,
    frame: Frame,
) -> Result<Output, EvalError> {
    let [q, vector] = call.args else { return Ok(Output::Vector(Block::new(frame.steps))) };
    let block = quantiles(evaluator, q, vector, frame)?;
    block.drop_names(evaluator.delayed).map(Output::Vector)
}

fn quantiles(evaluator: &mut Evaluator<'_>, q: &Node, vector: &Node, frame: Frame) -> Result<Block, EvalError> {
    let (q_at, at) = (q.unwrapped().span.start, vector.unwrapped().span.start);
    let q = evaluator.scalar(q, frame)?;
    let block = evaluator.vector(vector, frame)?;
    (0..frame.steps).for_each(|step| warn_quantile(evaluator, q.at(step), q_at));
    per_histogram(evaluator, &block, at, |evaluator, buckets, step, name| {
        let (value, forced) = bucket_quantile(q.at(step), buckets);
        if forced {
            let message = format!(
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
                for_metric(name)
            );
            evaluator.notes.info(evaluator.text, at, &message);
        }
        value
    })
}

/// Several quantiles at once, told apart by a label.
pub(super) fn histogram_quantiles(
    evaluator: &mut Evaluator<'_>,
    call: &Call<'_>,
    frame: Frame,
) -> Result<Output, EvalError> {
    let [vector, _, wanted @ ..] = call.args else { return Ok(Output::Vector(Block::new(frame.steps))) };
    let mut result = Collector::new(frame.steps);
    for q in wanted {
        let column = evaluator.scalar(q, frame)?;
        let block = quantiles(evaluator, q, vector, frame)?;
        for (number, row) in block.rows.iter().enumerate() {
            for (step, value) in block.row_values(number).iter().enumerate().filter(|(_, value)| is_present(**value)) {
                let labels = row.labels.with(call.text(1), &open_metrics_float(column.at(step)));
                result.put(evaluator, Row { labels, drop_name: true }, step, *value)?;
            }
        }
    }
    Ok(Output::Vector(result.into_block()))
}

/// A float as OpenMetrics spells it in labels: always with a point or an exponent.
fn open_metrics_float(value: f64) -> String {
    let text = number(value);
    if text.contains(['.', 'e', 'N', 'I']) { text } else { format!("{text}.0") }
}

/// The quantile, and whether counts that went down had to be lifted to get it.
fn bucket_quantile(q: f64, buckets: &mut [Bucket]) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if q > 1.0 {
        return (f64::INFINITY, false);
    }
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return (f64::NAN, false);
    }
    let forced = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last < 1 || observations == 0.0 {
        return (f64::NAN, false);
    }
    let mut rank = q * observations;
    let hit = first_at_least(&buckets[..last], rank);
    if hit == last {
        return (buckets[last - 1].bound, forced);
    }
    if hit == 0 && buckets[0].bound <= 0.0 {
        return (buckets[0].bound, forced);
    }
    let (mut start, end, mut count) = (0.0, buckets[hit].bound, buckets[hit].count);
    if hit > 0 {
        let before = buckets[hit - 1];
        start = before.bound;
        count -= before.count;
        rank -= before.count;
    }
    (start + (end - start) * (rank / count), forced)
}

/// The first bucket with such a count, by the steps of Go's `sort.Search`, which matter where a count is NaN.
fn first_at_least(buckets: &[Bucket], rank: f64) -> usize {
    let (mut low, mut high) = (0, buckets.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if buckets[middle].count >= rank {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Makes counts non-decreasing. Differences below 1e-12 of the counts are float noise and not worth a remark.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let Some(first) = buckets.first() else { return false };
    let (mut forced, mut before) = (false, first.count);
    for bucket in buckets.iter_mut().skip(1) {
        if is_noise(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            bucket.count = before;
            forced = true;
        } else {
            before = bucket.count;
        }
    }
    forced
}

/// Whether two counts are the same but for rounding. Differences of counters may make them negative.
fn is_noise(one: f64, other: f64) -> bool {
    const TOLERANCE: f64 = 1e-12;
    let (difference, size) = ((one - other).abs(), one.abs() + other.abs());
    difference == 0.0 || difference / size.min(f64::MAX) < TOLERANCE
}

pub(super) fn histogram_fraction(
    evaluator: &mut Evaluator<'_>,
    call: &Call<'_>,
    frame: Frame,
) -> Result<Output, EvalError> {
    let [lower, upper, vector] = call.args else { return Ok(Output::Vector(Block::new(frame.steps))) };
    let at = vector.unwrapped().span.start;
    let (lower, upper) = (evaluator.scalar(lower, frame)?, evaluator.scalar(upper, frame)?);
    let block = evaluator.vector(vector, frame)?;
    let result = per_histogram(evaluator, &block, at, |_, buckets, step, _| {
        bucket_fraction(lower.at(step), upper.at(step), buckets)
    })?;
    result.drop_names(evaluator.delayed).map(Output::Vector)
}

/// The share of observations between two values, evenly spread within each bucket.
fn bucket_fraction(lower: f64, upper: f64, buckets: &[Bucket]) -> f64 {
    let Some(total) = buckets.last().filter(|last| last.bound == f64::INFINITY).map(|last| last.count) else {
        return f64::NAN;
    };
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let (lower, upper) = (rank_of(lower, buckets).min(total), rank_of(upper, buckets).min(total));
    (upper - lower) / total
}

/// How many observations lie below `value`.
fn rank_of(value: f64, buckets: &[Bucket]) -> f64 {
    let first = buckets.first().map_or(0.0, |bucket| bucket.bound);
    let mut start = if first > 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let mut rank = 0.0;
    for bucket in buckets {
        if start >= value {
            return rank;
        }
        if bucket.bound > value {
            return rank + (bucket.count - rank) * (value - start) / (bucket.bound - start);
        }
        rank = bucket.count;
        start = bucket.bound;
    }
    rank
}
