//! PromQL: checks and evaluates expressions over the store; no I/O.

use std::ops::Range;

use crate::model::{Labels, Sample, Timestamp};
use crate::tsdb::{Series, Tsdb};

/// A parsed and type-checked expression.
#[derive(Debug, Clone)]
pub struct Expr {}

/// What is wrong with an expression, and where in its text (bytes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong and what was expected.
    pub message: String,
    /// The bytes of the query text it is about.
    pub span: Range<usize>,
}

/// Why an expression has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The data do not fit the expression, such as many-to-many matching.
    #[error("{0}")]
    Execution(String),
    /// A limit of [`Limits`] was reached.
    #[error("{0}")]
    Limit(String),
    /// It took longer than [`Limits::timeout`].
    #[error("query timed out after {0}")]
    Timeout(crate::model::Duration),
}

/// What one query may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most samples it may read.
    pub max_samples: usize,
    /// Longest time it may take.
    pub timeout: crate::model::Duration,
    /// How far back an instant selector looks; 5m in Prometheus.
    pub lookback: crate::model::Duration,
}

/// A value of PromQL's four types.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// A string literal.
    String(String),
    /// One sample per series.
    Vector(Vec<VectorSample>),
    /// Samples over time per series.
    Matrix(Vec<Series>),
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Its labels.
    pub labels: Labels,
    /// Its value at the evaluated time.
    pub sample: Sample,
}

/// A value with what Prometheus would remark about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// Warnings: the answer may be wrong.
    pub warnings: Vec<String>,
    /// Infos: the query may not be what was meant.
    pub infos: Vec<String>,
}

/// Parses and type-checks.
///
/// # Errors
/// The first mistake with its place.
pub fn parse(_text: &str) -> Result<Expr, ParseError> {
    Err(ParseError { message: "not built yet".into(), span: 0..0 })
}

/// Evaluates at one instant.
///
/// # Errors
/// See [`EvalError`].
pub fn instant(_expr: &Expr, _tsdb: &Tsdb, _at: Timestamp, _limits: &Limits) -> Result<Answer, EvalError> {
    Err(EvalError::Execution("not built yet".into()))
}

/// Evaluates at every step from `start` to `end`, both included.
///
/// # Errors
/// See [`EvalError`].
pub fn range(
    _expr: &Expr,
    _tsdb: &Tsdb,
    _start: Timestamp,
    _end: Timestamp,
    _step: crate::model::Duration,
    _limits: &Limits,
) -> Result<Answer, EvalError> {
    Err(EvalError::Execution("not built yet".into()))
}
