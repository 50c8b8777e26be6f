//! Recording rules under the name of an exposed metric: two makers of one series.

use crate::lint::Found;
use crate::lint::known::Nature;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let records = world.rules.iter().enumerate().filter(|(_, rule)| !rule.is_alert());
    let taken = |name: &str| world.known.get(name).is_some_and(|metric| metric.nature != Nature::Recorded);
    records
        .filter(|(_, rule)| taken(rule.name))
        .map(|(number, rule)| {
            let message = format!("memsentry exposes a metric of the name {:?} itself", rule.name);
            let hint =
                format!("by convention a recorded name says level, metric and operation: target:{}:sum", rule.name);
            Found::of_rule(world.in_rule(rule, "record", message).hint(hint), number)
        })
        .collect()
}
