//! No route at all.

use crate::lint::Found;
use crate::lint::world::{Rule, World};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    if world.input.route.is_some() || !world.rules.iter().any(Rule::is_alert) {
        return Vec::new();
    }
    let problem = world.in_config("", "there is no route, so nobody is told about any alert");
    vec![Found::new(problem.hint("add `route: {receiver: …}` and the receiver"))]
}
