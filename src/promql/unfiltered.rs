//! An expression with its outermost comparison's filter taken off: what `x > 100` says when it is not over 100.
//!
//! A comparison answers with the value it compared, so that value can be had by evaluating the compared side
//! alone. `and` and `unless` answer with their left side's values, `or` with those of either side, which is why
//! there may be several. What a filter deeper inside hides (`count(up == 0)`) stays hidden.

use super::Expr;
use super::ast::{Binary, BinaryOp, Cardinality, Kind, Matching, Node, Type};
use crate::model::Labels;
use crate::model::labels::METRIC_NAME;

/// One side of an expression whose values the expression answers with.
#[derive(Debug, Clone)]
pub struct Unfiltered {
    /// What to evaluate.
    pub expression: Expr,
    /// How comparisons of two vectors change the labels, the innermost first.
    matchings: Vec<Matching>,
}

impl Unfiltered {
    /// The labels that a result has once it went through the comparisons that were taken off; without the name,
    /// as alerts have none.
    #[must_use]
    pub fn labels(&self, labels: &Labels) -> Labels {
        let mut labels = labels.without(|name| name == METRIC_NAME);
        for matching in &self.matchings {
            labels = labels.without(|name| matching.labels.iter().any(|label| label == name) != matching.on);
        }
        labels
    }
}

impl Expr {
    /// Every side whose values the expression answers with, without the comparison that filters them; at least
    /// one. Nothing stands for a comparison that takes labels from its other side (`group_left (x)`), since those
    /// are not to be had without it.
    #[must_use]
    pub fn unfiltered(&self) -> Vec<Unfiltered> {
        let mut sides = Vec::new();
        collect(self.root(), &mut Vec::new(), &mut sides);
        sides
    }
}

/// `outer` are the matchings of the comparisons around the node, the outermost first.
fn collect(node: &Node, outer: &mut Vec<Matching>, sides: &mut Vec<Unfiltered>) {
    let node = node.unwrapped();
    if let Kind::Binary(binary) = &node.kind {
        match binary.op {
            BinaryOp::And | BinaryOp::Unless => return collect(&binary.left, outer, sides),
            BinaryOp::Or => {
                collect(&binary.left, outer, sides);
                return collect(&binary.right, outer, sides);
            }
            op if op.is_comparison() && !binary.returns_bool => return comparison(binary, outer, sides),
            _ => {}
        }
    }
    let matchings = outer.iter().rev().cloned().collect();
    sides.push(Unfiltered { expression: Expr::new(node.clone(), &node.to_string()), matchings });
}

fn comparison(binary: &Binary, outer: &mut Vec<Matching>, sides: &mut Vec<Unfiltered>) {
    match (binary.left.value_type(), binary.right.value_type()) {
        (Type::Scalar, _) => collect(&binary.right, outer, sides),
        (_, Type::Scalar) => collect(&binary.left, outer, sides),
        _ => match binary.matching.cardinality {
            Cardinality::OneToOne => {
                outer.push(binary.matching.clone());
                collect(&binary.left, outer, sides);
                outer.pop();
            }
            Cardinality::ManyToOne if binary.matching.include.is_empty() => collect(&binary.left, outer, sides),
            _ => {}
        },
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
            ("(0 < depth) < 5", vec!["depth"]),
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
    fn labels_are_those_that_the_comparison_would_have_left() {
        let labels = Labels::from_pairs([("__name__", "a"), ("x", "1"), ("y", "2")]);
        for (text, left) in [
            ("a > 1", r#"{x="1", y="2"}"#),
            ("a > b", r#"{x="1", y="2"}"#),
            ("a > on (x) b", r#"{x="1"}"#),
            ("a > ignoring (x) b", r#"{y="2"}"#),
            ("(a > ignoring (x) b) > on (x) c", "{}"),
        ] {
            let sides = parse(text).unwrap().unfiltered();
            assert_eq!(sides[0].labels(&labels).to_string(), left, "{text}");
        }
    }
}
