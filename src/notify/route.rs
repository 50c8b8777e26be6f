//! The settings as the dispatcher uses them: which routes take an alert, and whom they tell.
//!
//! [`Plan::select`] walks the tree: labels in, indices of routes out. Why it took which way is told by `explain`.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::model::{Labels, Matcher};
use crate::runbooks::Runbooks;

use super::inhibit::Rule;
use super::intervals::Intervals;
use super::notifiers::KINDS;
use super::settings::route::{ALL_LABELS, Escalate};
use super::settings::{History, Receiver, Route, Settings};

/// What to do with alerts. Never changes; a reload makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The tree, every route before those below it; the root is the first.
    routes: Vec<PlannedRoute>,
    receivers: Vec<PlannedReceiver>,
    pub(super) inhibit_rules: Arc<[Rule]>,
    pub(super) intervals: Intervals,
    /// Where the daemon is seen from outside, without a slash at the end; may be empty.
    pub(super) external_url: String,
    /// How long acknowledgements last of who does not say; 0 for as long as the alert.
    pub(super) expire_after: StdDuration,
    /// How long history is kept.
    pub(super) history: History,
    /// The runbooks that messages name.
    pub(super) runbooks: Arc<Runbooks>,
}

/// One route.
#[derive(Debug, Clone)]
pub(super) struct PlannedRoute {
    /// Where it stands in the tree, as in Alertmanager's group keys; `{}` is the root.
    pub path: String,
    pub receiver: String,
    pub group_by: GroupBy,
    pub group_wait: StdDuration,
    pub group_interval: StdDuration,
    pub repeat_interval: StdDuration,
    pub matchers: Vec<Matcher>,
    /// Whether what it takes is offered to its later siblings too.
    pub goes_on: bool,
    pub mute_time_intervals: Vec<String>,
    pub active_time_intervals: Vec<String>,
    /// Indices of the routes below it, in order.
    pub children: Vec<usize>,
    /// Who else is to be told, after how long.
    pub escalate: Vec<Escalate>,
    /// The indices of the routes that do so.
    pub escalations: Vec<usize>,
    /// Set if it is such a route itself.
    pub escalation: Option<Escalation>,
}

/// What makes a route tell only what nobody took care of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escalation {
    /// The index of the route that tells first.
    pub of: usize,
    /// How long after that.
    pub after: StdDuration,
}

/// One receiver and its notifiers, in order.
#[derive(Debug, Clone)]
pub(super) struct PlannedReceiver {
    pub name: String,
    pub notifiers: Vec<PlannedNotifier>,
}

/// One notifier of a receiver.
#[derive(Debug, Clone)]
pub(super) struct PlannedNotifier {
    /// Such as `webhook[0]`.
    pub name: String,
    pub send_resolved: bool,
}

/// Which labels make a group.
#[derive(Debug, Clone)]
pub(super) enum GroupBy {
    All,
    Names(Vec<String>),
}

impl GroupBy {
    fn new(names: &[String]) -> Self {
        match names.iter().any(|label| label == ALL_LABELS) {
            true => Self::All,
            false => Self::Names(names.to_vec()),
        }
    }

    /// The labels that identify an alert's group.
    pub fn labels(&self, alert: &Labels) -> Labels {
        match self {
            Self::All => alert.clone(),
            Self::Names(names) => alert.without(|label| !names.iter().any(|name| name == label)),
        }
    }
}

/// What the root takes where nothing is set; Alertmanager's, but for the grouping.
fn above_root() -> PlannedRoute {
    PlannedRoute {
        path: String::new(),
        receiver: String::new(),
        group_by: GroupBy::Names(vec![crate::model::labels::ALERT_NAME.to_owned()]),
        group_wait: StdDuration::from_secs(30),
        group_interval: StdDuration::from_secs(5 * 60),
        repeat_interval: StdDuration::from_secs(4 * 3600),
        matchers: Vec::new(),
        goes_on: false,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        children: Vec::new(),
        escalate: Vec::new(),
        escalations: Vec::new(),
        escalation: None,
    }
}

impl PlannedRoute {
    /// The route that follows from settings and from the route above it. Checked settings have good conditions.
    fn below(above: &Self, route: &Route) -> Self {
        let matchers = route.conditions().unwrap_or_default();
        let own = MatcherList(&matchers).to_string();
        Self {
            path: if above.path.is_empty() { own } else { format!("{}/{own}", above.path) },
            receiver: route.receiver.clone().unwrap_or_else(|| above.receiver.clone()),
            group_by: route.group_by.as_deref().map_or_else(|| above.group_by.clone(), GroupBy::new),
            group_wait: route.group_wait.map_or(above.group_wait, |wait| wait.std()),
            group_interval: route.group_interval.map_or(above.group_interval, |interval| interval.std()),
            repeat_interval: route.repeat_interval.map_or(above.repeat_interval, |interval| interval.std()),
            matchers,
            goes_on: route.goes_on,
            mute_time_intervals: route.mute_time_intervals.clone(),
            active_time_intervals: route.active_time_intervals.clone(),
            children: Vec::new(),
            escalate: route.escalate.clone().unwrap_or_else(|| above.escalate.clone()),
            escalations: Vec::new(),
            escalation: None,
        }
    }

