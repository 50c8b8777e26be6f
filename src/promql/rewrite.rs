//! Rewrites the text of expressions without touching what is not meant: comments and layout stay.

use super::lexer::lex;
use super::token::TokenKind;
use crate::model::Duration;

/// The text with every duration divided by `divisor`, at least one millisecond; `5m` over 10 becomes `30s`.
///
/// Plain numbers count as durations where only a duration may stand: in square brackets and after `offset`.
/// A text that is not PromQL is answered unchanged, and so is one with a divisor of zero.
#[must_use]
pub fn scale_durations(text: &str, divisor: u32) -> String {
    let Ok(tokens) = lex(text) else { return text.to_owned() };
    if divisor == 0 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut in_brackets, mut after_offset) = (0, false, false);
    for token in &tokens {
        #[allow(clippy::cast_possible_truncation)]
        let millis = match &token.kind {
            TokenKind::Duration(millis) => Some(*millis),
            TokenKind::Number(seconds) if in_brackets || after_offset => Some((seconds * 1000.0).round() as i64),
            _ => None,
        };
        match &token.kind {
            TokenKind::Symbol("[") => in_brackets = true,
            TokenKind::Symbol("]") => in_brackets = false,
            _ => {}
        }
        // A sign may stand between `offset` and its duration.
        let sign = matches!(token.kind, TokenKind::Symbol("-" | "+")) && after_offset;
        after_offset = sign || matches!(&token.kind, TokenKind::Word(word) if word.eq_ignore_ascii_case("offset"));
        let Some(millis) = millis.filter(|millis| *millis > 0) else { continue };
        let scaled = (millis.unsigned_abs() / u64::from(divisor)).max(1);
        out.push_str(&text[copied..token.span.start]);
        out.push_str(&Duration::from_millis(scaled).to_string());
        copied = token.span.end;
    }
    out.push_str(&text[copied..]);
    out
}

#[cfg(test)]
mod tests {
    use super::scale_durations;

    #[test]
    fn every_duration_is_divided_and_nothing_else_is_touched() {
        for (text, divisor, scaled) in [
            ("rate(x_5m[5m]) > 0.5 # 5m", 10, "rate(x_5m[30s]) > 0.5 # 5m"),
            ("max_over_time(x[1h:1m] offset -10m)", 60, "max_over_time(x[1m:1s] offset -10s)"),
            ("x[300] offset 60", 3, "x[1m40s] offset 20s"),
            ("x{a=\"5m\"}[1ms]", 10, "x{a=\"5m\"}[1ms]"),
            ("broken[", 10, "broken["),
            ("broken ~", 10, "broken ~"),
        ] {
            assert_eq!(scale_durations(text, divisor), scaled);
        }
    }
}
