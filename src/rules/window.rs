//! How far back an expression looks, and whether the store reaches back so far.
//!
//! After a restart the series that an alert was seen in may be missing or short. Until the store holds what the
//! expression looks at, its silence does not mean that the alert is over.

use std::time::Duration as StdDuration;

use crate::model::Timestamp;
use crate::promql::Expr;
use crate::promql::ast::{Kind, Node};
use crate::tsdb::Tsdb;

/// The farthest that the expression looks back, at least `lookback`; rather more than less where subqueries stand
/// side by side. A fixed time (`@`) is not followed.
pub(super) fn reach(expression: &Expr, lookback: StdDuration) -> StdDuration {
    let millis = |millis: i64| StdDuration::from_millis(u64::try_from(millis).unwrap_or(0));
    let (mut selectors, mut subqueries) = (lookback, StdDuration::ZERO);
    expression.root().walk(&mut |node| match &node.kind {
        Kind::Selector(selector) => selectors = selectors.max(lookback + millis(selector.offset)),
        Kind::Range(selector, range) => selectors = selectors.max(millis(range.saturating_add(selector.offset))),
        Kind::Subquery(subquery) => {
            subqueries = subqueries.saturating_add(millis(subquery.range.saturating_add(subquery.offset)));
        }
        _ => {}
    });
    selectors.saturating_add(subqueries)
}

/// Whether every selector finds series that reach back over its whole window. Expressions that shift the time are
/// not followed: for them the answer is no.
pub(super) fn is_filled(expression: &Expr, tsdb: &Tsdb, at: Timestamp, lookback: StdDuration) -> bool {
    let mut shifts = false;
    expression.root().walk(&mut |node| shifts |= shifts_time(node));
    !shifts
        && expression.selectors().iter().all(|selector| {
            let range = selector.range.and_then(|range| u64::try_from(range).ok()).map(StdDuration::from_millis);
            let start = at - range.unwrap_or(lookback);
            let series = tsdb.select(selector.matchers, start, at);
            match range {
                None => !series.is_empty(),
                // A tenth of the window may be missing: series do not begin exactly where it does.
                Some(range) => series.iter().any(|s| s.samples.first().is_some_and(|s| s.at <= start + range / 10)),
            }
        })
}

fn shifts_time(node: &Node) -> bool {
    match &node.kind {
        Kind::Selector(selector) | Kind::Range(selector, _) => selector.offset != 0 || selector.at.is_some(),
        Kind::Subquery(_) => true,
        _ => false,
    }
}
