//! Splits PromQL text into tokens, each with its bytes.
//!
//! Numbers, durations and strings are decoded here, so that a mistake in one points at its own place.
//! Follows the lexical rules of Prometheus 3: `#` comments, Go's string escapes, raw strings in backticks,
//! digits grouped by `_`, hexadecimal and octal integers.

use std::ops::Range;

use super::ParseError;
use super::token::{Token, TokenKind};
use crate::model::Duration;

/// Longest duration in milliseconds: what 64-bit nanoseconds can hold, as in Prometheus.
const MAX_DURATION: u128 = (i64::MAX / 1_000_000) as u128;

/// Longest first, so that `=~` is not read as `=`.
const SYMBOLS: [&str; 25] = [
    "==", "=~", "!=", "!~", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "[", "]", "{", "}", ",",
    ":", "@", ";",
];

/// Splits the whole text; the last token is [`TokenKind::End`].
///
/// # Errors
/// A character or literal that PromQL does not know.
pub fn lex(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer::new(text);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let done = token.kind == TokenKind::End;
        tokens.push(token);
        if done {
            return Ok(tokens);
        }
    }
}

/// Reads one token at a time; used alone where only the start of a text is PromQL.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// A colon in square brackets separates range and step; elsewhere it is part of a name.
    brackets: usize,
}

fn error(message: impl Into<String>, span: Range<usize>) -> ParseError {
    ParseError { message: message.into(), span }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, brackets: 0 }
    }

    /// Where the next token would start, white space not skipped.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blank(&mut self) {
        loop {
            let trimmed = self.rest().trim_start_matches([' ', '\t', '\n', '\r']);
            self.at = self.text.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    pub(crate) fn next(&mut self) -> Result<Token, ParseError> {
        self.skip_blank();
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token { kind: TokenKind::End, span: start..start });
        };
        let kind = if first.is_ascii_digit() || starts_with_fraction(rest) {
            self.number()?
        } else if is_word_start(first) || (first == ':' && self.brackets == 0) {
            self.word()
        } else if matches!(first, '"' | '\'' | '`') {
            self.string(first)?
        } else {
            self.symbol(first)?
        };
        Ok(Token { kind, span: start..self.at })
    }

    fn word(&mut self) -> TokenKind {
        let colons = self.brackets == 0;
        let rest = self.rest();
        let len =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || (c == ':' && colons))).unwrap_or(rest.len());
        self.at += len;
        TokenKind::Word(rest[..len].to_owned())
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind, ParseError> {
        let rest = self.rest();
        let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) else {
            let span = self.at..self.at + first.len_utf8();
            return Err(error(format!("unexpected character {first:?}"), span));
        };
        self.at += symbol.len();
        match symbol {
            "[" => self.brackets += 1,
            "]" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        Ok(TokenKind::Symbol(symbol))
    }

    fn number(&mut self) -> Result<TokenKind, ParseError> {
        let start = self.at;
        let rest = self.rest();
        let word_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = &rest[..word_end];
        if is_duration(word) {
            self.at += word_end;
            let span = start..self.at;
            let duration: Duration = word.parse().map_err(|_| {
                error(format!("bad duration {word:?}: write for example 15s, 5m or 1h30m, largest unit first"), span)
            })?;
            let millis = duration.std().as_millis();
            return match i64::try_from(millis) {
                Ok(millis) if u128::from(millis.unsigned_abs()) <= MAX_DURATION => Ok(TokenKind::Duration(millis)),
                _ => Err(error(format!("duration {word:?} is out of range, at most 292y"), start..self.at)),
            };
        }
        let len = number_len(rest);
        self.at += len;
        // A number that runs into a word, such as `1foo`, is a mistake and not two tokens.
        let tail = self.rest().find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest().len());
        let written = &rest[..len + tail];
        match parse_number(&rest[..len]).filter(|_| tail == 0) {
            Some(number) => Ok(TokenKind::Number(number)),
            None => Err(error(format!("bad number or duration {written:?}"), start..self.at + tail)),
        }
    }

    fn string(&mut self, quote: char) -> Result<TokenKind, ParseError> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                return Err(error("string is not closed", start..self.at));
            };
            let here = self.at;
            self.at += c.len_utf8();
            match c {
                c if c == quote => break,
                '\n' if quote != '`' => {
                    return Err(error("string is not closed before the end of the line", start..here));
                }
                '\\' if quote != '`' => self.escape(here, quote, &mut bytes)?,
                c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(TokenKind::String(text)),
            Err(_) => Err(error("string is not valid UTF-8 after its escapes", start..self.at)),
        }
    }

    /// One escape sequence of Go; the backslash at `start` is already read.
    fn escape(&mut self, start: usize, quote: char, out: &mut Vec<u8>) -> Result<(), ParseError> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or('\0');
        let plain = match first {
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'n' => Some(b'\n'),
            'r' => Some(b'\r'),
            't' => Some(b'\t'),
            'v' => Some(11),
            '\\' => Some(b'\\'),
            c if c == quote => Some(c as u8),
            _ => None,
        };
        if let Some(byte) = plain {
            self.at += 1;
            out.push(byte);
            return Ok(());
        }
        let bad =
            |len: usize| error("unknown escape sequence in string", start..(start + 1 + len).min(self.text.len()));
        let (digits, radix, skip) = match first {
            'x' => (2, 16, 1),
            'u' => (4, 16, 1),
            'U' => (8, 16, 1),
            '0'..='7' => (3, 8, 0),
            c => return Err(bad(c.len_utf8())),
        };
        let code = rest.get(skip..skip + digits).filter(|code| code.chars().all(|c| c.is_digit(radix)));
        let value = code.and_then(|code| u32::from_str_radix(code, radix).ok()).ok_or_else(|| bad(1))?;
        if digits > 3 {
            let c = char::from_u32(value).ok_or_else(|| bad(skip + digits))?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(u8::try_from(value).map_err(|_| bad(skip + digits))?);
        }
        self.at += skip + digits;
        Ok(())
    }
}

