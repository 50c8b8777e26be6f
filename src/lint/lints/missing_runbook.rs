//! Alerts without a runbook: somebody is woken and not told what to do.

use std::collections::BTreeSet;

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (number, rule) in world.rules.iter().enumerate().filter(|(_, rule)| rule.is_alert()) {
        let linked = rule.annotations().any(|(name, text)| name == "runbook_url" && !text.trim().is_empty());
        if linked || world.input.runbooks.get(rule.name).is_some() || !told.insert(rule.name) {
            continue;
        }
        let problem = world.in_rule(rule, "", format!("{} has no runbook", rule.name));
        let hint = format!("write {}.md into runbooks.dir, or set the annotation runbook_url", rule.name);
        found.push(Found::of_rule(problem.hint(hint), number));
    }
    found
}
