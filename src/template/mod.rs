//! Text templates with Go's syntax and meaning, for the labels and annotations of rules and for messages.
//!
//! [`Template::parse`] finds what can be found without data: unclosed actions, unknown functions and
//! variables. [`Template::render`] is bounded in steps, output and depth and never panics, whatever the
//! text. A [`Dialect`] says which variables and functions exist; [`PROMETHEUS`] is the one of rule
//! files, [`ALERTMANAGER`] the one of receivers.

mod alertmanager;
mod ast;
mod builtins;
mod clock_face;
mod eval;
mod format;
mod humanize;
mod lexer;
mod parser;
mod prometheus;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::{Labels, Timestamp};

pub use alertmanager::ALERTMANAGER;
pub use builtins::Function;
pub(crate) use builtins::escape_query;
pub use prometheus::PROMETHEUS;
pub use value::{Map, MapKind, Value};

/// Which names a template may use.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// Variables that exist from the start, each with the field of the data that it is bound to.
    pub variables: &'static [(&'static str, &'static str)],
    /// Functions beside Go's own.
    pub functions: &'static [Function],
}

/// What is wrong with a template, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// The byte of the text at which it was noticed.
    pub offset: usize,
}

impl TemplateError {
    pub(crate) fn new(message: impl Into<String>, offset: usize) -> Self {
        Self { message: message.into(), offset }
    }
}

/// How much one rendering may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most nodes, calls and loop rounds.
    pub steps: usize,
    /// Most bytes of output.
    pub output: usize,
    /// Most templates inside each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 100_000, output: 64 * 1024, depth: 16 }
    }
}

/// Answers `query` in a template: one label set and value per series, or why there is no answer.
pub type Query<'a> = &'a dyn Fn(&str) -> Result<Vec<(Labels, f64)>, String>;

/// The world as a template's functions see it.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// What `now` answers, and the instant at which `query` looks.
    pub now: Timestamp,
    /// Where the daemon is reached from outside; may be empty.
    pub external_url: &'a str,
    /// Answers `query`.
    pub query: Query<'a>,
}

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    /// The body, then everything that `define` and `block` named.
    main: Vec<ast::Node>,
    named: BTreeMap<String, Vec<ast::Node>>,
    variables: &'static [(&'static str, &'static str)],
    functions: &'static [Function],
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first mistake with its place.
    pub fn parse(text: &str, dialect: &Dialect) -> Result<Self, TemplateError> {
        let parsed = parser::parse(text, dialect)?;
        Ok(Self { main: parsed.main, named: parsed.named, variables: dialect.variables, functions: dialect.functions })
    }

    /// Adds the templates that another text defines, unless this one defines them itself.
    #[must_use]
    pub fn with_definitions(mut self, library: &Self) -> Self {
        for (name, nodes) in &library.named {
            self.named.entry(name.clone()).or_insert_with(|| nodes.clone());
        }
        self
    }

    /// The text that the template makes of `data`.
    ///
    /// # Errors
    /// A function refused its arguments, data had not the shape the template wants, or a limit was reached.
    pub fn render(
        &self,
        data: &Value,
        environment: &Environment<'_>,
        limits: &Limits,
    ) -> Result<String, TemplateError> {
        eval::render(self, data, environment, limits)
    }
}
