//! Which labels the answer of an expression can have, as far as that can be known without evaluating it.

use std::collections::BTreeSet;

use crate::model::MatchOp;
use crate::model::labels::METRIC_NAME;
use crate::promql::ast::{Aggregate, AggregateOp, Binary, Cardinality, Kind, Node, Selector, Type};

use super::known::{ADDED_BY_SCRAPE, Known};

/// The labels; `None` where anything is possible.
pub(super) type OutputLabels = Option<BTreeSet<String>>;

pub(super) fn of(node: &Node, known: &Known) -> OutputLabels {
    match &node.kind {
        Kind::Number(_) | Kind::String(_) => Some(BTreeSet::new()),
        Kind::Selector(selector) | Kind::Range(selector, _) => of_selector(selector, known),
        Kind::Subquery(subquery) => of(&subquery.inner, known),
        Kind::Unary { inner, .. } | Kind::Paren(inner) => of(inner, known),
        Kind::Aggregate(aggregate) => of_aggregate(aggregate, known),
        Kind::Binary(binary) => of_binary(binary, known),
        Kind::Call { function, args } => of_call(function.name, args, known),
    }
}

/// Names that a selector compares for equality with something.
fn equal(selector: &Selector) -> BTreeSet<String> {
    let given = selector.matchers.iter().filter(|m| m.op() == MatchOp::Equal && !m.value().is_empty());
    given.map(|matcher| matcher.name().to_owned()).filter(|name| name != METRIC_NAME).collect()
}

fn of_selector(selector: &Selector, known: &Known) -> OutputLabels {
    let named = selector.matchers.iter().find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal)?;
    let mut labels = known.get(named.value())?.labels.clone()?;
    labels.extend(equal(selector));
    labels.extend(ADDED_BY_SCRAPE.map(str::to_owned));
    Some(labels)
}

fn of_aggregate(aggregate: &Aggregate, known: &Known) -> OutputLabels {
    let inner = of(&aggregate.inner, known);
    let grouping = || aggregate.grouping.iter().cloned().collect::<BTreeSet<_>>();
    let keeps = matches!(
        aggregate.op,
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio
    );
    let mut labels = match inner {
        inner if keeps => return inner,
        Some(inner) if aggregate.without => inner.difference(&grouping()).cloned().collect(),
        None if aggregate.without => return None,
        Some(inner) => inner.intersection(&grouping()).cloned().collect(),
        None => grouping(),
    };
    if let (AggregateOp::CountValues, Some(Kind::String(label))) =
        (aggregate.op, aggregate.param.as_ref().map(|param| &param.unwrapped().kind))
    {
        labels.insert(label.clone());
    }
    Some(labels)
}

fn of_binary(binary: &Binary, known: &Known) -> OutputLabels {
    let (left, right) = (of(&binary.left, known), of(&binary.right, known));
    let vector = |node: &Node| node.value_type() == Type::Vector;
    match (vector(&binary.left), vector(&binary.right)) {
        (true, false) => return left,
        (false, _) => return right,
        (true, true) => {}
    }
    let matching = &binary.matching;
    let listed: BTreeSet<String> = matching.labels.iter().cloned().collect();
    if binary.op.is_set() {
        // `or` may answer with either side.
        return if binary.op.text() == "or" { Some(left?.union(&right?).cloned().collect()) } else { left };
    }
    let many = match matching.cardinality {
        Cardinality::OneToOne if matching.on => return Some(listed),
        Cardinality::OneToOne => return Some(left?.difference(&listed).cloned().collect()),
        Cardinality::ManyToOne => left,
        Cardinality::OneToMany => right,
    };
    many.map(|many| many.into_iter().chain(matching.include.iter().cloned()).collect())
}

fn of_call(function: &str, args: &[Node], known: &Known) -> OutputLabels {
    match function {
        "absent" | "absent_over_time" => match args.first().map(|arg| &arg.unwrapped().kind) {
            Some(Kind::Selector(selector) | Kind::Range(selector, _)) => Some(equal(selector)),
            _ => Some(BTreeSet::new()),
        },
        "vector" | "time" | "scalar" | "pi" => Some(BTreeSet::new()),
        "info" => None,
        "label_replace" | "label_join" => {
            let mut labels = of(args.first()?, known)?;
            if let Kind::String(label) = &args.get(1)?.unwrapped().kind {
                labels.insert(label.clone());
            }
            Some(labels)
        }
        _ => {
            let from = args.iter().find(|arg| matches!(arg.value_type(), Type::Vector | Type::Matrix));
            let mut labels = from.map_or(Some(BTreeSet::new()), |arg| of(arg, known))?;
            if function == "histogram_quantile" || function == "histogram_fraction" {
                labels.remove("le");
            }
            Some(labels)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Definition;

    static A: Definition = Definition::counter("a_total", "help", &["x", "y"]);
    static B: Definition = Definition::gauge("b", "help", &["x", "z"]);
    static H: Definition = Definition::histogram("h", "help", &["x"], &[1.0]);

    fn labels(text: &str) -> Option<String> {
        let known = Known::new(&[&A, &B, &H], &[], &[]);
        let expr = crate::promql::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let all = of(expr.root(), &known)?;
        let own: Vec<String> = all.into_iter().filter(|name| !ADDED_BY_SCRAPE.contains(&name.as_str())).collect();
        Some(own.join(" "))
    }

    #[test]
    fn the_labels_of_an_answer_follow_from_the_expression() {
        for (text, expected) in [
            ("a_total", Some("x y")),
            ("rate(a_total[5m])", Some("x y")),
            ("sum(a_total)", Some("")),
            ("sum by (x, q) (a_total)", Some("x")),
            ("sum without (x) (a_total)", Some("y")),
            ("sum by (x) (unknown)", Some("x")),
            ("unknown", None),
            ("topk by (x) (1, a_total)", Some("x y")),
            ("count_values(\"v\", b)", Some("v")),
            ("a_total and b", Some("x y")),
            ("a_total or b", Some("x y z")),
            ("a_total / on (x) b", Some("x")),
            ("a_total / ignoring (y) b", Some("x")),
            ("a_total / on (x) group_left (z) b", Some("x y z")),
            ("1 + b", Some("x z")),
            ("absent(b{x=\"1\", z!=\"2\"})", Some("x")),
            ("vector(1)", Some("")),
            ("label_replace(b, \"n\", \"$1\", \"x\", \"(.*)\")", Some("n x z")),
            ("histogram_quantile(0.9, rate(h_bucket[5m]))", Some("x")),
            ("h_bucket", Some("le x")),
            ("max_over_time(b[1h:1m])", Some("x z")),
        ] {
            assert_eq!(labels(text).as_deref(), expected, "{text}");
        }
    }
}
