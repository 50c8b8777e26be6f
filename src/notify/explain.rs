//! Why an alert is told to whom: the walk through the tree of routes, for `memsentry route`.
//!
//! Nothing here decides; it says what [`Plan`] does with a label set, and what the clock and inhibition rules add.

use serde::Serialize;

use crate::model::{Duration, Labels, Timestamp};

use super::route::{GroupBy, Plan, PlannedRoute};

/// One route as a person sees it.
#[derive(Debug, Clone, Serialize)]
pub struct RouteView {
    /// How deep it stands in the tree; the root is 0.
    pub depth: usize,
    /// Where it stands, as in the keys of groups.
    pub path: String,
    /// Its conditions; none at the root.
    pub matchers: Vec<String>,
    /// Who is told.
    pub receiver: String,
    /// The labels that make a group; `...` alone stands for all.
    pub group_by: Vec<String>,
    /// How long a new group waits.
    pub group_wait: Duration,
    /// The least time between two messages about a group.
    pub group_interval: Duration,
    /// How long until a group that goes on is told again.
    pub repeat_interval: Duration,
    /// Whether later routes are offered what it takes.
    #[serde(rename = "continue")]
    pub goes_on: bool,
    /// Time intervals in which it is silent.
    pub mute_time_intervals: Vec<String>,
    /// Time intervals in which alone it is not.
    pub active_time_intervals: Vec<String>,
    /// Who else is told if nobody acknowledges in time: `boss after 15m`.
    pub escalate: Vec<String>,
}

/// What a route did with an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A condition does not hold.
    NoMatch,
    /// Its conditions hold, and a route below it took the alert.
    PassedOn,
    /// It takes the alert.
    Taken,
    /// An earlier route took the alert and did not let it through.
    NotReached,
}

/// One step of the walk.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The route.
    pub route: RouteView,
    /// What it did.
    pub outcome: Outcome,
    /// Each of its conditions, and whether it holds; none where the walk did not come.
    pub conditions: Vec<(String, bool)>,
    /// Of a route that takes the alert: what tells its receiver, such as `webhook[0]`.
    pub notifiers: Vec<String>,
    /// Of a route that takes the alert: the key of the group that it joins.
    pub group_key: Option<String>,
    /// Of a route that takes the alert: the time intervals that make it silent now.
    pub muted_by: Vec<String>,
}

/// An inhibition rule that concerns an alert.
#[derive(Debug, Clone, Serialize)]
pub struct Inhibition {
    /// Its place in `inhibit_rules`, from 0.
    pub index: usize,
    /// Its name, or nothing.
    pub name: String,
    /// Conditions on the alert on the other side.
    pub other_side: Vec<String>,
    /// What the other alert must share with this one: labels with the value here.
    pub equal: Vec<(String, String)>,
}

/// Who is told about an alert with some labels, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Every route, as the walk saw it.
    pub steps: Vec<Step>,
    /// Who would be told now, in the order of the routes; each once. Not those without a notifier.
    pub receivers: Vec<String>,
    /// Whose routes take the alert and tell nobody: silent at this time, or without a notifier.
    pub silent_receivers: Vec<String>,
    /// What would keep it from being told while an alert such as this fires.
    pub inhibited_by: Vec<Inhibition>,
    /// What it would keep from being told while it fires.
    pub inhibits: Vec<Inhibition>,
}

impl Plan {
    /// Every route, the root first.
    #[must_use]
    pub fn tree(&self) -> Vec<RouteView> {
        let mut views = Vec::new();
        self.visit(0, 0, &mut |depth, _, route| views.push(view(depth, route)));
        views
    }

