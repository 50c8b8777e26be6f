//! A mistake on its way out of serde: what serde's derived code says, in the words of `model::problem`.

use std::fmt;

use serde::de;

use crate::model::Problem;

/// A mistake on its way out of serde.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) problem: Box<Problem>,
    /// Set once the path is known.
    located: bool,
    pub(super) missing: Option<&'static str>,
}

impl Mistake {
    pub(super) fn of(problem: Problem) -> Self {
        Self { problem: Box::new(problem), located: false, missing: None }
    }

    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::of(Problem::at("", message))
    }

    /// Gives the mistake its path, unless it has one: the innermost place is the right one.
    pub(super) fn at(mut self, path: &str) -> Self {
        if !self.located {
            self.problem.path = path.to_owned();
            self.located = true;
        }
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.problem, f)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {}, found {}", wanted(expected), written(found)))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let problem = Problem::at("", format!("unknown value {variant:?}"))
            .note(format!("known values: {}", expected.join(", ")))
            .suggest(variant, expected.iter().copied());
        Self::of(problem)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let problem = Problem::at("", format!("unknown key {field:?}"))
            .note(format!("known keys: {}", expected.join(", ")))
            .suggest(field, expected.iter().copied());
        Self::of(problem)
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::new(format!("missing key {field:?}")) }
    }
}

/// What a type expects, without the names of Rust's types.
fn wanted(expected: &dyn de::Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        _ => text,
    }
}

/// What was found, as its writer sees it.
fn written(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Bool(value) => value.to_string(),
        de::Unexpected::Unsigned(value) => value.to_string(),
        de::Unexpected::Signed(value) => value.to_string(),
        de::Unexpected::Float(value) => value.to_string(),
        de::Unexpected::Str(value) => format!("{value:?}"),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
