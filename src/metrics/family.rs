//! Gathered values: families of points, and how a histogram becomes plain series.

use crate::model::Labels;
use crate::model::labels::METRIC_NAME;

use super::Kind;

/// One metric family as gathered.
#[derive(Debug, Clone)]
pub struct Family {
    /// The metric's name.
    pub name: String,
    /// Its help.
    pub help: String,
    /// Its type.
    pub kind: Kind,
    /// Its series, in no particular order.
    pub points: Vec<Point>,
}

/// One series of a family with its present value.
#[derive(Debug, Clone)]
pub struct Point {
    /// Labels without the metric name.
    pub labels: Labels,
    /// The value.
    pub value: Value,
}

/// A counter's or gauge's number, or a histogram's counts.
#[derive(Debug, Clone)]
pub enum Value {
    /// Counter or gauge.
    Number(f64),
    /// Histogram: cumulative count per upper bound without `+Inf`, sum, count.
    Histogram {
        /// Upper bound and the number of observations up to it.
        buckets: Vec<(f64, u64)>,
        /// Sum of all observations.
        sum: f64,
        /// Number of all observations.
        count: u64,
    },
}

/// Calls `each` with every plain series of the families: name suffix applied, `le` added, name among the labels.
#[allow(clippy::cast_precision_loss)] // counts beyond 2^53 are out of reach
pub fn flatten(families: &[Family], mut each: impl FnMut(Labels, f64)) {
    for family in families {
        for point in &family.points {
            match &point.value {
                Value::Number(value) => each(point.labels.with(METRIC_NAME, &family.name), *value),
                Value::Histogram { buckets, sum, count } => {
                    let base = format!("{}_bucket", family.name);
                    let bucket = point.labels.with(METRIC_NAME, &base);
                    for (bound, cumulative) in buckets {
                        each(bucket.with("le", &bound.to_string()), *cumulative as f64);
                    }
                    each(bucket.with("le", "+Inf"), *count as f64);
                    each(point.labels.with(METRIC_NAME, &format!("{}_sum", family.name)), *sum);
                    each(point.labels.with(METRIC_NAME, &format!("{}_count", family.name)), *count as f64);
                }
            }
        }
    }
}

/// Calls `each` with the values that [`flatten`] gives for one point, in the same order.
#[allow(clippy::cast_precision_loss)] // as above
pub fn flatten_values(value: &Value, mut each: impl FnMut(f64)) {
    match value {
        Value::Number(value) => each(*value),
        Value::Histogram { buckets, sum, count } => {
            buckets.iter().for_each(|(_, cumulative)| each(*cumulative as f64));
            each(*count as f64);
            each(*sum);
            each(*count as f64);
        }
    }
}
