//! Alerts without a severity: neither a route nor a person can tell how urgent they are.

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let alerts = world.rules.iter().enumerate().filter(|(_, rule)| rule.is_alert());
    alerts
        .filter(|(_, rule)| !rule.labels.contains_key("severity"))
        .map(|(number, rule)| {
            let problem = world.in_rule(rule, "", format!("{} has no label \"severity\"", rule.name));
            Found::of_rule(
                problem.hint("critical, warning or info, for the alert itself or in the group's labels"),
                number,
            )
        })
        .collect()
}
