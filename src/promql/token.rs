//! Tokens of PromQL with their place in the text.
//!
//! Words are not split into keywords and names here: `sum`, `by` or `offset` may also be metric names, and
//! only the parser knows which is meant.

use std::ops::Range;

/// One token and the bytes it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes in the query text.
    pub span: Range<usize>,
}

/// The kinds of tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    /// A word: keyword, function, label or metric name (which may contain colons).
    Word(String),
    /// A number such as `1e3`, `0x1f` or `1_000`.
    Number(f64),
    /// A duration such as `1h30m`, in milliseconds.
    Duration(i64),
    /// A string literal, unquoted.
    String(String),
    /// A punctuation mark or an operator made of symbols.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

impl TokenKind {
    /// How an error message names the token.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("\"{word}\""),
            Self::Number(number) => format!("number {number}"),
            Self::Duration(_) => "duration".to_owned(),
            Self::String(text) => format!("string {text:?}"),
            Self::Symbol(symbol) => format!("\"{symbol}\""),
            Self::End => "end of input".to_owned(),
        }
    }
}
