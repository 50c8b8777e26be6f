//! Holds shorter than the interval between evaluations: they make no difference.

use crate::lint::Found;
use crate::lint::world::World;
use crate::rules::RuleKind;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, rule) in world.rules.iter().enumerate() {
        let RuleKind::Alerting { duration, keep_firing_for, .. } = rule.kind else { continue };
        for (key, hold) in [("for", duration), ("keep_firing_for", keep_firing_for)] {
            if !hold.is_zero() && *hold < rule.interval {
                let interval = rule.interval;
                let message = format!("{hold} is shorter than the interval of its group, {interval}");
                let hint = format!("the rule is looked at every {interval}: what happens between does not count");
                found.push(Found::of_rule(world.in_rule(rule, key, message).hint(hint), number));
            }
        }
    }
    found
}