/// Whether a word that starts with a digit is meant as a duration: digits and units of `ms smhdwy` alternating.
fn is_duration(word: &str) -> bool {
    let mut rest = word;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == rest.len() {
            return false;
        }
        rest = match after.strip_prefix("ms").or_else(|| after.strip_prefix(['s', 'm', 'h', 'd', 'w', 'y'])) {
            Some(rest) => rest,
            None => return false,
        };
    }
    !word.is_empty()
}

fn starts_with_fraction(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('.') && chars.next().is_some_and(|c| c.is_ascii_digit())
}

/// How many bytes of the text belong to the number it starts with.
pub(crate) fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let run = |from: usize, accept: fn(&u8) -> bool| {
        from + bytes[from..].iter().take_while(|b| accept(b) || **b == b'_').count()
    };
    if text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) {
        return run(2, u8::is_ascii_hexdigit);
    }
    let mut end = run(0, u8::is_ascii_digit);
    if bytes.get(end) == Some(&b'.') {
        end = run(end + 1, u8::is_ascii_digit);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let digits = if matches!(bytes.get(end + 1), Some(b'+' | b'-')) { end + 2 } else { end + 1 };
        if bytes.get(digits).is_some_and(u8::is_ascii_digit) {
            end = run(digits, u8::is_ascii_digit);
        }
    }
    end
}

/// Decodes a number as Go's `ParseInt` with base 0 and then `ParseFloat` would.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    if text.ends_with('_') || text.contains("__") {
        return None;
    }
    let plain = text.replace('_', "");
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        #[allow(clippy::cast_precision_loss)]
        return i64::from_str_radix(hex, 16).ok().map(|n| n as f64);
    }
    if plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        #[allow(clippy::cast_precision_loss)]
        return i64::from_str_radix(&plain, 8).ok().map(|n| n as f64);
    }
    plain.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        lex(text).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn numbers_durations_and_words_are_told_apart() {
        use TokenKind::{Duration, End, Number, Symbol, Word};
        assert_eq!(
            kinds("1e3 0x1F 010 1_000 .5 2."),
            [1000., 31., 8., 1000., 0.5, 2.].map(Number).into_iter().chain([End]).collect::<Vec<_>>()
        );
        assert_eq!(
            kinds("x[1h30m:5m]"),
            [Word("x".into()), Symbol("["), Duration(5_400_000), Symbol(":"), Duration(300_000), Symbol("]"), End]
        );
        assert_eq!(kinds("job:rate:5m"), [Word("job:rate:5m".into()), End]);
    }

    #[test]
    fn a_bad_literal_is_pointed_at() {
        for (text, span) in
            [("a + 1foo", 4..8), ("\"abc", 0..4), ("x{a=\"\\q\"}", 5..7), ("a ~ b", 2..3), ("x[1m1h]", 2..6)]
        {
            assert_eq!(lex(text).unwrap_err().span, span, "{text}");
        }
    }

    #[test]
    fn strings_follow_the_escapes_of_go() {
        assert_eq!(
            kinds(r#""a\n\x41\u00e9\101" '\'' `\n`"#)[..3],
            ["a\nAéA", "'", "\\n"].map(|s| TokenKind::String(s.into()))
        );
    }
}
