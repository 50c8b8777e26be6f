//! The differences between Prometheus 2.42 and 3.x, each with its reason. There are no others.
//!
//! Most are never asked about: data and expressions are made so that they cannot show. The rest is recognised in the
//! answers. Each has examples, and a test finds that they still differ, so that no exclusion outlives its reason.

use super::compare::Answer;
use super::generate::Question;

/// One known difference.
pub(super) struct Exclusion {
    pub(super) name: &'static str,
    /// Queries at [`AT`] that show it, empty where it cannot be shown reliably.
    pub(super) examples: &'static [&'static str],
    /// Whether it is what makes these two answers differ.
    pub(super) explains: fn(&Question, &Answer, &Answer) -> bool,
}

/// Never asked about, so it explains nothing.
fn never(_: &Question, _: &Answer, _: &Answer) -> bool {
    false
}

/// 3.x counts every match; 2.42 forgets those that the comparison filters out.
fn filtered_match(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let text = question.expr.to_string();
    let compares = ["==", "!=", ">", "<"].iter().any(|op| text.contains(&format!(") {op}")) || text.contains(&format!(" {op}")));
    let refused = matches!(ours, Answer::Error(_, message) if message.starts_with("multiple matches for labels"));
    compares && refused && matches!(theirs, Answer::Series(..))
}

/// All of them.
pub(super) const EXCLUSIONS: &[Exclusion] = &[
    Exclusion {
        name: "a comparison between vectors filters before it counts matches",
        examples: &["build > on (job) limit"],
        explains: filtered_match,
    },
    Exclusion { name: "x", examples: &["alone atan2 alone"], explains: never },
];
