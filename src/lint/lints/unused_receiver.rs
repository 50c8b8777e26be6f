//! Receivers that nothing leads to.

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let used =
        |name: &str| world.routes().iter().any(|route| route.receiver == name) || world.input.also_told.contains(name);
    let receivers = world.input.receivers.iter().enumerate();
    receivers
        .filter(|(_, (name, _))| world.input.route.is_some() && !used(name))
        .map(|(index, (name, _))| {
            let problem =
                world.in_config(&format!("receivers[{index}].name"), format!("no route names receiver {name:?}"));
            Found::new(problem.hint("name it in a route, or remove it"))
        })
        .collect()
}
