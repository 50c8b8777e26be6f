//! Who is told: `route` and `receivers`, as an Alertmanager file writes them.
//!
//! Only the root route exists. Keys and defaults are Alertmanager's; a receiver without a notifier is
//! allowed and tells nobody. A later tree hangs below [`Route`].

use serde::Deserialize;

use crate::model::{Duration, Problem};

use super::notifiers::KINDS;

mod receiver;

pub use receiver::Receiver;

/// Everything about telling people.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where alerts go; without it nobody is told.
    #[serde(default)]
    pub route: Option<Route>,
    /// The named destinations.
    #[serde(default)]
    pub receivers: Vec<Receiver>,
    /// Whether receivers may run programs on this machine; false unless set.
    #[serde(default)]
    pub allow_commands: bool,
}

/// Which receiver is told, about which alerts together, and how often.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The receiver's name, one of `receivers`.
    pub receiver: String,
    /// Labels whose values alerts must share to be told together; `['...']` tells each alert alone, an empty
    /// list tells all together. `[alertname]` unless set.
    #[serde(default = "default_group_by")]
    pub group_by: Vec<String>,
    /// How long a new group waits for more alerts before it is told; 30s unless set, 0s tells at once.
    #[serde(default = "default_group_wait")]
    pub group_wait: Duration,
    /// Shortest time between two messages about a group that changed; 5m unless set, more than 0.
    #[serde(default = "default_group_interval")]
    pub group_interval: Duration,
    /// How long until a group that goes on unchanged is told again; 4h unless set, more than 0. Kept to the
    /// second, not rounded up to the next `group_interval`.
    #[serde(default = "default_repeat_interval")]
    pub repeat_interval: Duration,
}

fn default_group_by() -> Vec<String> {
    vec!["alertname".to_owned()]
}

const fn default_group_wait() -> Duration {
    Duration::from_secs(30)
}

const fn default_group_interval() -> Duration {
    Duration::from_secs(5 * 60)
}

const fn default_repeat_interval() -> Duration {
    Duration::from_secs(4 * 3600)
}

impl Settings {
    /// What is wrong with it, with paths such as `route.receiver`.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(route) = &self.route {
            problems.extend(route.problems(&self.receivers).into_iter().map(|problem| problem.below("route")));
        }
        for (index, receiver) in self.receivers.iter().enumerate() {
            let at = format!("receivers[{index}]");
            if receiver.name.is_empty() {
                problems.push(Problem::at(format!("{at}.name"), "a receiver needs a name"));
            }
            if self.receivers[..index].iter().any(|earlier| earlier.name == receiver.name) {
                let message = format!("there is already a receiver named {:?}", receiver.name);
                problems.push(Problem::at(format!("{at}.name"), message));
            }
            if !self.allow_commands && !receiver.command_configs.is_empty() {
                let problem = Problem::at(format!("{at}.command_configs"), "commands are not allowed here");
                problems.push(problem.hint("set allow_commands: true at the top of the configuration"));
            }
            for kind in KINDS {
                problems.extend(kind.problems(receiver).into_iter().map(|problem| problem.below(&at)));
            }
        }
        problems
    }
}

impl Route {
    fn problems(&self, receivers: &[Receiver]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let names = || receivers.iter().map(|receiver| receiver.name.as_str());
        if !names().any(|name| name == self.receiver) {
            let known = names().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none; add one under receivers".to_owned() } else { known };
            let message = format!("unknown receiver {:?}", self.receiver);
            let problem = Problem::at("receiver", message).note(format!("known receivers: {known}"));
            problems.push(problem.suggest(&self.receiver, names()));
        }
        for (index, label) in self.group_by.iter().enumerate() {
            let at = format!("group_by[{index}]");
            if label == ALL_LABELS {
                if self.group_by.len() > 1 {
                    problems.push(Problem::at(at, "\"...\" means every label and stands alone"));
                }
            } else if !is_label_name(label) {
                problems.push(Problem::at(at, format!("{label:?} is not a label name")));
            } else if self.group_by[..index].contains(label) {
                problems.push(Problem::at(at, format!("label {label:?} is named twice")));
            }
        }
        for (name, value) in [("group_interval", self.group_interval), ("repeat_interval", self.repeat_interval)] {
            if value.is_zero() {
                problems.push(Problem::at(name, format!("{name} must be more than 0s")));
            }
        }
        problems
    }
}

/// What stands in `group_by` for every label.
pub(super) const ALL_LABELS: &str = "...";

fn is_label_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str) -> Settings {
        serde_yaml::from_str(yaml).expect("valid YAML")
    }

    #[test]
    fn a_minimal_route_has_the_defaults_of_alertmanager_and_groups_by_name() {
        let route = settings("route: {receiver: a}\nreceivers: [{name: a}]").route.expect("a route");
        assert_eq!(route.group_by, ["alertname"]);
        let (wait, interval, repeat) = (route.group_wait, route.group_interval, route.repeat_interval);
        assert_eq!([wait, interval, repeat].map(|d| d.to_string()), ["30s", "5m", "4h"]);
    }

    #[test]
    fn every_mistake_is_told_with_its_path() {
        let problems = settings(
            "route: {receiver: oncal, group_by: ['...', 'a b', x, x], group_interval: 0s}\n\
             receivers: [{name: oncall}, {name: oncall}, {name: ''}]",
        )
        .problems();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "route.receiver: unknown receiver \"oncal\"\n  known receivers: oncall, oncall, \nhint: did you mean \"oncall\"?",
                "route.group_by[0]: \"...\" means every label and stands alone",
                "route.group_by[1]: \"a b\" is not a label name",
                "route.group_by[3]: label \"x\" is named twice",
                "route.group_interval: group_interval must be more than 0s",
                "receivers[1].name: there is already a receiver named \"oncall\"",
                "receivers[2].name: a receiver needs a name",
            ]
        );
    }

    #[test]
    fn a_receiver_without_a_notifier_is_allowed() {
        assert!(settings("route: {receiver: nobody}\nreceivers: [{name: nobody}]").problems().is_empty());
    }
}
