//! Severities that nobody uses: mostly a slip, and no route will take it.

use crate::lint::Found;
use crate::lint::world::World;

/// Usual in rules for Prometheus.
const USUAL: [&str; 8] = ["critical", "warning", "info", "none", "error", "page", "ticket", "emergency"];

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let routes = world.routes();
    let mut found = Vec::new();
    for (number, rule) in world.rules.iter().enumerate().filter(|(_, rule)| rule.is_alert()) {
        let Some(severity) = rule.static_label("severity") else { continue };
        let named = routes.iter().flat_map(|route| &route.matchers);
        let mut named = named.filter(|matcher| matcher.name() == "severity" && !matcher.matches(""));
        if !USUAL.contains(&severity) && !named.any(|matcher| matcher.matches(severity)) {
            let message = format!("{severity:?} is no usual severity, and no route names it");
            let problem = world.in_rule(rule, "labels.severity", message);
            let problem = problem.note(format!("usual severities: {}", USUAL.join(", "))).suggest(severity, USUAL);
            found.push(Found::of_rule(problem, number));
        }
    }
    found
}
