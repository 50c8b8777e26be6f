//! Reads operands: literals, selectors, calls, aggregations, parentheses, and what may follow them
//! (`[range]`, `[range:step]`, `offset`, `@`).

use super::modifiers::named_number;
use super::{ParseError, Parser};
use crate::promql::ast::{Aggregate, AggregateOp, At, Kind, Node, Number, Subquery};
use crate::promql::functions;
use crate::promql::token::TokenKind;

/// Words that only modify, so that they cannot be metric names.
const RESERVED: [&str; 6] = ["bool", "on", "ignoring", "group_left", "group_right", "atan2"];

impl Parser {
    pub(super) fn operand(&mut self) -> Result<Node, ParseError> {
        let mut node = self.primary()?;
        loop {
            if self.is_symbol("[") {
                node = self.bracket(node)?;
            } else if self.is_word("offset") {
                node = self.offset(node)?;
            } else if self.is_symbol("@") {
                node = self.at_time(node)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Result<Node, ParseError> {
        let span = self.span();
        match self.peek().clone() {
            TokenKind::Number(number) => {
                self.advance();
                Self::node(Kind::Number(Number(number)), span)
            }
            #[allow(clippy::cast_precision_loss)]
            TokenKind::Duration(millis) => {
                self.advance();
                Self::node(Kind::Number(Number(millis as f64 / 1000.0)), span)
            }
            TokenKind::String(text) => {
                self.advance();
                Self::node(Kind::String(text), span)
            }
            TokenKind::Symbol("(") => {
                self.advance();
                let inner = self.expression(0)?;
                self.expect_symbol(")", "to close the parenthesis")?;
                Self::node(Kind::Paren(Box::new(inner)), span.start..self.last_end())
            }
            TokenKind::Symbol("{") => self.selector(None),
            TokenKind::Word(word) => self.word(word),
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn word(&mut self, word: String) -> Result<Node, ParseError> {
        let span = self.span();
        let called = matches!(self.peek_second(), TokenKind::Symbol("("));
        if let Some(number) = named_number(&word).filter(|_| !called) {
            self.advance();
            return Self::node(Kind::Number(Number(number)), span);
        }
        if let Some(op) = AggregateOp::from_text(&word) {
            let grouped = matches!(self.peek_second(), TokenKind::Word(w)
                if w.eq_ignore_ascii_case("by") || w.eq_ignore_ascii_case("without"));
            if called || grouped {
                return self.aggregate(op);
            }
        }
        if called {
            return self.call(&word);
        }
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(&word)) {
            return Err(self.unexpected("an expression"));
        }
        self.advance();
        self.selector(Some((word, span)))
    }

    fn call(&mut self, name: &str) -> Result<Node, ParseError> {
        let span = self.span();
        let Some(function) = functions::find(name) else {
            let hint = functions::nearest(name).map_or(String::new(), |near| format!(", did you mean {near:?}?"));
            return Self::fail(format!("unknown function with name {name:?}{hint}"), span);
        };
        self.advance();
        let args = self.arguments()?;
        Self::node(Kind::Call { function, args }, span.start..self.last_end())
    }

    fn arguments(&mut self) -> Result<Vec<Node>, ParseError> {
        self.expect_symbol("(", "before the arguments")?;
        let mut args = Vec::new();
        if self.take_symbol(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            let comma = self.span();
            if self.take_symbol(",") {
                if self.is_symbol(")") {
                    return Self::fail("trailing commas not allowed in function call args", comma);
                }
            } else {
                self.expect_symbol(")", "or \",\" after an argument")?;
                return Ok(args);
            }
        }
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<Node, ParseError> {
        let start = self.span().start;
        self.advance();
        let mut grouping = self.grouping()?;
        let mut args = self.arguments()?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let span = start..self.last_end();
        let wanted = 1 + usize::from(op.has_parameter());
        if args.len() != wanted {
            return Self::fail(
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                    args.len()
                ),
                span,
            );
        }
        let Some(inner) = args.pop() else { return Err(self.unexpected("an expression")) };
        let (without, grouping) = grouping.unwrap_or_default();
        Self::node(Kind::Aggregate(Box::new(Aggregate { op, inner, param: args.pop(), grouping, without })), span)
    }

    /// `by (…)` or `without (…)`: whether it is `without`, and the labels.
    fn grouping(&mut self) -> Result<Option<(bool, Vec<String>)>, ParseError> {
        let without = self.is_word("without");
        if !without && !self.is_word("by") {
            return Ok(None);
        }
        self.advance();
        Ok(Some((without, self.label_list()?)))
    }

    /// `[range]` or `[range:step]`.
    fn bracket(&mut self, node: Node) -> Result<Node, ParseError> {
        let open = self.span();
        self.advance();
        let range = self.duration("a duration such as 5m")?;
        let span = node.span.start;
        if self.take_symbol(":") {
            let step = if self.is_symbol("]") { None } else { Some(self.duration("a duration or \"]\"")?) };
            self.expect_symbol("]", "to close the subquery")?;
            let subquery = Subquery { inner: Box::new(node), range, step, offset: 0, at: None };
            return Self::node(Kind::Subquery(subquery), span..self.last_end());
        }
        self.expect_symbol("]", "or \":\" after the range")?;
        let brackets = open.start..self.last_end();
        match node.kind {
            Kind::Selector(selector) => {
                if selector.offset != 0 {
                    return Self::fail("no offset modifiers allowed before range", brackets);
                }
                if selector.at.is_some() {
                    return Self::fail("no @ modifiers allowed before range", brackets);
                }
                Self::node(Kind::Range(selector, range), span..self.last_end())
            }
            _ => Self::fail("ranges only allowed for vector selectors", brackets),
        }
    }

    /// A duration or a number of seconds, in milliseconds, greater than zero.
    fn duration(&mut self, what: &str) -> Result<i64, ParseError> {
        let span = self.span();
        let millis = self.signed_millis(what)?;
        if millis <= 0 {
            return Self::fail("duration must be greater than 0", span.start..self.last_end());
        }
        Ok(millis)
    }

    fn signed_millis(&mut self, what: &str) -> Result<i64, ParseError> {
        let start = self.span().start;
        let negative = self.is_symbol("-");
        if negative || self.is_symbol("+") {
            self.advance();
        }
        let millis = match self.peek() {
            TokenKind::Duration(millis) => *millis,
            TokenKind::Number(seconds) => match to_millis(*seconds) {
                Some(millis) => millis,
                None => return Self::fail("duration out of range", start..self.span().end),
            },
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(if negative { -millis } else { millis })
    }

    fn offset(&mut self, mut node: Node) -> Result<Node, ParseError> {
        self.advance();
        let millis = self.signed_millis("a duration after \"offset\"")?;
        let span = node.span.start..self.last_end();
        let offset = match &mut node.kind {
            Kind::Selector(selector) | Kind::Range(selector, _) => &mut selector.offset,
            Kind::Subquery(subquery) => &mut subquery.offset,
            _ => {
                return Self::fail(
                    "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                    span,
                );
            }
        };
        if *offset != 0 {
            return Self::fail("offset may not be set multiple times", span);
        }
        *offset = millis;
        node.span = span;
        Ok(node)
    }

    fn at_time(&mut self, mut node: Node) -> Result<Node, ParseError> {
        self.advance();
        let time = if self.is_word("start") || self.is_word("end") {
            let at = if self.is_word("start") { At::Start } else { At::End };
            self.advance();
            self.expect_symbol("(", "after start or end")?;
            self.expect_symbol(")", "after start or end")?;
            at
        } else {
            let start = self.span().start;
            let seconds = self.signed_number("a timestamp, start() or end()")?;
            match to_millis(seconds) {
                Some(millis) => At::Time(millis),
                None => {
                    return Self::fail(
                        format!("timestamp out of bounds for @ modifier: {seconds}"),
                        start..self.last_end(),
                    );
                }
            }
        };
        let span = node.span.start..self.last_end();
        let at = match &mut node.kind {
            Kind::Selector(selector) | Kind::Range(selector, _) => &mut selector.at,
            Kind::Subquery(subquery) => &mut subquery.at,
            _ => {
                return Self::fail(
                    "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                    span,
                );
            }
        };
        if at.is_some() {
            return Self::fail("@ <timestamp> may not be set multiple times", span);
        }
        *at = Some(time);
        node.span = span;
        Ok(node)
    }
}

/// Seconds as milliseconds, rounded; nothing that a duration of Prometheus (64-bit nanoseconds) cannot hold.
#[allow(clippy::cast_possible_truncation)]
fn to_millis(seconds: f64) -> Option<i64> {
    (seconds.is_finite() && seconds.abs() < 9_223_372_036.0 * 1000.0).then(|| (seconds * 1000.0).round() as i64)
}
