//! One side of a rule's expression over the last hour, and what it is compared with.
//!
//! Evaluation is computation only, so it runs beside the asynchronous work. Samples that memory no longer holds are read
//! from the history, as long as time allows.

use crate::model::{Duration, Labels, Timestamp};
use crate::promql::ast::{BinaryOp, Type};
use crate::promql::{self, Answer, EvalError, Expr, Limits, Unfiltered, Value};
use crate::tsdb::{Series, Tsdb};

/// How much of the past is shown.
pub(super) const SPAN: Duration = Duration::from_secs(3600);

/// Time between two points.
pub(super) const STEP: Duration = Duration::from_secs(60);

/// What one evaluation may use.
const LIMITS: Limits =
    Limits { max_samples: 2_000_000, timeout: Duration::from_millis(1000), lookback: Duration::from_secs(300) };

/// What was read of one side.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// Which side.
    pub side: Unfiltered,
    /// Its series over the span.
    pub series: Vec<Series>,
    /// The comparison and the values that it compares with.
    pub limit: Option<(BinaryOp, Vec<(Labels, f64)>)>,
    /// Right edge.
    pub to: Timestamp,
}

/// Reads a side up to `to`.
pub(super) async fn read(side: Unfiltered, tsdb: &Tsdb, to: Timestamp) -> Result<Reading, String> {
    let from = Timestamp::from_millis(to.millis().saturating_sub_unsigned(SPAN.std().as_millis() as u64));
    let expression = side.expression.clone();
    let work = move |tsdb: &Tsdb| promql::range(&expression, tsdb, from, to, STEP, &LIMITS);
    let series = match evaluate(tsdb, work).await?.value {
        Value::Matrix(series) => series,
        _ => Vec::new(),
    };
    let limit = match side.limit.clone() {
        Some((op, other)) => Some((op, instant(&other, tsdb, to).await?)),
        None => None,
    };
    Ok(Reading { side, series, limit, to })
}

/// What an expression answers at one time, by labels; a number has none.
pub(super) async fn instant(expr: &Expr, tsdb: &Tsdb, at: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
    if !matches!(expr.value_type(), Type::Scalar | Type::Vector) {
        return Err(format!("it answers with a {}", expr.value_type().name()));
    }
    let expr = expr.clone();
    let work = move |tsdb: &Tsdb| promql::instant(&expr, tsdb, at, &LIMITS);
    Ok(match evaluate(tsdb, work).await?.value {
        Value::Scalar(value) => vec![(Labels::empty(), value)],
        Value::Vector(vector) => vector.into_iter().map(|element| (element.labels, element.sample.value)).collect(),
        Value::String(_) | Value::Matrix(_) => Vec::new(),
    })
}

async fn evaluate(
    tsdb: &Tsdb,
    work: impl FnOnce(&Tsdb) -> Result<Answer, EvalError> + Send + 'static,
) -> Result<Answer, String> {
    let tsdb = tsdb.with_history();
    // What memory holds has to do if the history does not answer.
    let result = tokio::task::spawn_blocking(move || work(&tsdb)).await;
    result.map_err(|_| "the evaluation ended in a panic".to_owned())?.map_err(|error| error.to_string())
}

impl Reading {
    /// The series that an alert with these labels is about: its labels are among the alert's.
    pub fn of(&self, alert: &Labels) -> Option<&Series> {
        let about = |series: &&Series| {
            let labels = self.side.labels(&series.labels);
            labels.iter().all(|(name, value)| alert.get(name) == Some(value))
        };
        self.series.iter().filter(about).max_by_key(|series| series.labels.len())
    }

    /// The value of a series at the right edge.
    pub fn latest(&self, series: &Series) -> Option<f64> {
        let last = series.samples.last()?;
        (self.to.since(last.at) < STEP.std()).then_some(last.value)
    }

    /// How the alert's value is compared, and with what.
    pub fn threshold(&self, alert: &Labels) -> Option<(BinaryOp, f64)> {
        let (op, values) = self.limit.as_ref()?;
        let about = |labels: &Labels| labels.without_name().iter().all(|(name, value)| alert.get(name) == Some(value));
        let found = values.iter().filter(|(labels, _)| about(labels)).max_by_key(|(labels, _)| labels.len());
        found.map(|(_, value)| (*op, *value))
    }
}

/// Whether a comparison holds.
pub(super) fn holds(op: BinaryOp, value: f64, threshold: f64) -> bool {
    match op {
        BinaryOp::Greater => value > threshold,
        BinaryOp::GreaterEqual => value >= threshold,
        BinaryOp::Less => value < threshold,
        BinaryOp::LessEqual => value <= threshold,
        BinaryOp::Equal => value == threshold,
        BinaryOp::NotEqual => value != threshold,
        _ => false,
    }
}
