//! The notation for test series: `metric{label="x"} 1 2 _ 3+2x4 stale`.
//!
//! Shared by PromQL test scripts and unit tests of rules. A value is a number, `stale`, `_` for none, or a
//! run: `5x3` is 5 four times, `1+2x3` is 1 3 5 7, `_x3` is three times none. Native histograms (`{{…}}`)
//! are recognised, so that callers can say that they are out of scope, but not read.

use super::ParseError;
use super::lexer::{Lexer, number_len};
use super::token::{Token, TokenKind};
use crate::model::labels::METRIC_NAME;
use crate::model::{Labels, STALE_MARKER};

/// Most values one series may expand to.
pub const MAX_VALUES: usize = 10_000_000;

/// One position of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SequenceValue {
    /// No sample here.
    Omitted,
    /// A sample; `stale` gives the staleness marker.
    Float(f64),
    /// A native histogram, which is not read.
    Histogram,
}

fn error<T>(message: impl Into<String>, at: usize, end: usize) -> Result<T, ParseError> {
    Err(ParseError { message: message.into(), span: at..end })
}

/// Reads labels and values.
///
/// # Errors
/// The text is not in the notation; the span is in bytes of `text`.
pub fn parse_series(text: &str) -> Result<(Labels, Vec<SequenceValue>), ParseError> {
    let (labels, end) = labels_prefix(text)?;
    let values = values_from(text, end)?;
    Ok((labels, values))
}

/// Reads labels alone: `metric{label="x"}`, `{"utf-8 name", label="x"}`.
///
/// # Errors
/// The text is not a label set or goes on after it.
pub fn parse_labels(text: &str) -> Result<Labels, ParseError> {
    let (labels, end) = labels_prefix(text)?;
    if text[end..].trim().is_empty() { Ok(labels) } else { error("unexpected text after the labels", end, text.len()) }
}

/// Reads values alone.
///
/// # Errors
/// The text is not in the notation.
pub fn parse_values(text: &str) -> Result<Vec<SequenceValue>, ParseError> {
    values_from(text, 0)
}

/// Reads a label set at the start of the text; answers where it ends.
fn unexpected<T>(token: &Token, wanted: &str) -> Result<T, ParseError> {
    let message = format!("unexpected {}, expected {wanted}", token.kind.describe());
    error(message, token.span.start, token.span.end)
}

fn labels_prefix(text: &str) -> Result<(Labels, usize), ParseError> {
    let mut lexer = Lexer::new(text);
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut token = lexer.next()?;
    let mut end = 0;
    if let TokenKind::Word(name) = &token.kind {
        pairs.push((METRIC_NAME.to_owned(), name.clone()));
        end = token.span.end;
        let next = text[end..].trim_start();
        if !next.starts_with('{') || next.starts_with("{{") {
            return Ok((pairs.into_iter().collect(), end));
        }
        token = lexer.next()?;
    }
    if token.kind != TokenKind::Symbol("{") {
        return unexpected(&token, "a series");
    }
    loop {
        let name = lexer.next()?;
        let (label, quoted) = match name.kind {
            TokenKind::Symbol("}") => break,
            TokenKind::Word(label) => (label, false),
            TokenKind::String(label) => (label, true),
            ref other => {
                let message = format!("unexpected {}, expected a label name or \"}}\"", other.describe());
                return error(message, name.span.start, name.span.end);
            }
        };
        let mut next = lexer.next()?;
        if next.kind == TokenKind::Symbol("=") {
            let value = lexer.next()?;
            let TokenKind::String(value) = value.kind else {
                return error("expected a label value in quotes", value.span.start, value.span.end);
            };
            pairs.push((label, value));
            next = lexer.next()?;
        } else if quoted && end == 0 && !pairs.iter().any(|(name, _)| name == METRIC_NAME) {
            pairs.push((METRIC_NAME.to_owned(), label));
        } else {
            return error("expected \"=\" after the label name", next.span.start, next.span.end);
        }
        match next.kind {
            TokenKind::Symbol(",") => {}
            TokenKind::Symbol("}") => break,
            _ => return unexpected(&next, "\",\" or \"}\""),
        }
    }
    Ok((pairs.into_iter().collect(), lexer.position()))
}

fn values_from(text: &str, start: usize) -> Result<Vec<SequenceValue>, ParseError> {
    let mut values = Vec::new();
    let mut at = start;
    loop {
        let rest = &text[at..];
        at = text.len() - rest.trim_start().len();
        if at == text.len() {
            return Ok(values);
        }
        let end = item_end(text, at);
        expand(&text[at..end], at, &mut values)?;
        at = end;
    }
}

/// Where an item ends: at the next blank outside of `{{…}}`.
fn item_end(text: &str, at: usize) -> usize {
    let mut end = at;
    loop {
        let rest = &text[end..];
        let blank = rest.find(char::is_whitespace).unwrap_or(rest.len());
        match rest.find("{{") {
            Some(open) if open < blank => {
                end += rest[open..].find("}}").map_or(rest.len(), |close| open + close + 2);
            }
            _ => return end + blank,
        }
    }
}

