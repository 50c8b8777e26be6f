//! Reads the conditions in braces: `{a="b", "metric.name", "label.name"=~"x"}`.

use std::ops::Range;

use super::Parser;
use crate::model::labels::METRIC_NAME;
use crate::model::{MatchOp, Matcher};
use crate::promql::ParseError;
use crate::promql::ast::{Kind, Node, Selector};
use crate::promql::token::TokenKind;

/// One element in braces.
enum Condition {
    Matcher(Matcher),
    /// A quoted metric name that stands alone.
    Name(String),
}

impl Parser {
    /// Reads a selector whose name before the braces, if any, is already read.
    pub(super) fn selector(&mut self, name: Option<(String, Range<usize>)>) -> Result<Node, ParseError> {
        let start = name.as_ref().map_or(self.span().start, |(_, span)| span.start);
        let name = name.map(|(name, _)| name);
        let mut matchers = Vec::new();
        let mut quoted_name = None;
        if self.take_symbol("{") {
            while !self.is_symbol("}") {
                let span = self.span();
                match self.condition()? {
                    Condition::Matcher(matcher) => matchers.push(matcher),
                    Condition::Name(quoted) => {
                        if let Some(first) = name.as_ref().or(quoted_name.as_ref()) {
                            let message = format!("metric name must not be set twice: {first:?} or {quoted:?}");
                            return Self::fail(message, span);
                        }
                        quoted_name = Some(quoted);
                    }
                }
                if !self.take_symbol(",") && !self.is_symbol("}") {
                    return Err(self.unexpected("\",\" or \"}\" in label matching"));
                }
            }
            self.advance();
        }
        let span = start..self.last_end();
        let name = name.or(quoted_name);
        if let Some(name) = &name {
            if let Some(other) = matchers.iter().find(|m: &&Matcher| m.name() == METRIC_NAME) {
                let message = format!("metric name must not be set twice: {name:?} or {:?}", other.value());
                return Self::fail(message, span);
            }
            matchers.push(Matcher::equal(METRIC_NAME, name.as_str()));
        }
        Self::node(Kind::Selector(Selector { name, matchers, offset: 0, at: None }), span)
    }

    fn condition(&mut self) -> Result<Condition, ParseError> {
        let start = self.span().start;
        let (name, quoted) = match self.peek() {
            TokenKind::Word(word) if !word.contains(':') => (word.clone(), false),
            TokenKind::String(name) if !name.is_empty() => (name.clone(), true),
            _ => return Err(self.unexpected("a label name or \"}\" in label matching")),
        };
        self.advance();
        let op = match self.peek() {
            TokenKind::Symbol("=") => MatchOp::Equal,
            TokenKind::Symbol("!=") => MatchOp::NotEqual,
            TokenKind::Symbol("=~") => MatchOp::Regex,
            TokenKind::Symbol("!~") => MatchOp::NotRegex,
            TokenKind::Symbol("," | "}") if quoted => return Ok(Condition::Name(name)),
            _ => return Err(self.unexpected("one of \"=\", \"!=\", \"=~\", \"!~\" in label matching")),
        };
        self.advance();
        let TokenKind::String(value) = self.peek().clone() else {
            return Err(self.unexpected("a string in label matching"));
        };
        self.advance();
        let span = start..self.last_end();
        match Matcher::new(name, op, value) {
            Ok(matcher) => Ok(Condition::Matcher(matcher)),
            Err(error) => Self::fail(format!("bad regular expression: {}", last_line(&error.to_string())), span),
        }
    }
}

/// The regex crate draws the pattern over several lines; its last line says what is wrong.
pub(crate) fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}
