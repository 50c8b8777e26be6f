//! Alerts that fire for any value, as long as there is a series.

use crate::lint::Found;
use crate::lint::world::{Asker, Rule, World};
use crate::promql::ast::{Kind, Node};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in &world.sites {
        let Asker::Rule(number) = site.asker else { continue };
        if !world.rules.get(number).is_some_and(Rule::is_alert) || judges(site.expr.root()) {
            continue;
        }
        let problem = world.in_expression(site, 0, "compares nothing, so it fires whatever the value is");
        found.push(site.found(problem.hint("compare with a threshold, such as > 0")));
    }
    found
}

/// Whether series can be left out of the answer for what they say, or there are none at all.
fn judges(root: &Node) -> bool {
    let mut judges = false;
    let mut selects = false;
    root.walk(&mut |node| match &node.kind {
        Kind::Binary(binary) => judges |= (binary.op.is_comparison() && !binary.returns_bool) || binary.op.is_set(),
        Kind::Call { function, .. } => judges |= matches!(function.name, "absent" | "absent_over_time"),
        Kind::Selector(selector) | Kind::Range(selector, _) => {
            selects = true;
            // ALERTS is there only while something is wrong.
            judges |= selector.name.as_deref().is_some_and(|name| name.starts_with("ALERTS"));
        }
        _ => {}
    });
    judges || !selects
}
