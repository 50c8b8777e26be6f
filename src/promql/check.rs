//! Checks the types of an expression: operands, arguments, aggregation parameters, matchers.
//!
//! Runs once after parsing; evaluation relies on it. Every error points at the node it is about and says
//! what was expected.

use super::ParseError;
use super::ast::{AggregateOp, Binary, Cardinality, Kind, Node, Selector, Type};
use super::functions::Function;

fn fail(message: impl Into<String>, node: &Node) -> Result<(), ParseError> {
    Err(ParseError { message: message.into(), span: node.span.clone() })
}

/// Checks a node and all below it.
pub(crate) fn check(node: &Node) -> Result<(), ParseError> {
    match &node.kind {
        Kind::Number(_) | Kind::String(_) => Ok(()),
        Kind::Selector(selector) | Kind::Range(selector, _) => check_selector(node, selector),
        Kind::Paren(inner) => check(inner),
        Kind::Subquery(subquery) => {
            check(&subquery.inner)?;
            match subquery.inner.value_type() {
                Type::Vector => Ok(()),
                other => {
                    fail(format!("subquery is only allowed on instant vector, got {} instead", other.name()), node)
                }
            }
        }
        Kind::Unary { inner, .. } => {
            check(inner)?;
            match inner.value_type() {
                Type::Scalar | Type::Vector => Ok(()),
                other => fail(
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                        other.name()
                    ),
                    node,
                ),
            }
        }
        Kind::Binary(binary) => check_binary(node, binary),
        Kind::Aggregate(aggregate) => {
            if let Some(param) = &aggregate.param {
                let wanted = if aggregate.op == AggregateOp::CountValues { Type::String } else { Type::Scalar };
                check(param)?;
                expect(param, wanted, "aggregation parameter")?;
            }
            check(&aggregate.inner)?;
            expect(&aggregate.inner, Type::Vector, "aggregation expression")
        }
        Kind::Call { function, args } => check_call(node, function, args),
    }
}

fn expect(node: &Node, wanted: Type, context: &str) -> Result<(), ParseError> {
    let got = node.value_type();
    if got == wanted {
        return Ok(());
    }
    fail(format!("expected type {} in {context}, got {}", wanted.name(), got.name()), node)
}

fn check_selector(node: &Node, selector: &Selector) -> Result<(), ParseError> {
    if selector.matchers.iter().all(|matcher| matcher.matches("")) {
        return fail("vector selector must contain at least one non-empty matcher", node);
    }
    Ok(())
}

fn check_binary(node: &Node, binary: &Binary) -> Result<(), ParseError> {
    check(&binary.left)?;
    check(&binary.right)?;
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let matching = &binary.matching;
    let between = || {
        let span = binary.left.span.end..binary.right.span.start;
        if span.start < span.end { span } else { node.span.clone() }
    };
    let at_operator = |message: String| Err(ParseError { message, span: between() });
    for (operand, of) in [(&binary.left, left), (&binary.right, right)] {
        if !matches!(of, Type::Scalar | Type::Vector) {
            let message =
                format!("binary expression must contain only scalar and instant vector types, got {}", of.name());
            return fail(message, operand);
        }
    }
    if binary.returns_bool && !binary.op.is_comparison() {
        return at_operator("bool modifier can only be used on comparison operators".to_owned());
    }
    let scalars = left == Type::Scalar && right == Type::Scalar;
    if binary.op.is_comparison() && !binary.returns_bool && scalars {
        return at_operator("comparisons between scalars must use BOOL modifier".to_owned());
    }
    let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
    if left != Type::Vector || right != Type::Vector {
        if binary.op.is_set() {
            let message = format!("set operator {:?} not allowed in binary scalar expression", binary.op.text());
            return fail(message, node);
        }
        if matching.written && !matching.labels.is_empty() {
            return fail("vector matching only allowed between instant vectors", node);
        }
        if filled {
            return fail("filling in missing series only allowed between instant vectors", node);
        }
        return Ok(());
    }
    if let Some(label) = matching.labels.iter().find(|label| matching.on && matching.include.contains(label)) {
        return at_operator(format!("label {label:?} must not occur in ON and GROUP clause at once"));
    }
    if binary.op.is_set() && matching.cardinality != Cardinality::OneToOne {
        return fail(format!("no grouping allowed for {:?} operation", binary.op.text()), node);
    }
    if binary.op.is_set() && filled {
        return fail("filling in missing series not allowed for set operators", node);
    }
    Ok(())
}

fn check_call(node: &Node, function: &Function, args: &[Node]) -> Result<(), ParseError> {
    let (least, most) = (function.least_args(), function.most_args());
    let name = function.name;
    if least == most.unwrap_or(usize::MAX) && args.len() != least {
        return fail(format!("expected {least} argument(s) in call to {name:?}, got {}", args.len()), node);
    }
    if args.len() < least {
        return fail(format!("expected at least {least} argument(s) in call to {name:?}, got {}", args.len()), node);
    }
    if let Some(most) = most.filter(|most| args.len() > *most) {
        return fail(format!("expected at most {most} argument(s) in call to {name:?}, got {}", args.len()), node);
    }
    for (position, arg) in args.iter().enumerate() {
        if name == "info" && position == 1 {
            check_info_selector(arg)?;
            continue;
        }
        check(arg)?;
        expect(arg, function.arg_type(position), &format!("call to function {name:?}"))?;
    }
    Ok(())
}

/// The second argument of `info` picks labels, so it may match everything but must not name a metric.
fn check_info_selector(arg: &Node) -> Result<(), ParseError> {
    match &arg.kind {
        Kind::Selector(selector) if selector.name.is_none() => Ok(()),
        Kind::Selector(_) => fail("expected label selectors only, got vector selector instead", arg),
        _ => fail("expected label selectors only", arg),
    }
}
