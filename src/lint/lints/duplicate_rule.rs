//! Rules with one name and the same labels: one alert or series from two sources. promtool's `duplicate-rules`.

use std::collections::BTreeMap;

use crate::lint::Found;
use crate::lint::world::{Rule, World};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut seen: BTreeMap<_, &Rule<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for (number, rule) in world.rules.iter().enumerate() {
        let identity = (rule.is_alert(), rule.name, rule.labels);
        if let Some(first) = seen.get(&identity) {
            let first: &Rule<'_> = first;
            let message = format!("repeats name and labels of {} in {}", first.path, first.file);
            let hint = "give it a label that tells the two apart, such as severity";
            found.push(Found::of_rule(world.in_rule(rule, "", message).hint(hint), number));
        } else {
            seen.insert(identity, rule);
        }
    }
    found
}
