//! The differences between Prometheus 2.42 and 3.x, each with its reason. There are no others.
//!
//! Most are never asked about: data and expressions are made so that they cannot show. The rest is recognised in the
//! answers. Each has examples, and a test finds that they still differ, so that no exclusion outlives its reason.

use super::compare::Answer;
use super::generate::Question;
use super::tree::{Node, Type};

/// One known difference.
pub(super) struct Exclusion {
    /// What 3.x does differently, or where 2.42 is wrong.
    pub(super) name: &'static str,
    /// Queries at [`super::data::AT`] that show it.
    pub(super) examples: &'static [&'static str],
    /// Whether it is what makes these two answers differ.
    pub(super) explains: fn(&Question, &Answer, &Answer) -> bool,
}

/// Never asked about, so there is nothing to explain.
fn never(_: &Question, _: &Answer, _: &Answer) -> bool {
    false
}

/// We refuse several matches that 2.42 does not notice, because the comparison filters them out.
fn filtered_match(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let text = question.expr.to_string();
    let compares = ["==", "!=", ">", "<", ">=", "<="].iter().any(|op| text.contains(&format!(" {op} ")));
    let refused = matches!(ours, Answer::Error(_, message) if message.starts_with("multiple matches for labels"));
    compares && refused && matches!(theirs, Answer::Series(..))
}

/// 2.42 evaluates what does not depend on time once at the first step, also if that lies behind the end of the range.
fn constant_subquery(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let single =
        |answer: &Answer| matches!(answer, Answer::Series(_, all, _) if all.iter().all(|one| one.1.len() == 1));
    question.expr.kind == Type::Matrix && ours.is_empty() && single(theirs)
}

/// Where a subquery in a subquery begins at the step at which its surroundings begin, Prometheus takes it that the
/// times that `@` fixes below were set for that step already. They were set for another one.
fn subquery_at_its_surroundings_start(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let modifiers = |node: &Node| node.to_string().rsplit_once(']').map(|(_, behind)| behind.contains('@'));
    let is_subquery = |node: &&Node| node.kind == Type::Matrix && node.to_string().contains(")[");
    let fixed = |node: &&Node| is_subquery(node) && modifiers(node) == Some(true);
    let below = |node: &Node| node.all().into_iter().skip(1).cloned().collect::<Vec<_>>();
    let holds = |inner: &Node| below(inner).iter().any(|node| node.to_string().contains('@'));
    let nested =
        question.expr.all().into_iter().filter(is_subquery).any(|outer| below(outer).iter().filter(fixed).any(holds));
    nested && matches!((ours, theirs), (Answer::Series(..), Answer::Series(..)))
}

const fn unasked(name: &'static str, examples: &'static [&'static str]) -> Exclusion {
    Exclusion { name, examples, explains: never }
}

/// All of them.
pub(super) const EXCLUSIONS: &[Exclusion] = &[
    unasked("3.0: a range does not include its left edge", &["count_over_time(edge[5m])"]),
    unasked("3.0: a subquery's range does not include its left edge", &["count_over_time((edge)[5m:1m])"]),
    unasked("3.0: a sample as old as the look-back is too old", &["once"]),
    unasked("3.0: a dot in a pattern matches a line break", &[r#"two_lines{text=~"a.b"}"#]),
    unasked(
        "3.0: holt_winters is called double_exponential_smoothing",
        &["double_exponential_smoothing(alone[5m], 0.5, 0.5)"],
    ),
    unasked("3.0: names may be quoted, and hold any character", &[r#"{"alone"}"#, r#"sum by ("job") (queue)"#]),
    unasked("3.x: a rate is stretched to where a young counter was zero, if at all", &["increase(young_total[5m])"]),
    unasked(
        "3.x: the deviation of what is not finite is not a number",
        &[r#"stddev(odd{kind="nan"})"#, r#"stdvar(odd{kind="inf"})"#],
    ),
    unasked("3.x: atan2 drops the metric name", &["alone atan2 alone", "alone atan2 1"]),
    Exclusion {
        name: "3.x: matches are counted before a comparison filters them out",
        examples: &["build > on (job) limit"],
        explains: filtered_match,
    },
    unasked(
        "3.x: histogram_fraction understands classic buckets",
        &["histogram_fraction(0, 1, latency_seconds_bucket)"],
    ),
    unasked(
        "3.x: after a bucket whose count is not a number, counts may begin anew",
        &["histogram_quantile(0.4, hole_bucket)"],
    ),
    unasked("3.x: fewer than one of the top is nothing, however few", &["topk(-1e19, alone)"]),
    unasked(
        "3.x: functions and aggregations that 2.42 does not have",
        &[
            "first_over_time(alone[5m])",
            "info(alone)",
            "limitk(1, alone)",
            "limit_ratio(1, alone)",
            "mad_over_time(alone[5m])",
            r#"sort_by_label(alone, "job")"#,
            "start()",
            "ts_of_max_over_time(alone[5m])",
        ],
    ),
    unasked(
        "3.x: syntax that 2.42 does not have",
        &["vector(5m)", "sum_over_time(alone[300])", "1_000", "alone + fill (0) alone"],
    ),
    Exclusion {
        name: "2.42 shows a constant subquery that has no step within its range",
        examples: &["(alone @ 1700012400)[1m3ms:5m] offset 2m"],
        explains: constant_subquery,
    },
    Exclusion {
        name: "2.42 and 3.x look in the wrong place where a fixed subquery begins together with the one around it",
        examples: &["(last_over_time((alone @ 1700012400)[6m3ms:1m] @ 1700012400))[6m3ms:1m]"],
        explains: subquery_at_its_surroundings_start,
    },
    unasked("2.42 finds nothing for timestamp() with @ and offset", &["timestamp(alone @ 1700012400 offset 1h)"]),
    unasked(
        "2.42 loses steps of a range with @ beside what changes with time",
        &["predict_linear(alone[5m] @ 1700012400, 60)", "quantile_over_time(time() % 1, alone[5m] @ 1700012400)"],
    ),
    unasked(
        "2.42 moves @ in the parameter of an aggregation along with the steps",
        &["quantile(scalar(alone @ 1700012400) / 1e9, alone)"],
    ),
    unasked(
        "2.42 loses labels of count_values() that it was told twice or that come after the new one",
        &[r#"count_values by (job, job, code) ("instance", errors_total)"#],
    ),
];
