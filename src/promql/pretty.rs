//! Breaks long expressions over indented lines, as `promtool promql format` does.

use std::fmt;

use super::ast::{Aggregate, Binary, Kind, Node, Subquery};
use super::display::{duration, labels, write_matching, write_shift};

/// Expressions that fit are left on one line.
const WIDTH: usize = 100;

/// One level of indentation.
const INDENT: &str = "  ";

/// Adapts a function that writes to something that prints.
struct Written<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Written<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

/// The node's text, its first line not indented.
pub(super) fn pretty(node: &Node, depth: usize) -> String {
    let line = node.to_string();
    if depth * INDENT.len() + line.len() <= WIDTH {
        return line;
    }
    match &node.kind {
        Kind::Number(_) | Kind::String(_) | Kind::Selector(_) | Kind::Range(..) => line,
        Kind::Paren(inner) => block("(", [inner.as_ref()], depth),
        Kind::Unary { negative, inner } => format!("{}{}", if *negative { "-" } else { "+" }, pretty(inner, depth)),
        Kind::Subquery(subquery) => pretty_subquery(subquery, depth),
        Kind::Binary(binary) => pretty_binary(binary, depth),
        Kind::Aggregate(aggregate) => pretty_aggregate(aggregate, depth),
        Kind::Call { function, args } => block(&format!("{}(", function.name), args, depth),
    }
}

/// `head`, the nodes on lines of their own, and the closing parenthesis.
fn block<'a>(head: &str, nodes: impl IntoIterator<Item = &'a Node>, depth: usize) -> String {
    let inside: Vec<String> =
        nodes.into_iter().map(|node| format!("{}{}", INDENT.repeat(depth + 1), pretty(node, depth + 1))).collect();
    format!("{head}\n{}\n{})", inside.join(",\n"), INDENT.repeat(depth))
}

fn pretty_subquery(subquery: &Subquery, depth: usize) -> String {
    let step = subquery.step.map(duration).unwrap_or_default();
    let shift = Written(|f: &mut fmt::Formatter<'_>| write_shift(subquery.offset, subquery.at, f));
    format!("{}[{}:{step}]{shift}", pretty(&subquery.inner, depth), duration(subquery.range))
}

fn pretty_binary(binary: &Binary, depth: usize) -> String {
    let matching = Written(|f: &mut fmt::Formatter<'_>| write_matching(&binary.matching, f));
    let indent = INDENT.repeat(depth);
    let bool_word = if binary.returns_bool { " bool" } else { "" };
    let (left, right) = (pretty(&binary.left, depth), pretty(&binary.right, depth));
    format!("{left}\n{indent}{}{bool_word}{matching}\n{indent}{right}", binary.op.text())
}

fn pretty_aggregate(aggregate: &Aggregate, depth: usize) -> String {
    let grouping = match (aggregate.without, aggregate.grouping.is_empty()) {
        (true, _) => format!(" without ({}) ", labels(&aggregate.grouping)),
        (false, true) => String::new(),
        (false, false) => format!(" by ({}) ", labels(&aggregate.grouping)),
    };
    let nodes = aggregate.param.iter().chain(std::iter::once(&aggregate.inner));
    block(&format!("{}{grouping}(", aggregate.op.text()), nodes, depth)
}

#[cfg(test)]
mod tests {
    use crate::promql::parse;

    #[test]
    fn what_is_long_is_broken_and_what_is_short_is_not() {
        let text = "sum by (target) (rate(chat_memory_request_failures_total{target=\"eu\"}[5m])) \
                    / on (target) sum by (target) (rate(chat_memory_requests_total[5m])) > 0.05";
        let expected = "sum by (target) (rate(chat_memory_request_failures_total{target=\"eu\"}[5m]))\n/ on (target)\n\
                        sum by (target) (rate(chat_memory_requests_total[5m]))\n>\n0.05";
        let expr = parse(text).unwrap();
        assert_eq!(format!("{expr:#}"), expected);
        assert_eq!(parse(expected).unwrap(), expr);
        assert_eq!(format!("{:#}", parse("sum( a )").unwrap()), "sum(a)");
    }
}
