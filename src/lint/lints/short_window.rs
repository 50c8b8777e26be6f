//! Rates over a range that cannot hold two samples: they answer nothing, or only now and then.

use crate::lint::Found;
use crate::lint::world::{Asker, World};
use crate::model::Duration;
use crate::promql::ast::Kind;

const NEED_TWO: [&str; 8] =
    ["rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "double_exponential_smoothing"];

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let scrape = world.input.scrape_interval;
    let mut found = Vec::new();
    for site in world.sites.iter().filter(|site| matches!(site.asker, Asker::Rule(_))) {
        site.expr.root().walk(&mut |node| {
            let Kind::Call { function, args } = &node.kind else { return };
            let Some(Kind::Range(_, range)) = args.first().map(|arg| &arg.unwrapped().kind) else { return };
            let range = Duration::from_millis(u64::try_from(*range).unwrap_or(0));
            if NEED_TWO.contains(&function.name) && range.std() < scrape.std() * 2 {
                let message = format!(
                    "{}() needs two samples, and {range} hold at most one: scrapes are {scrape} apart",
                    function.name
                );
                let problem = world.in_expression(site, node.span.start, message);
                found.push(site.found(problem.hint("four times the scrape interval is a good range")));
            }
        });
    }
    found
}
