//! Alerts that every route leads to receivers without a notifier, while others are told: most likely a severity
//! that no route takes.

use std::collections::BTreeSet;

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    if world.input.route.is_none() {
        return Vec::new();
    }
    let by_severity = world.routes().iter().flat_map(|route| &route.matchers).any(|m| m.name() == "severity");
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (number, rule) in world.rules.iter().enumerate().filter(|(_, rule)| rule.is_alert()) {
        let Some(severity) = rule.static_label("severity").filter(|_| by_severity) else { continue };
        let receivers = world.possible_receivers(rule);
        if receivers.iter().any(|name| world.has_notifier(name)) || !told.insert(severity) {
            continue;
        }
        let message = format!(
            "no route takes severity {severity:?} to anybody: it ends at {}, which has no notifier",
            receivers.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
        );
        let problem = world.in_rule(rule, "labels.severity", message);
        found.push(Found::of_rule(
            problem.hint("add a route with this severity, or a notifier to the receiver"),
            number,
        ));
    }
    found
}
