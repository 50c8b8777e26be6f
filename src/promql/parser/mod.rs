//! Reads PromQL text into a tree: a Pratt parser over the tokens of [`lexer`](super::lexer).
//!
//! Nesting is counted both on the way down (the parser's own recursion) and in the finished tree (which
//! later walks recurse over), so that no text can exhaust the stack. Types are checked afterwards.

mod modifiers;
mod operand;
mod selector;

use std::ops::Range;

use super::ast::{Binary, BinaryOp, Kind, Node, Number};
use super::lexer::lex;
use super::token::{Token, TokenKind};
use super::{MAX_DEPTH, MAX_QUERY_BYTES, ParseError, check};

/// Binding power of a sign: as `*`, so `-a^b` is `-(a^b)` and `-a*b` is `(-a)*b`.
const SIGN_PRECEDENCE: u8 = 5;

/// Parses and type-checks one expression.
pub(crate) fn parse(text: &str) -> Result<Node, ParseError> {
    if text.len() > MAX_QUERY_BYTES {
        return Err(ParseError {
            message: format!("query is {} bytes long, at most {MAX_QUERY_BYTES} are allowed", text.len()),
            span: 0..text.len(),
        });
    }
    let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0 };
    if parser.peek() == &TokenKind::End {
        return Err(ParseError { message: "no expression found in input".to_owned(), span: 0..text.len() });
    }
    let node = parser.expression(0)?;
    if parser.peek() != &TokenKind::End {
        return Err(parser.unexpected("an operator or the end"));
    }
    check::check(&node)?;
    Ok(node)
}

/// The tokens and how far they are read.
pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        // The lexer always ends with `End`, and `advance` never moves past it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(crate) fn peek(&self) -> &TokenKind {
        &self.token().kind
    }

    fn peek_second(&self) -> &TokenKind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    fn span(&self) -> Range<usize> {
        self.token().span.clone()
    }

    /// End of the token that was read last.
    pub(crate) fn last_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].span.end)
    }

    fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(s) if *s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(w) if w.eq_ignore_ascii_case(word))
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str, context: &str) -> Result<(), ParseError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("\"{symbol}\" {context}"))) }
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        ParseError { message: format!("unexpected {}, expected {expected}", self.peek().describe()), span: self.span() }
    }

    fn fail<T>(message: impl Into<String>, span: Range<usize>) -> Result<T, ParseError> {
        Err(ParseError { message: message.into(), span })
    }

    /// Builds a node; its height is one more than its tallest child's.
    fn node(kind: Kind, span: Range<usize>) -> Result<Node, ParseError> {
        let tallest = match &kind {
            Kind::Number(_) | Kind::String(_) | Kind::Selector(_) | Kind::Range(..) => 0,
            Kind::Subquery(subquery) => subquery.inner.height,
            Kind::Unary { inner, .. } | Kind::Paren(inner) => inner.height,
            Kind::Binary(binary) => binary.left.height.max(binary.right.height),
            Kind::Aggregate(aggregate) => {
                aggregate.inner.height.max(aggregate.param.as_ref().map_or(0, |param| param.height))
            }
            Kind::Call { args, .. } => args.iter().map(|arg| arg.height).max().unwrap_or(0),
        };
        if tallest >= MAX_DEPTH {
            return Self::fail(format!("expression is nested deeper than {MAX_DEPTH} levels"), span);
        }
        Ok(Node { kind, span, height: tallest + 1 })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth >= MAX_DEPTH {
            return Self::fail(format!("expression is nested deeper than {MAX_DEPTH} levels"), self.span());
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads operands joined by operators that bind at least as strongly as `lowest`.
    fn expression(&mut self, lowest: u8) -> Result<Node, ParseError> {
        self.deeper(|parser| {
            let mut left = parser.signed()?;
            while let Some(op) = parser.binary_op().filter(|op| op.precedence() >= lowest) {
                parser.advance();
                left = parser.binary(left, op)?;
            }
            Ok(left)
        })
    }

    fn binary_op(&self) -> Option<BinaryOp> {
        match self.peek() {
            TokenKind::Symbol(symbol) => BinaryOp::from_text(symbol),
            TokenKind::Word(word) => BinaryOp::from_text(word),
            _ => None,
        }
    }

    fn binary(&mut self, left: Node, op: BinaryOp) -> Result<Node, ParseError> {
        let (returns_bool, matching) = self.binary_modifiers()?;
        // Only `^` groups to the right.
        let right_associative = op == BinaryOp::Pow;
        let right = self.expression(op.precedence() + u8::from(!right_associative))?;
        let span = left.span.start..right.span.end;
        Self::node(Kind::Binary(Box::new(Binary { op, left, right, returns_bool, matching })), span)
    }

    /// Reads signs and the operand after them.
    fn signed(&mut self) -> Result<Node, ParseError> {
        let start = self.span().start;
        let negative = self.is_symbol("-");
        if !negative && !self.is_symbol("+") {
            return self.operand();
        }
        self.advance();
        let inner = self.expression(SIGN_PRECEDENCE + 1)?;
        let span = start..inner.span.end;
        match inner.kind {
            Kind::Number(Number(number)) => {
                Self::node(Kind::Number(Number(if negative { -number } else { number })), span)
            }
            _ => Self::node(Kind::Unary { negative, inner: Box::new(inner) }, span),
        }
    }
}

#[cfg(test)]
mod tests;
