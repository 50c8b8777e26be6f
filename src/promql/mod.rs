//! PromQL: parses, checks and evaluates expressions over the store with the float semantics of Prometheus 3.
//!
//! Pure: no I/O and no clock but for the time-out. [`parse`] gives an [`Expr`] or the first mistake with its
//! bytes; [`instant`] and [`range`] evaluate it. Native histograms are out of scope and cannot be stored.
//! Parts: `lexer`, `parser`, `check`, then `eval` with `binary`, `aggregate` and the table in `functions`.

mod aggregate;
pub mod ast;
mod binary;
mod check;
mod display;
mod eval;
mod expr;
pub mod functions;
pub mod lexer;
mod notes;
mod parser;
mod pretty;
mod rewrite;
pub mod series_notation;
pub mod token;
mod unfiltered;

use std::ops::Range;

use crate::model::{Labels, Sample, Timestamp};
use crate::tsdb::{Series, Tsdb};

pub use display::quote;
pub use eval::Options;
pub use expr::{Expr, SelectorUse};
pub use rewrite::scale_durations;
pub use unfiltered::Unfiltered;

/// Longest query text that is read, in bytes.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;

/// Deepest nesting of an expression, and tallest tree it may make.
pub const MAX_DEPTH: usize = 200;

/// What is wrong with an expression, and where in its text (bytes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong and what was expected.
    pub message: String,
    /// The bytes of the query text it is about.
    pub span: Range<usize>,
}

impl ParseError {
    /// Line and column of the mistake in `text`, both counted from 1, the column in bytes.
    #[must_use]
    pub fn place(&self, text: &str) -> (usize, usize) {
        place(text, self.span.start)
    }
}

/// Line and column of a byte, both counted from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
    (line, column)
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
    /// Most samples it may read and hold at once.
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
    /// What it took.
    pub usage: Usage,
}

/// What evaluating took, counted as Prometheus counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Samples that steps looked at; one in the windows of two steps counts twice. Those that a subquery is made
    /// from do not count, its results do.
    pub samples: u64,
    /// Most samples held at once.
    pub peak: usize,
    /// `samples` by step, for a range query; empty for an instant.
    pub by_step: Vec<u64>,
}

/// Parses and type-checks.
///
/// # Errors
/// The first mistake with its place.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    parser::parse(text).map(|root| Expr::new(root, text))
}

/// Evaluates at one instant.
///
/// # Errors
/// See [`EvalError`].
pub fn instant(expr: &Expr, tsdb: &Tsdb, at: Timestamp, limits: &Limits) -> Result<Answer, EvalError> {
    instant_with(expr, tsdb, at, limits, &Options::default())
}

/// Evaluates at one instant, with settings that Prometheus keeps behind flags.
///
/// # Errors
/// See [`EvalError`].
pub fn instant_with(
    expr: &Expr,
    tsdb: &Tsdb,
    at: Timestamp,
    limits: &Limits,
    options: &Options,
) -> Result<Answer, EvalError> {
    eval::instant(expr, tsdb, at.millis(), limits, options)
}

/// Evaluates at every step from `start` to `end`, both included.
///
/// # Errors
/// See [`EvalError`].
pub fn range(
    expr: &Expr,
    tsdb: &Tsdb,
    start: Timestamp,
    end: Timestamp,
    step: crate::model::Duration,
    limits: &Limits,
) -> Result<Answer, EvalError> {
    range_with(expr, tsdb, (start, end), step, limits, &Options::default())
}

/// Evaluates at every step of a range, with settings that Prometheus keeps behind flags.
///
/// # Errors
/// See [`EvalError`].
pub fn range_with(
    expr: &Expr,
    tsdb: &Tsdb,
    (start, end): (Timestamp, Timestamp),
    step: crate::model::Duration,
    limits: &Limits,
    options: &Options,
) -> Result<Answer, EvalError> {
    let step = i64::try_from(step.std().as_millis()).unwrap_or(i64::MAX);
    eval::range(expr, tsdb, (start.millis(), end.millis()), step, limits, options)
}
