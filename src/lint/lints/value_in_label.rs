//! Values in labels: every new value is a new alert, and the one before is resolved.

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, rule) in world.rules.iter().enumerate().filter(|(_, rule)| rule.is_alert()) {
        for (name, text) in rule.labels {
            let inside = text.split("{{").skip(1).filter_map(|part| part.split("}}").next());
            // A condition on the value, such as {{ if gt $value 2.0 }}, makes a few alerts, not one of every value.
            let shows = |action: &str| {
                let action = action.trim_matches(['-', ' ']);
                let uses = action.contains("$value") || action.starts_with(".Value");
                uses && !["if ", "else if ", "with "].iter().any(|word| action.starts_with(word))
            };
            if inside.into_iter().any(shows) {
                let message = format!("{text:?} makes a new alert of every value");
                let problem = world.in_rule(rule, &format!("labels.{name}"), message);
                found.push(Found::of_rule(problem.hint("put the value into an annotation"), number));
            }
        }
    }
    found
}
