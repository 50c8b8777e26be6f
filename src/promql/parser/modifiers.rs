//! What may stand between a binary operator and its right operand, and lists of labels.

use super::Parser;
use crate::promql::ParseError;
use crate::promql::ast::{Cardinality, Matching, Number};
use crate::promql::token::TokenKind;

impl Parser {
    /// Reads `bool`, `on` or `ignoring`, `group_left` or `group_right`, and fill values.
    pub(super) fn binary_modifiers(&mut self) -> Result<(bool, Matching), ParseError> {
        let returns_bool = self.take_word("bool");
        let mut matching = Matching { on: self.is_word("on"), ..Matching::default() };
        if matching.on || self.is_word("ignoring") {
            self.advance();
            matching.written = true;
            matching.labels = self.label_list()?;
            if self.is_word("group_left") || self.is_word("group_right") {
                let left = self.is_word("group_left");
                matching.cardinality = if left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                self.advance();
                if self.is_symbol("(") {
                    matching.include = self.label_list()?;
                }
            }
        }
        self.fill_modifiers(&mut matching)?;
        Ok((returns_bool, matching))
    }

    /// `fill(v)`, `fill_left(v)`, `fill_right(v)`; without parentheses these words are metric names.
    fn fill_modifiers(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        while matches!(self.peek_second(), TokenKind::Symbol("(")) {
            let (left, right) =
                (self.is_word("fill") || self.is_word("fill_left"), self.is_word("fill") || self.is_word("fill_right"));
            if !left && !right {
                return Ok(());
            }
            let span = self.span();
            self.advance();
            self.expect_symbol("(", "before the fill value")?;
            let value = Number(self.signed_number("a number to fill in")?);
            self.expect_symbol(")", "after the fill value")?;
            if (left && matching.fill_left.is_some()) || (right && matching.fill_right.is_some()) {
                return Self::fail("fill value may not be set multiple times", span.start..self.last_end());
            }
            if left {
                matching.fill_left = Some(value);
            }
            if right {
                matching.fill_right = Some(value);
            }
        }
        Ok(())
    }

    /// A number with an optional sign; a duration counts as its seconds.
    pub(super) fn signed_number(&mut self, what: &str) -> Result<f64, ParseError> {
        let negative = self.is_symbol("-");
        if negative || self.is_symbol("+") {
            self.advance();
        }
        #[allow(clippy::cast_precision_loss)]
        let number = match self.peek() {
            TokenKind::Number(number) => *number,
            TokenKind::Duration(millis) => *millis as f64 / 1000.0,
            TokenKind::Word(word) => match named_number(word) {
                Some(number) => number,
                None => return Err(self.unexpected(what)),
            },
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(if negative { -number } else { number })
    }

    /// `(a, b, "c.d")`, sorted; a trailing comma is allowed.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect_symbol("(", "before a list of labels")?;
        let mut labels = Vec::new();
        while !self.is_symbol(")") {
            match self.peek() {
                TokenKind::Word(word) if !word.contains(':') => labels.push(word.clone()),
                TokenKind::String(name) if !name.is_empty() => labels.push(name.clone()),
                _ => return Err(self.unexpected("a label name or \")\"")),
            }
            self.advance();
            if !self.take_symbol(",") && !self.is_symbol(")") {
                return Err(self.unexpected("\",\" or \")\" in the list of labels"));
            }
        }
        self.advance();
        labels.sort();
        labels.dedup();
        Ok(labels)
    }
}

/// `inf` and `nan` in any case of letters.
pub(super) fn named_number(word: &str) -> Option<f64> {
    match word.to_ascii_lowercase().as_str() {
        "inf" => Some(f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    }
}
