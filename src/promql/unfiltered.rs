//! An expression with its outermost comparison's filter taken off: what `x > 100` says when it is not over 100.
//!
//! A comparison answers with the value it compared, so that value can be had by evaluating the compared side
//! alone. `and` and `unless` answer with their left side's values, `or` with those of either side, which is why
//! there may be several. What stands inside the compared side stays: `count(up == 0)`, or the condition of
//! `(ratio and on () enough_samples) > 0.1`.

use super::Expr;
use super::ast::{BinaryOp, Cardinality, Kind, Matching, Node, Type};
use crate::model::Labels;
use crate::model::labels::METRIC_NAME;

/// One side of an expression whose values the expression answers with.
#[derive(Debug, Clone)]
pub struct Unfiltered {
    /// What to evaluate.
    pub expression: Expr,
    /// How the comparison of two vectors changes the labels.
    matching: Option<Matching>,
    /// The comparison that was taken off, seen from this side, and what it compares with: `>` and `100`.
    pub limit: Option<(BinaryOp, Expr)>,
}

impl Unfiltered {
    /// The labels that a result has once it went through the comparisons that were taken off; without the name,
    /// as alerts have none.
    #[must_use]
    pub fn labels(&self, labels: &Labels) -> Labels {
        labels.without(|name| {
            let named = |matching: &Matching| matching.labels.iter().any(|label| label == name) != matching.on;
            name == METRIC_NAME || self.matching.as_ref().is_some_and(named)
        })
    }
}

impl Expr {
    /// Every side whose values the expression answers with, without the comparison that filters them; at least
    /// one. Nothing stands for a comparison that takes labels from its other side (`group_left (x)`), since those
    /// are not to be had without it.
    #[must_use]
    pub fn unfiltered(&self) -> Vec<Unfiltered> {
        let mut sides = Vec::new();
        collect(self.root(), &mut sides);
        sides
    }
}

fn collect(node: &Node, sides: &mut Vec<Unfiltered>) {
    let node = node.unwrapped();
    let whole = |node: &Node| Expr::new(node.unwrapped().clone(), &node.unwrapped().to_string());
    let mut side = |node: &Node, matching, limit: Option<(BinaryOp, &Node)>| {
        let limit = limit.map(|(op, other)| (op, whole(other)));
        sides.push(Unfiltered { expression: whole(node), matching, limit });
    };
    let Kind::Binary(binary) = &node.kind else { return side(node, None, None) };
    let (left, right) = (&binary.left, &binary.right);
    let above = Some((binary.op, right));
    match binary.op {
        BinaryOp::And | BinaryOp::Unless => collect(&binary.left, sides),
        BinaryOp::Or => {
            collect(&binary.left, sides);
            collect(&binary.right, sides);
        }
        op if op.is_comparison() && !binary.returns_bool => {
            match (left.value_type(), right.value_type(), binary.matching.cardinality) {
                (Type::Scalar, ..) => side(right, None, Some((binary.op.mirrored(), left))),
                (_, Type::Scalar, _) => side(left, None, above),
                (.., Cardinality::OneToOne) => side(left, Some(binary.matching.clone()), above),
                (.., Cardinality::ManyToOne) if binary.matching.include.is_empty() => side(left, None, above),
                _ => {}
            }
        }
        _ => side(node, None, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Labels;
    use crate::promql::parse;

    #[test]
    fn the_filter_around_a_value_is_taken_off() {
        for (text, sides) in [
            ("depth > 100", vec!["depth"]),
            ("2 < depth", vec!["depth"]),
            ("(0 < depth) < 5", vec!["0 < depth"]),
            ("(a and on () b) > 5 and c", vec!["a and on () b"]),
            ("((a / b) > 0.2) and on (target) c > 2.5", vec!["a / b"]),
            ("depth and on (target) increase(done[5m]) == 0", vec!["depth"]),
            ("a > 1 unless b", vec!["a"]),
            ("a > 1 or (b < 2 and c) or d", vec!["a", "b", "d"]),
            ("time() - (seen > 0) > 600", vec!["time() - (seen > 0)"]),
            ("count(up == 0) > 3", vec!["count(up == 0)"]),
            ("absent(x)", vec!["absent(x)"]),
            ("a > bool 1", vec!["a > bool 1"]),
            ("a > on (x) group_left b", vec!["a"]),
            ("a > on (x) group_left (y) b", vec![]),
            ("a > on (x) group_right b", vec![]),
        ] {
            let found: Vec<String> =
                parse(text).unwrap().unfiltered().iter().map(|side| side.expression.to_string()).collect();
            assert_eq!(found, sides, "{text}");
        }
    }

    #[test]
    fn a_side_knows_what_it_is_compared_with() {
        for (text, limits) in [
            ("depth > 100", vec!["> 100"]),
            ("2 < depth", vec!["> 2"]),
            ("2 == depth", vec!["== 2"]),
            ("a > 1 and b < 2", vec!["> 1"]),
            ("a > 0.5 * sum(b) or c", vec!["> 0.5 * sum(b)", ""]),
            ("depth and b == 0", vec![""]),
            ("a > bool 1", vec![""]),
        ] {
            let sides = parse(text).unwrap().unfiltered();
            let found = sides.iter().map(|side| side.limit.as_ref());
            let found = found.map(|limit| limit.map_or_else(String::new, |(op, e)| format!("{} {e}", op.text())));
            assert_eq!(found.collect::<Vec<_>>(), limits, "{text}");
        }
    }

    #[test]
    fn labels_are_those_that_the_comparison_would_have_left() {
        let labels = Labels::from_pairs([("__name__", "a"), ("x", "1"), ("y", "2")]);
        for (text, left) in [
            ("a > 1", r#"{x="1", y="2"}"#),
            ("a > b", r#"{x="1", y="2"}"#),
            ("a > on (x) b", r#"{x="1"}"#),
            ("a > ignoring (x) b", r#"{y="2"}"#),
        ] {
            let sides = parse(text).unwrap().unfiltered();
            assert_eq!(sides[0].labels(&labels).to_string(), left, "{text}");
        }
    }
}
