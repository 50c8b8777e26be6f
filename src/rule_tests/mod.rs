//! Unit tests of rules: promtool's file format, run over our own evaluator.
//!
//! A file names rule files, series and what is to be true at which time. [`run`] loads the series into a store
//! of its own, evaluates the rules step by step and compares which alerts fire and what expressions answer.
//! Verdicts are meant to be those of `promtool test rules` for every file that both accept.

mod compare;
mod file;
mod report;
mod run;

#[cfg(test)]
mod tests;

pub use report::{Failure, Report, RuleSeen, TestReport};
pub use run::{Selection, run};
