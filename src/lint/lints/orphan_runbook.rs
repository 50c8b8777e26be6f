//! Runbooks in the user's directory that no alert leads to, mostly left behind by a new name.

use crate::lint::Found;
use crate::lint::world::World;
use crate::model::Problem;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let alerts = || world.rules.iter().filter(|rule| rule.is_alert()).map(|rule| rule.name);
    let mut found = Vec::new();
    for (name, file) in &world.input.own_runbooks {
        if !alerts().any(|alert| alert == name) {
            let mut problem = Problem::at("", format!("there is no alert {name:?}, so nobody is led here"));
            problem.file.clone_from(file);
            problem.place = Some(crate::model::Place { line: 1, column: 1 });
            found.push(Found::new(problem.suggest(name, alerts())));
        }
    }
    found
}