    /// Which way an alert with these labels takes through the tree at `at`.
    #[must_use]
    pub fn explain(&self, labels: &Labels, at: Timestamp) -> Explanation {
        let taken = self.select(labels);
        let mut steps: Vec<Step> = Vec::new();
        // The depth of a route whose subtree the walk does not enter, and why.
        let mut skipped: Option<(usize, Outcome)> = None;
        // For each depth: whether an earlier sibling took the alert for good.
        let mut closed: Vec<bool> = Vec::new();
        self.visit(0, 0, &mut |depth, index, route| {
            closed.truncate(depth + 1);
            closed.resize(depth + 1, false);
            skipped = skipped.filter(|(at, _)| depth > *at);
            let reached = skipped.is_none() && !closed[depth];
            let matches = reached && route.matches(labels);
            let outcome = match (reached, matches) {
                (false, _) => Outcome::NotReached,
                (true, false) => Outcome::NoMatch,
                (true, true) if taken.contains(&index) => Outcome::Taken,
                (true, true) => Outcome::PassedOn,
            };
            if !matches {
                skipped = skipped.or(Some((depth, outcome)));
            }
            closed[depth] |= matches && !route.goes_on;
            steps.push(self.step(view(depth, route), route, outcome, labels, at));
        });
        // Below a route that does not match nothing is worth a line.
        let mut hidden: Option<usize> = None;
        steps.retain(|step| {
            hidden = hidden.filter(|depth| step.route.depth > *depth);
            let kept = hidden.is_none();
            if kept && matches!(step.outcome, Outcome::NoMatch | Outcome::NotReached) {
                hidden = Some(step.route.depth);
            }
            kept
        });
        let of = |muted: bool| {
            let taking = steps.iter().filter(|step| step.outcome == Outcome::Taken);
            let mut names: Vec<String> = Vec::new();
            for step in taking.filter(|step| muted == (step.notifiers.is_empty() || !step.muted_by.is_empty())) {
                if !names.contains(&step.route.receiver) {
                    names.push(step.route.receiver.clone());
                }
            }
            names
        };
        let (receivers, silent_receivers) = (of(false), of(true));
        let (inhibited_by, inhibits) = (self.inhibitions(labels, true), self.inhibitions(labels, false));
        Explanation { steps, receivers, silent_receivers, inhibited_by, inhibits }
    }

    fn step(&self, view: RouteView, route: &PlannedRoute, outcome: Outcome, labels: &Labels, at: Timestamp) -> Step {
        let walked = outcome != Outcome::NotReached;
        let conditions = route.matchers.iter().filter(|_| walked);
        let conditions = conditions.map(|matcher| (matcher.to_string(), matcher.matches_labels(labels))).collect();
        let taken = outcome == Outcome::Taken;
        let group_key = taken.then(|| super::group::GroupId::new(route, &route.group_by.labels(labels)).key);
        let notifiers = self.notifiers(&route.receiver).iter().filter(|_| taken);
        let notifiers = notifiers.map(|notifier| notifier.name.clone()).collect();
        let muted_by = if taken { self.silent(route, at) } else { Vec::new() };
        Step { route: view, outcome, conditions, notifiers, group_key, muted_by }
    }

    /// The time intervals that make a route silent.
    fn silent(&self, route: &PlannedRoute, at: Timestamp) -> Vec<String> {
        let holds = |name: &&String| self.intervals.contains(name, at);
        let (active, mute) = (&route.active_time_intervals, &route.mute_time_intervals);
        let outside = active.iter().filter(|_| !active.iter().any(|name| holds(&name)));
        outside.chain(mute.iter().filter(holds)).cloned().collect()
    }

    fn visit<'a>(&'a self, index: usize, depth: usize, each: &mut dyn FnMut(usize, usize, &'a PlannedRoute)) {
        let Some(route) = self.route(index) else { return };
        each(depth, index, route);
        route.children.iter().for_each(|child| self.visit(*child, depth + 1, each));
    }

    /// The rules of which an alert with these labels is a target, or a source.
    fn inhibitions(&self, labels: &Labels, as_target: bool) -> Vec<Inhibition> {
        let rules = self.inhibit_rules.iter().enumerate();
        let concerned =
            rules.filter(|(_, rule)| if as_target { rule.is_target(labels) } else { rule.is_source(labels) });
        let inhibition = |(index, rule): (usize, &super::inhibit::Rule)| {
            let other = if as_target { &rule.sources } else { &rule.targets };
            let shared = rule.equal.iter().map(|name| (name.clone(), labels.get(name).unwrap_or("").to_owned()));
            Inhibition {
                index,
                name: rule.name.clone(),
                other_side: other.iter().map(ToString::to_string).collect(),
                equal: shared.collect(),
            }
        };
        concerned.map(inhibition).collect()
    }
}

