//! Groups without rules.

use std::collections::BTreeMap;

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for group in world.input.groups {
        let number = numbers.entry(&group.file).or_default();
        if group.rules.is_empty() {
            let message = format!("group {:?} has no rules", group.name);
            found.push(Found::new(world.in_file(&group.file, &format!("groups[{number}]"), message)));
        }
        *number += 1;
    }
    found
}
