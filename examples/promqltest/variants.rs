//! Other ways to ask the same: with every selector fixed by `@`, at other times.
//!
//! Prometheus's own runner checks each instant query in these ways too.

use memsentry::model::Timestamp;
use memsentry::promql::ast::{At, Kind, Node};
use memsentry::promql::{self, Expr};

/// Functions whose result depends on the evaluation time even if their arguments do not.
const TIME_DEPENDENT: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
];

/// Whether an expression calls one of these functions.
pub fn calls(expr: &Expr, names: &[&str]) -> bool {
    let mut found = false;
    expr.root().walk(&mut |node| {
        if let Kind::Call { function, .. } = &node.kind {
            found |= names.contains(&function.name);
        }
    });
    found
}

/// The expression with all selectors fixed at `at`, and the times at which it must answer the same.
pub fn fixed(expr: &Expr, at: Timestamp) -> Option<(Expr, Vec<Timestamp>)> {
    if calls(expr, &TIME_DEPENDENT) {
        return None;
    }
    let mut root = expr.root().clone();
    fix(&mut root, at.millis());
    let fixed = promql::parse(&root.to_string()).ok()?;
    let millis = at.millis();
    let times = if millis == 0 { vec![-1000, 0, 1000] } else { vec![-10 * millis, 0, millis / 5, millis, 10 * millis] };
    Some((fixed, times.into_iter().map(Timestamp::from_millis).collect()))
}

fn fix(node: &mut Node, at: i64) {
    match &mut node.kind {
        Kind::Number(_) | Kind::String(_) => {}
        Kind::Selector(selector) | Kind::Range(selector, _) => {
            selector.at.get_or_insert(At::Time(at));
        }
        Kind::Subquery(subquery) => {
            // What a fixed subquery holds is fixed with it.
            subquery.at.get_or_insert(At::Time(at));
        }
        Kind::Unary { inner, .. } | Kind::Paren(inner) => fix(inner, at),
        Kind::Binary(binary) => {
            fix(&mut binary.left, at);
            fix(&mut binary.right, at);
        }
        Kind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(|param| fix(param, at));
            fix(&mut aggregate.inner, at);
        }
        // The second argument of `info` is no selector of series.
        Kind::Call { function, args } if function.name == "info" => {
            args.iter_mut().take(1).for_each(|arg| fix(arg, at))
        }
        Kind::Call { args, .. } => args.iter_mut().for_each(|arg| fix(arg, at)),
    }
}
