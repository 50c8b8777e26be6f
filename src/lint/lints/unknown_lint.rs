//! Lints that are ignored by a name that there is not, so that the finding stays or the comment means nothing.

use crate::lint::ignore::{self, ANNOTATION};
use crate::lint::world::World;
use crate::lint::{Found, LINTS};
use crate::model::{Place, Problem};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let unknown = |name: &str| !LINTS.iter().any(|lint| lint.name == name);
    let told = |problem: Problem, name: &str| problem.suggest(name, LINTS.iter().map(|lint| lint.name));
    let mut found = Vec::new();
    for comment in ignore::comments(world) {
        for name in comment.lints.iter().filter(|name| unknown(name)) {
            let mut problem = Problem::at("", format!("there is no lint {name:?} to ignore"));
            problem.file.clone_from(&comment.file);
            problem.place = Some(Place { line: comment.line, column: 1 });
            found.push(Found::new(told(problem, name)));
        }
    }
    for (number, rule) in world.rules.iter().enumerate() {
        for (_, list) in rule.annotations().filter(|(name, _)| *name == ANNOTATION) {
            for name in ignore::names(list).iter().filter(|name| unknown(name)) {
                let path = format!("annotations.{ANNOTATION}");
                let problem = world.in_rule(rule, &path, format!("there is no lint {name:?} to ignore"));
                found.push(Found::of_rule(told(problem, name), number));
            }
        }
    }
    found
}
