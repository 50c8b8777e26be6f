//! Routes that no alert of the rules reaches: its conditions fit no rule, or a route before it takes everything.

use crate::lint::Found;
use crate::lint::world::{RouteNode, World};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(root) = &world.input.route {
        below(world, root, &mut found);
    }
    found
}

fn below(world: &World<'_>, route: &RouteNode, found: &mut Vec<Found>) {
    let mut taken: Option<&RouteNode> = None;
    for child in &route.routes {
        if let Some(all) = taken {
            let message = format!("never reached: {} before it takes every alert", all.path);
            let hint = format!("move it before {}, or set `continue: true` there", all.path);
            found.push(Found::new(world.in_config(&child.path, message).hint(hint)));
            continue;
        }
        let alerts = || world.rules.iter().filter(|rule| rule.is_alert());
        let refused = child.matchers.iter().find(|matcher| !alerts().any(|rule| world.may_match(rule, matcher)));
        if let Some(matcher) = refused.filter(|_| alerts().next().is_some()) {
            let message = format!("never reached: no alert of the rules can have {matcher}");
            let mut problem = world.in_config(&child.path, message);
            let names = alerts().filter_map(|rule| match matcher.name() {
                "alertname" => Some(rule.name),
                label => rule.static_label(label),
            });
            problem = problem.suggest(matcher.value(), names.collect::<std::collections::BTreeSet<_>>());
            found.push(Found::new(problem));
            continue;
        }
        if child.matchers.is_empty() && !child.goes_on {
            taken = Some(child);
        }
        below(world, child, found);
    }
}