    /// Whether it takes alerts with these labels, should they reach it.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(labels))
    }
}

/// As Alertmanager writes matchers in the keys of groups.
pub(super) struct MatcherList<'a>(pub &'a [Matcher]);

impl std::fmt::Display for MatcherList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "{{{}}}", texts.join(","))
    }
}

impl Plan {
    /// The plan that follows from checked settings.
    #[must_use]
    pub fn new(settings: &Settings, external_url: &str, runbooks: Arc<Runbooks>) -> Self {
        let inhibit_rules: Vec<Rule> = settings.inhibit_rules.iter().filter_map(|rule| rule.compile().ok()).collect();
        let intervals = settings.intervals().filter_map(|named| Some((named.name.clone(), named.compile().ok()?)));
        let mut plan = Self {
            routes: Vec::new(),
            receivers: settings.receivers.iter().map(planned).collect(),
            inhibit_rules: inhibit_rules.into(),
            intervals: Intervals(intervals.collect()),
            expire_after: settings.acknowledge.expire_after.std(),
            history: settings.history,
            external_url: external_url.trim_end_matches('/').to_owned(),
            runbooks,
        };
        if let Some(root) = &settings.route {
            plan.add(&above_root(), root);
        }
        plan
    }

    fn add(&mut self, above: &PlannedRoute, route: &Route) -> usize {
        let index = self.routes.len();
        let planned = PlannedRoute::below(above, route);
        self.routes.push(planned.clone());
        let children: Vec<usize> = route.routes.iter().map(|child| self.add(&planned, child)).collect();
        let escalations = self.add_escalations(index, &planned);
        if let Some(planned) = self.routes.get_mut(index) {
            (planned.children, planned.escalations) = (children, escalations);
        }
        index
    }

    /// The routes beside a route that tell what nobody takes care of; each is a place of its own in the tree.
    fn add_escalations(&mut self, of: usize, route: &PlannedRoute) -> Vec<usize> {
        let steps = route.escalate.iter().filter(|step| step.receiver != route.receiver);
        steps
            .map(|step| {
                self.routes.push(PlannedRoute {
                    path: format!("{}/escalate[{}]", route.path, step.receiver),
                    receiver: step.receiver.clone(),
                    escalation: Some(Escalation { of, after: step.after.std() }),
                    escalate: Vec::new(),
                    ..route.clone()
                });
                self.routes.len() - 1
            })
            .collect()
    }

    /// The routes that take an alert with these labels, and those that tell it further.
    pub(super) fn select_with_escalations(&self, labels: &Labels) -> Vec<usize> {
        let mut taken = self.select(labels);
        let further = taken.iter().filter_map(|index| self.routes.get(*index)).flat_map(|route| &route.escalations);
        let further: Vec<usize> = further.copied().collect();
        taken.extend(further);
        taken
    }

    /// The routes that take an alert with these labels: the first child that matches, and the later ones it lets
    /// through; a route itself if none of its children did.
    pub(super) fn select(&self, labels: &Labels) -> Vec<usize> {
        let mut taken = Vec::new();
        if !self.routes.is_empty() {
            self.descend(0, labels, &mut taken);
        }
        taken
    }

    fn descend(&self, index: usize, labels: &Labels, taken: &mut Vec<usize>) -> bool {
        let Some(route) = self.routes.get(index).filter(|route| route.matches(labels)) else { return false };
        let before = taken.len();
        for child in &route.children {
            let goes_on = self.routes.get(*child).is_some_and(|child| child.goes_on);
            if self.descend(*child, labels, taken) && !goes_on {
                break;
            }
        }
        if taken.len() == before {
            taken.push(index);
        }
        true
    }

    pub(super) fn route(&self, index: usize) -> Option<&PlannedRoute> {
        self.routes.get(index)
    }

    /// The route at a place of the tree, if it still tells this receiver.
    pub(super) fn route_at(&self, path: &str, receiver: &str) -> Option<usize> {
        self.routes.iter().position(|route| route.path == path && route.receiver == receiver)
    }

    /// The receivers' names, in the order of the configuration.
    pub(super) fn receiver_names(&self) -> Vec<String> {
        self.receivers.iter().map(|receiver| receiver.name.clone()).collect()
    }

    /// Every route, the root first.
    pub(super) fn routes(&self) -> &[PlannedRoute] {
        &self.routes
    }

    /// The notifiers of a receiver; none if there is no such receiver.
    pub(super) fn notifiers(&self, receiver: &str) -> &[PlannedNotifier] {
        self.receiver(receiver).map(|receiver| receiver.notifiers.as_slice()).unwrap_or_default()
    }

    pub(super) fn receiver(&self, name: &str) -> Option<&PlannedReceiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}

fn planned(receiver: &Receiver) -> PlannedReceiver {
    let notifiers = KINDS.iter().flat_map(|kind| {
        let resolved = kind.send_resolved(receiver).into_iter().enumerate();
        resolved.map(|(index, send_resolved)| PlannedNotifier { name: kind.label(index), send_resolved })
    });
    PlannedReceiver { name: receiver.name.clone(), notifiers: notifiers.collect() }
}
