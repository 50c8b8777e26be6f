//! `histogram_quantile` of what has no buckets: it answers nothing.

use crate::lint::Found;
use crate::lint::output_labels;
use crate::lint::world::World;
use crate::promql::ast::Kind;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in &world.sites {
        site.expr.root().walk(&mut |node| {
            let Kind::Call { function, args } = &node.kind else { return };
            let Some(arg) = args.get(1).filter(|_| function.name == "histogram_quantile") else { return };
            let Some(labels) = output_labels::of(arg, &world.known) else { return };
            if !labels.contains("le") {
                let problem = world.in_expression(site, node.span.start, "its second argument has no label \"le\"");
                found.push(site.found(problem.hint("take a _bucket metric and keep le: sum by (le, …) (rate(…))")));
            }
        });
    }
    found
}
