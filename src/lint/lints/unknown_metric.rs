//! Metrics that nobody makes: the expression answers nothing, for ever.

use crate::lint::Found;
use crate::lint::known::Known;
use crate::lint::sites::VARIABLE;
use crate::lint::world::{Asker, World};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in &world.sites {
        for selector in site.expr.selectors() {
            let Some(name) = selector.name.filter(|name| !name.contains(VARIABLE)) else { continue };
            let by_scrape = Known::is_made_by_scrape(name);
            if !matches!(site.asker, Asker::Rule(_)) && world.known.is_recorded_elsewhere(name) {
                continue;
            }
            if world.known.get(name).is_some() || (by_scrape && !matches!(site.asker, Asker::Rule(_))) {
                continue;
            }
            let problem = world.in_expression(site, selector.span.start, format!("there is no metric {name:?}"));
            let family = |name: &str| world.known.get(&format!("{name}_bucket")).is_some();
            found.push(site.found(if by_scrape {
                problem.hint("the Prometheus that scrapes memsentry makes it, memsentry's own rules do not see it")
            } else if family(name) {
                problem.hint(format!("it is a histogram: {name}_bucket, {name}_sum or {name}_count"))
            } else {
                problem.note("memsentry metrics lists all").suggest(name, world.known.names())
            }));
        }
    }
    found
}
