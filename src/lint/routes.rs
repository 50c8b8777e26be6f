//! Where alerts can go, as far as the labels that rules set say it. What a label of the answer will be is not
//! known, so it may match anything.

use std::collections::BTreeSet;

use crate::model::Matcher;

use super::world::{RouteNode, Rule, World};

impl World<'_> {
    /// Every route, parents first.
    pub(super) fn routes(&self) -> Vec<&RouteNode> {
        let mut all: Vec<&RouteNode> = self.input.route.iter().collect();
        let mut at = 0;
        while let Some(route) = all.get(at).copied() {
            all.extend(&route.routes);
            at += 1;
        }
        all
    }

    pub(super) fn has_notifier(&self, receiver: &str) -> bool {
        self.input.receivers.iter().any(|(name, notifies)| name == receiver && *notifies)
    }

    /// Whether some alert of the rule may satisfy the matcher.
    pub(super) fn may_match(&self, rule: &Rule<'_>, matcher: &Matcher) -> bool {
        match matcher.name() {
            "alertname" => matcher.matches(rule.name),
            label => match rule.static_label(label) {
                Some(value) => matcher.matches(value),
                // A severity comes from the rule or not at all.
                None if label == "severity" && !rule.labels.contains_key(label) => matcher.matches(""),
                None => true,
            },
        }
    }

    /// Whether every alert of the rule satisfies it.
    fn must_match(&self, rule: &Rule<'_>, matcher: &Matcher) -> bool {
        let decided =
            ["alertname", "severity"].contains(&matcher.name()) || rule.static_label(matcher.name()).is_some();
        decided && self.may_match(rule, matcher)
    }

    /// The receivers that alerts of a rule may come to.
    pub(super) fn possible_receivers(&self, rule: &Rule<'_>) -> BTreeSet<String> {
        let mut receivers = BTreeSet::new();
        if let Some(root) = &self.input.route {
            self.walk(root, rule, &mut receivers);
        }
        receivers
    }

    fn walk(&self, route: &RouteNode, rule: &Rule<'_>, receivers: &mut BTreeSet<String>) {
        let mut surely_taken = false;
        for child in &route.routes {
            if !child.matchers.iter().all(|matcher| self.may_match(rule, matcher)) {
                continue;
            }
            self.walk(child, rule, receivers);
            if child.matchers.iter().all(|matcher| self.must_match(rule, matcher)) {
                surely_taken = true;
                if !child.goes_on {
                    return;
                }
            }
        }
        if !surely_taken {
            receivers.insert(route.receiver.clone());
        }
    }
}
