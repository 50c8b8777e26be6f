//! The differences between Prometheus 2.42 and 3.x, each with its reason. There are no others.
//!
//! Most are never asked about: data and expressions are made so that they cannot show. The rest is recognised in the
//! answers. Each has examples, and a test finds that they still differ, so that no exclusion outlives its reason.

use memsentry::promql::ast::{At, Kind, Node, Subquery};
use memsentry::promql::{self, Expr};

use super::compare::Answer;
use super::generate::Question;
use super::tree::Type;

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
    // Any white space may stand around an operator.
    let text = question.expr.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
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

fn parsed(question: &Question) -> Option<Expr> {
    promql::parse(&question.expr.to_string()).ok()
}

/// Prometheus turns `@` into an offset from the time at which an evaluation begins, and forgets to do so anew for a
/// subquery whose first step is that very time.
fn coinciding_subquery(question: &Question, _: &Answer, _: &Answer) -> bool {
    let Some(expr) = parsed(question) else { return false };
    let end = question.range.map_or(question.start, |(end, _)| end);
    coincides(expr.root(), question.start, (question.start, end))
}

/// Whether that happens below a node that is evaluated from `begin` on.
fn coincides(node: &Node, begin: i64, (start, end): (i64, i64)) -> bool {
    let mut found = false;
    let mut below = Vec::new();
    direct(node, &mut below);
    for subquery in below {
        let at = subquery.at.map_or(begin, |at| match at {
            At::Time(at) => at,
            At::Start => start,
            At::End => end,
        });
        let step = subquery.step.unwrap_or(60_000);
        let first = (at - subquery.offset - subquery.range + step - 1).div_euclid(step) * step;
        let mut fixed = false;
        subquery.inner.walk(&mut |node| {
            fixed |= match &node.kind {
                Kind::Selector(selector) | Kind::Range(selector, _) => selector.at.is_some(),
                Kind::Subquery(subquery) => subquery.at.is_some(),
                _ => false,
            };
        });
        found |= (first == begin && fixed) || coincides(&subquery.inner, first, (start, end));
    }
    found
}

/// The subqueries of a node that are not within another.
fn direct<'n>(node: &'n Node, found: &mut Vec<&'n Subquery>) {
    match &node.kind {
        Kind::Subquery(subquery) => found.push(subquery),
        Kind::Unary { inner, .. } | Kind::Paren(inner) => direct(inner, found),
        Kind::Binary(binary) => [&binary.left, &binary.right].into_iter().for_each(|side| direct(side, found)),
        Kind::Aggregate(aggregate) => {
            aggregate.param.iter().chain([&aggregate.inner]).for_each(|part| direct(part, found));
        }
        Kind::Call { args, .. } => args.iter().for_each(|arg| direct(arg, found)),
        Kind::Number(_) | Kind::String(_) | Kind::Selector(_) | Kind::Range(..) => {}
    }
}

/// Both answers have the same samples, but for values that `explains` takes.
fn values_differ_only(ours: &Answer, theirs: &Answer, explains: fn(f64, f64) -> bool) -> bool {
    let (Answer::Series(_, ours, _), Answer::Series(_, theirs, _)) = (ours, theirs) else { return false };
    let samples = |all: &[super::compare::Series]| -> Vec<(String, f64, f64)> {
        let one = |(labels, samples): &super::compare::Series| {
            samples.iter().map(|(at, value)| (labels.clone(), *at, *value)).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = all.iter().flat_map(one).collect();
        all.sort_by(|a, b| (&a.0, a.1).partial_cmp(&(&b.0, b.1)).expect("times are numbers"));
        all
    };
    let (ours, theirs) = (samples(ours), samples(theirs));
    #[allow(clippy::float_cmp)] // both read the same text
    let explained = |a: &(String, f64, f64), b: &(String, f64, f64)| {
        a.0 == b.0 && a.1 == b.1 && (a.2 == b.2 || (a.2.is_nan() && b.2.is_nan()) || explains(a.2, b.2))
    };
    ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(ours, theirs)| explained(ours, theirs))
}

