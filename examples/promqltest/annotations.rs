//! Compares warnings and infos with what a script expects.

use memsentry::promql::Answer;

use super::script::{Expected, Text};

/// What is wrong with the annotations of an answer.
pub fn check(expected: &Expected, answer: &Answer) -> Result<(), String> {
    kind("warn", &expected.warns, expected.no_warn, &answer.warnings)?;
    kind("info", &expected.infos, expected.no_info, &answer.infos)
}

fn kind(name: &str, wanted: &[Text], none: bool, got: &[String]) -> Result<(), String> {
    if none && !got.is_empty() {
        return Err(format!("expected no {name} annotation\n  got {got:?}"));
    }
    for text in wanted {
        if !got.iter().any(|annotation| text.accepts(annotation)) {
            return Err(format!("expected {name} annotation {}\n  got {got:?}", text.describe()));
        }
    }
    match got.iter().find(|annotation| !wanted.is_empty() && !wanted.iter().any(|text| text.accepts(annotation))) {
        Some(other) => Err(format!("unexpected {name} annotation {other:?}")),
        None => Ok(()),
    }
}
