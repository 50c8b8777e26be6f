//! Functions for counters over what goes up and down: every fall counts as a restart.

use crate::lint::Found;
use crate::lint::known::Nature;
use crate::lint::world::World;
use crate::promql::ast::Kind;

const FOR_COUNTERS: [&str; 4] = ["rate", "irate", "increase", "resets"];

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in &world.sites {
        site.expr.root().walk(&mut |node| {
            let Kind::Call { function, args } = &node.kind else { return };
            let Some(arg) = args.first().filter(|_| FOR_COUNTERS.contains(&function.name)) else { return };
            let Some((name, _)) = world.named(arg.unwrapped()) else { return };
            let is_gauge = |name: &str| {
                world.known.get(name).is_some_and(|metric| matches!(metric.nature, Nature::Gauge | Nature::State))
            };
            if is_gauge(name) {
                let message = format!("{}() is for counters, and {name} is a gauge", function.name);
                let problem = world.in_expression(site, node.span.start, message);
                found.push(site.found(problem.hint("delta() or deriv() tell how a gauge changes")));
            }
        });
    }
    found
}
