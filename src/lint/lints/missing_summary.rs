//! Alerts without a summary: the message has no first line that says what is wrong.

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let alerts = world.rules.iter().enumerate().filter(|(_, rule)| rule.is_alert());
    alerts
        .filter(|(_, rule)| !rule.annotations().any(|(name, text)| name == "summary" && !text.trim().is_empty()))
        .map(|(number, rule)| {
            let problem = world.in_rule(rule, "", format!("{} has no annotation \"summary\"", rule.name));
            Found::of_rule(problem.hint("say in a few words what is wrong: it is the subject of the message"), number)
        })
        .collect()
}
