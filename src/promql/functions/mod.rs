//! PromQL's functions: one row each in [`functions`], with name, argument types, result type and body.
//!
//! A body is a plain function of one of a few shapes; the evaluator does what the shapes have in common
//! (steps, windows, labels). Adding a function is adding one row and its body.

mod histogram;
mod info;
mod label;
mod math;
mod over_time;
mod presence;
mod rate;
mod regression;
mod sort;
mod table;
pub(crate) mod time;

use super::EvalError;
use super::ast::Type;
use super::eval::block::{Block, Column, Output};
use super::eval::frame::Frame;
use super::eval::{Call, Evaluator, Window};
use crate::tsdb::Ends;

pub(crate) use histogram::warn_quantile;
pub(crate) use math::{kahan_add, quantile};
pub(crate) use over_time::Mean;
pub(crate) use sort::compare_values;

/// One row of the function table.
pub struct Function {
    /// The name in queries.
    pub name: &'static str,
    /// Types of the arguments; the last one may stand for several, see `repeats`.
    pub args: &'static [Type],
    /// How many of the last arguments may be left out.
    pub optional: usize,
    /// Whether the last argument may be given any number of times.
    pub repeats: bool,
    /// Type of the result.
    pub returns: Type,
    /// Whether Prometheus has it behind a feature flag.
    pub experimental: bool,
    pub(crate) body: Body,
}

/// The shapes that a function's body can have.
pub(crate) enum Body {
    /// Each value on its own; drops the metric name.
    Map(fn(f64) -> f64),
    /// Each value with the scalar arguments; drops the metric name. No value for no answer.
    MapWith(fn(f64, &[f64]) -> Option<f64>),
    /// One number from the scalar arguments.
    Scalars(fn(&[f64]) -> f64),
    /// A part of the date that each value, or the evaluation time, stands for.
    Date(fn(&time::Date) -> f64),
    /// One number from the samples of a range.
    OverRange(OverRange),
    /// Anything else.
    Special(fn(&mut Evaluator<'_>, &Call<'_>, Frame) -> Result<Output, EvalError>),
}

/// Looks at the scalar arguments of a function over a range, to warn or refuse, where a step had samples.
type Remark = fn(&mut Evaluator<'_>, &Call<'_>, &[Column], &[bool]) -> Result<(), EvalError>;

/// One number from the ends of a window, and from when to when that is.
type FromEnds = fn(&Ends, (i64, i64)) -> Option<f64>;

/// A function over the samples of a range.
pub(crate) struct OverRange {
    /// The number for one window, if there is one; the list is scratch space.
    pub(crate) body: fn(&Window<'_>, &mut Vec<f64>) -> Option<f64>,
    /// The same number from the ends of a window whose values never fall, where these are enough; then the samples
    /// between them are not even unpacked.
    pub(crate) from_ends: Option<FromEnds>,
    /// Whether the metric name stays.
    pub(crate) keeps_name: bool,
    /// Runs when the steps that had samples are known.
    pub(crate) remark: Option<Remark>,
    /// Runs on the result, metric names still in place.
    pub(crate) after: Option<fn(&mut Evaluator<'_>, &Call<'_>, &Block)>,
}

/// The steps that had samples.
fn steps_of(seen: &[bool]) -> impl Iterator<Item = usize> {
    seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(step, _)| step)
}

impl Function {
    /// Fewest arguments a call may have.
    #[must_use]
    pub fn least_args(&self) -> usize {
        self.args.len() - self.optional
    }

    /// Most arguments a call may have; `None` for any number.
    #[must_use]
    pub fn most_args(&self) -> Option<usize> {
        (!self.repeats).then_some(self.args.len())
    }

    /// Type of the argument at a position.
    pub(crate) fn arg_type(&self, position: usize) -> Type {
        self.args.get(position).or(self.args.last()).copied().unwrap_or(Type::Vector)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All functions, sorted by name.
#[must_use]
pub fn functions() -> &'static [Function] {
    table::FUNCTIONS
}

/// The function with this name; names are told apart by case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    let at = table::FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
    table::FUNCTIONS.get(at)
}

/// The function whose name looks most like `name`, if one looks alike at all.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |known: &str| strsim::jaro_winkler(known, &name.to_ascii_lowercase());
    let best =
        table::FUNCTIONS.iter().map(|function| function.name).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.85).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_row_is_found() {
        assert!(functions().is_sorted_by(|a, b| a.name < b.name));
        assert!(functions().iter().all(|function| find(function.name) == Some(function)));
        assert!(functions().iter().all(|function| function.optional <= function.args.len()));
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        assert_eq!(nearest("histogram_quantil"), Some("histogram_quantile"));
        assert_eq!(nearest("xyzzy"), None);
    }
}