/// A sum of nothing but negative zeros is one in 2.42; and which of two zeros is the largest depends on who comes first.
fn sign_of_zero(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let text = question.expr.to_string();
    let picks = ["sum", "avg", "min", "max", "topk", "bottomk", "quantile"].iter().any(|name| text.contains(name));
    let shows = text.contains('/') || text.contains("atan2") || text.contains('^');
    let opposite = |ours: f64, theirs: f64| {
        let half_turn = |a: f64, b: f64| a == 0.0 && (b.abs() - std::f64::consts::PI).abs() < 1e-9;
        (ours.is_infinite() && ours == -theirs) || half_turn(ours, theirs) || half_turn(theirs, ours)
    };
    picks && shows && values_differ_only(ours, theirs, opposite)
}

/// On x86, Go's exponential function is infinite for results in the upper half of the largest power of two.
fn early_overflow(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let text = question.expr.to_string();
    let early = |ours: f64, theirs: f64| theirs.is_infinite() && ours.abs() > 2f64.powi(1022) && ours * theirs > 0.0;
    ["exp(", "cosh(", "sinh("].iter().any(|name| text.contains(name)) && values_differ_only(ours, theirs, early)
}

/// 2.42 goes into what a subquery without a step holds: it makes room for less than no steps there and panics, or finds
/// fault with the steps of a subquery within.
fn no_step(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let Some(expr) = parsed(question) else { return false };
    let mut nested = false;
    expr.root().walk(&mut |node| {
        // Others have a step within their range.
        if let Kind::Subquery(subquery) = &node.kind
            && subquery.step.unwrap_or(60_000) > subquery.range
        {
            subquery.inner.walk(&mut |inner| nested |= matches!(inner.kind, Kind::Subquery(_)));
        }
    });
    nested && ours.is_empty() && matches!(theirs, Answer::Error(kind, _) if kind == "execution")
}

/// 2.42 looks at what is aggregated only: if that never changes, it evaluates the aggregation at the first step.
fn constant_aggregation(question: &Question, ours: &Answer, theirs: &Answer) -> bool {
    let Some(expr) = parsed(question) else { return false };
    let mut found = false;
    expr.root().walk(&mut |node| {
        if let Kind::Aggregate(aggregate) = &node.kind {
            found |= aggregate.param.as_ref().is_some_and(varies) && !varies(&aggregate.inner);
        }
    });
    found && question.range.is_some() && matches!((ours, theirs), (Answer::Series(..), Answer::Series(..)))
}

/// Whether a node's value depends on the time of the step.
fn varies(node: &Node) -> bool {
    let mut found = false;
    node.walk(&mut |node| {
        found |= match &node.kind {
            Kind::Selector(selector) | Kind::Range(selector, _) => selector.at.is_none(),
            Kind::Call { args, .. } => args.is_empty(),
            _ => false,
        };
    });
    found
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
    Exclusion {
        name: "3.x: a sum of negative zeros is zero; which zero is the largest is open in both",
        examples: &["1 / sum(alone * -0)"],
        explains: sign_of_zero,
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
        name: "2.42, like 3.x, looks for @ at a wrong time in a subquery that begins when its evaluation does",
        examples: &["last_over_time((alone @ 1700012400)[5m1ms:1m] offset -5m)"],
        explains: coinciding_subquery,
    },
    Exclusion {
        name: "2.42, like 3.x, has infinity on x86 where an exponential comes near the largest number",
        examples: &["exp(alone * 0 + 709.5)", "cosh(alone * 0 + 709.5)"],
        explains: early_overflow,
    },
    Exclusion {
        name: "2.42 goes on within a subquery that has no step: panics or finds fault",
        examples: &["max_over_time(max_over_time(max_over_time(alone[30m])[1m:])[1m:5m] offset 200s)"],
        explains: no_step,
    },
    Exclusion {
        name: "2.42 evaluates the parameter of an aggregation once if what is aggregated does not change",
        examples: &["quantile(time() - 1700012400, vector(1))"],
        explains: constant_aggregation,
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