/// Expands one item such as `1+2x3`.
fn expand(item: &str, at: usize, values: &mut Vec<SequenceValue>) -> Result<(), ParseError> {
    let bad = |message: &str| error(format!("{message}: {item:?}"), at, at + item.len());
    let Some((first, step, times)) = read_item(item) else {
        return bad("bad series value, write for example 1, 1.5x3, 1+2x3, _, _x3 or stale");
    };
    let count = match (first, times) {
        (_, None) => 1,
        (SequenceValue::Omitted, Some(times)) => times,
        (_, Some(times)) => times.saturating_add(1),
    };
    if values.len().saturating_add(count) > MAX_VALUES {
        return bad("series expands to too many values");
    }
    let mut value = first;
    for _ in 0..count {
        values.push(value);
        // Adding nothing would already make another not-a-number of the staleness marker.
        if let SequenceValue::Float(number) = &mut value
            && step != 0.0
        {
            *number += step;
        }
    }
    Ok(())
}

/// Start, step and repetitions of an item.
fn read_item(item: &str) -> Option<(SequenceValue, f64, Option<usize>)> {
    if item.contains("{{") {
        let tail = &item[item.rfind("}}")? + 2..];
        return Some((SequenceValue::Histogram, 0.0, times(tail)?));
    }
    if let Some(tail) = item.strip_prefix('_') {
        return Some((SequenceValue::Omitted, 0.0, times(tail)?));
    }
    if let Some(tail) = item.strip_prefix("stale") {
        return Some((SequenceValue::Float(STALE_MARKER), 0.0, times(tail)?));
    }
    let (first, tail) = signed_number(item)?;
    if tail.starts_with(['+', '-']) {
        let (step, tail) = signed_number(tail)?;
        return Some((SequenceValue::Float(first), step, Some(times(tail)??)));
    }
    Some((SequenceValue::Float(first), 0.0, times(tail)?))
}

/// `x3` at the end of an item, or nothing there.
#[allow(clippy::option_option)]
fn times(tail: &str) -> Option<Option<usize>> {
    if tail.is_empty() { Some(None) } else { tail.strip_prefix('x')?.parse().ok().map(Some) }
}

/// A number with an optional sign, and what follows it. Hexadecimal is not read: `0x3` is a repetition.
fn signed_number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let word = unsigned.get(..3).unwrap_or_default().to_ascii_lowercase();
    let (number, len) = match word.as_str() {
        "inf" => (f64::INFINITY, 3),
        "nan" => (f64::NAN, 3),
        _ => {
            let len = if unsigned.starts_with("0x") { 1 } else { number_len(unsigned) };
            (unsigned[..len].replace('_', "").parse().ok()?, len)
        }
    };
    Some((if negative { -number } else { number }, &unsigned[len..]))
}

#[cfg(test)]
mod tests {
    use super::SequenceValue::{Float, Histogram, Omitted};
    use super::*;

    #[test]
    fn runs_gaps_and_markers_expand() {
        let values = parse_values("1 -2.5 1+2x2 10-3x1 _ _x2 0x2 5x0 Inf -Inf 1e3").unwrap();
        let floats = |list: &[f64]| list.iter().map(|v| Float(*v)).collect::<Vec<_>>();
        let mut expected = floats(&[1., -2.5, 1., 3., 5., 10., 7.]);
        expected.extend([Omitted; 3]);
        expected.extend(floats(&[0., 0., 0., 5., f64::INFINITY, f64::NEG_INFINITY, 1000.]));
        assert_eq!(values, expected);
        assert!(matches!(parse_values("stale").unwrap()[..], [Float(v)] if crate::model::is_stale(v)));
        let run = parse_values("stalex2").unwrap();
        assert!(run.len() == 3 && run.iter().all(|v| matches!(v, Float(v) if crate::model::is_stale(*v))), "{run:?}");
    }

    #[test]
    fn labels_may_be_quoted_and_blanks_do_not_matter() {
        let (labels, values) = parse_series("a:b{ x = \"1\" ,}   1 2").unwrap();
        assert_eq!(labels, Labels::from_pairs([("__name__", "a:b"), ("x", "1")]));
        assert_eq!(values.len(), 2);
        let utf8 = parse_labels("{\"my.metric\", \"a.b\"=\"c\"}").unwrap();
        assert_eq!(utf8, Labels::from_pairs([("__name__", "my.metric"), ("a.b", "c")]));
        assert_eq!(parse_series("{} 1").unwrap().0, Labels::empty());
    }

    #[test]
    fn native_histograms_are_recognised_with_their_blanks() {
        let values = parse_values("{{sum:1 count:2}}x1 1 {{a}}+{{b c}}x2").unwrap();
        assert_eq!(values, [Histogram, Histogram, Float(1.), Histogram, Histogram, Histogram]);
    }

    #[test]
    fn mistakes_are_pointed_at() {
        assert_eq!(parse_series("a 1 2foo").unwrap_err().span, 4..8);
        assert_eq!(parse_series("a{b=1} 1").unwrap_err().span, 4..5);
        for bad in ["1x", "x3", "1+2", "1+", "--1", "{{", "1x99999999999999999999", "1x99999999"] {
            assert!(parse_values(bad).is_err(), "{bad}");
        }
    }
}
