//! Counters that are compared with a number as they stand: they start at 0 with the process and only grow, so the
//! comparison says how long memsentry runs.

use crate::lint::Found;
use crate::lint::world::{Asker, Site, World};
use crate::promql::ast::{AggregateOp, Kind, Node};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in world.sites.iter().filter(|site| matches!(site.asker, Asker::Rule(_))) {
        site.expr.root().walk(&mut |node| {
            let Kind::Binary(binary) = &node.kind else { return };
            if binary.op.is_comparison() {
                for side in [&binary.left, &binary.right] {
                    counters(world, site, side, &mut found);
                }
            }
        });
    }
    found
}

/// The counters whose value comes through to `node`.
fn counters(world: &World<'_>, site: &Site, node: &Node, found: &mut Vec<Found>) {
    match &node.kind {
        Kind::Selector(_) => {
            let Some((name, _)) = world.named(node).filter(|(name, _)| world.only_grows(name)) else { return };
            let message = format!("the counter {name} is compared as it stands");
            let problem = world.in_expression(site, node.span.start, message);
            found.push(site.found(problem.hint("it only grows: compare its rate() or increase()")));
        }
        Kind::Paren(inner) | Kind::Unary { inner, .. } => counters(world, site, inner, found),
        Kind::Aggregate(aggregate) => {
            // How many there are is no value of theirs.
            let counts = [AggregateOp::Count, AggregateOp::Group, AggregateOp::CountValues];
            if !counts.contains(&aggregate.op) {
                counters(world, site, &aggregate.inner, found);
            }
        }
        // Set operators ask whether a series is there. What is subtracted is a growth again.
        Kind::Binary(binary) if !binary.op.is_set() && binary.op.text() != "-" && !binary.op.is_comparison() => {
            counters(world, site, &binary.left, found);
            counters(world, site, &binary.right, found);
        }
        _ => {}
    }
}
