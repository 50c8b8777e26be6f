//! Text from outside as a cell of a small table: clean of secrets, on one line, short.

use std::sync::LazyLock;

use regex::Regex;

use crate::memory_api::Redactor;

/// Longest text of a cell, in characters.
const LONGEST: usize = 120;

/// Times and durations with more digits than anybody reads.
#[allow(clippy::expect_used)] // a constant expression, compiled by a test
static FRACTION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(\d\d:\d\d:\d\d)\.\d+").expect("a valid expression"));

/// As it is shown; nothing for null.
pub(super) fn cell(text: Option<&str>) -> String {
    let Some(text) = text else { return String::new() };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = Redactor::default().clean(&text);
    cut(&FRACTION.replace_all(&text, "$1"), LONGEST)
}

/// The first so many characters, and a sign if there were more.
pub(super) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_clean_and_short() {
        for (text, shown) in [
            (None, ""),
            (Some("01:02:03.456789"), "01:02:03"),
            (Some("2026-11-23T02:41:31.123456+00:00"), "2026-11-23T02:41:31+00:00"),
            (Some("a\n  b\tc"), "a b c"),
            (Some("invalid key sk-ant-REDACTED"), "invalid key [redacted]"),
        ] {
            assert_eq!(cell(text), shown);
        }
        let long = cell(Some(&"é".repeat(500)));
        assert_eq!((long.chars().count(), long.ends_with("é…")), (LONGEST + 1, true));
    }
}