fn view(depth: usize, route: &PlannedRoute) -> RouteView {
    RouteView {
        depth,
        path: route.path.clone(),
        matchers: route.matchers.iter().map(ToString::to_string).collect(),
        receiver: route.receiver.clone(),
        group_by: match &route.group_by {
            GroupBy::All => vec![super::settings::route::ALL_LABELS.to_owned()],
            GroupBy::Names(names) => names.clone(),
        },
        group_wait: route.group_wait.into(),
        group_interval: route.group_interval.into(),
        repeat_interval: route.repeat_interval.into(),
        goes_on: route.goes_on,
        mute_time_intervals: route.mute_time_intervals.clone(),
        active_time_intervals: route.active_time_intervals.clone(),
        escalate: route.escalate.iter().map(|step| format!("{} after {}", step.receiver, step.after)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::settings::Settings;
    use super::*;

    const TREE: &str = "{route: {receiver: a, routes: [\
        {receiver: b, matchers: ['g=x'], continue: true}, \
        {matchers: ['g=~\"x|y\"'], mute_time_intervals: [always], routes: [{receiver: nobody, matchers: ['h=1']}]}, \
        {matchers: ['g=z']}]}, \
        receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}, {name: b, webhook_configs: [{url: 'http://b'}]}, {name: nobody}], \
        time_intervals: [{name: always, time_intervals: [{}]}], \
        inhibit_rules: [{source_matchers: ['g=x'], target_matchers: ['g=y'], equal: [h]}]}";

    fn explain(pairs: &[(&str, &str)]) -> Explanation {
        let settings: Settings = serde_yaml::from_str(TREE).expect("YAML");
        assert!(settings.problems().is_empty(), "{:?}", settings.problems());
        let plan = Plan::new(&settings, "", Arc::default());
        plan.explain(&Labels::from_pairs(pairs.iter().copied()), Timestamp::from_millis(0))
    }

    fn told(pairs: &[(&str, &str)]) -> Vec<String> {
        let explanation = explain(pairs);
        let step = |step: &Step| format!("{} {:?}", step.route.path, step.outcome);
        let mut told: Vec<String> = explanation.steps.iter().map(step).collect();
        told.push(format!("told {:?} silent {:?}", explanation.receivers, explanation.silent_receivers));
        told
    }

    #[test]
    fn the_walk_is_told_route_by_route() {
        assert_eq!(
            told(&[("g", "x"), ("h", "1")]),
            [
                "{} PassedOn",
                r#"{}/{g="x"} Taken"#,
                r#"{}/{g=~"x|y"} PassedOn"#,
                r#"{}/{g=~"x|y"}/{h="1"} Taken"#,
                r#"{}/{g="z"} NotReached"#,
                r#"told ["b"] silent ["nobody"]"#,
            ]
        );
        assert_eq!(
            told(&[("g", "y")]),
            [
                "{} PassedOn",
                r#"{}/{g="x"} NoMatch"#,
                r#"{}/{g=~"x|y"} Taken"#,
                r#"{}/{g=~"x|y"}/{h="1"} NoMatch"#,
                r#"{}/{g="z"} NotReached"#,
                r#"told [] silent ["a"]"#,
            ]
        );
        assert_eq!(told(&[])[0], "{} Taken");
    }

    #[test]
    fn inhibition_is_told_from_both_sides() {
        let target = explain(&[("g", "y"), ("h", "1")]);
        assert_eq!((target.inhibited_by.len(), target.inhibits.len()), (1, 0));
        assert_eq!(target.inhibited_by[0].other_side, [r#"g="x""#]);
        assert_eq!(target.inhibited_by[0].equal, [("h".to_owned(), "1".to_owned())]);
        let source = explain(&[("g", "x")]);
        assert_eq!((source.inhibited_by.len(), source.inhibits.len()), (0, 1));
    }

    #[test]
    fn the_tree_inherits_what_is_not_set() {
        let settings: Settings = serde_yaml::from_str(
            "{route: {receiver: a, group_by: [x], group_wait: 1s, repeat_interval: 1h, routes: [{receiver: b, group_by: [], \
              routes: [{group_wait: 2s, matchers: ['a=b']}]}]}, receivers: [{name: a}, {name: b}]}",
        )
        .expect("YAML");
        let tree = Plan::new(&settings, "", Arc::default()).tree();
        let line = |route: &RouteView| {
            let (wait, interval, repeat) = (route.group_wait, route.group_interval, route.repeat_interval);
            format!("{} {} {:?} {wait} {interval} {repeat}", route.path, route.receiver, route.group_by)
        };
        assert_eq!(
            tree.iter().map(line).collect::<Vec<_>>(),
            [r#"{} a ["x"] 1s 5m 1h"#, r#"{}/{} b [] 1s 5m 1h"#, r#"{}/{}/{a="b"} b [] 2s 5m 1h"#,]
        );
    }
}
