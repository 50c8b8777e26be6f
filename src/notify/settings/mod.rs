//! Who is told: `route`, `receivers`, `inhibit_rules` and `time_intervals`, as an Alertmanager file writes them.
//!
//! One file per section. Keys, defaults and what is refused are Alertmanager's, but for the root's `group_by`, which
//! is `[alertname]` here. A receiver without a notifier is allowed and tells nobody.

use serde::Deserialize;

use crate::model::Problem;

use super::notifiers::KINDS;

pub mod inhibit;
pub mod intervals;
mod keeping;
mod receiver;
pub mod route;

pub use inhibit::InhibitRule;
pub use intervals::TimeInterval;
pub use keeping::{Acknowledge, History};
pub use receiver::Receiver;
pub use route::Route;

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
    /// How long it is remembered what happened.
    #[serde(default)]
    pub history: History,
    /// How acknowledgements end.
    #[serde(default)]
    pub acknowledge: Acknowledge,
    /// Which alerts keep others from being told.
    #[serde(default)]
    pub inhibit_rules: Vec<InhibitRule>,
    /// Named times, for routes to be silent or active in.
    #[serde(default)]
    pub time_intervals: Vec<TimeInterval>,
    /// What `time_intervals` was called before Alertmanager 0.24.
    #[serde(default)]
    pub mute_time_intervals: Vec<TimeInterval>,
}

impl Settings {
    /// What is wrong with it, with paths such as `route.receiver`.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.history.problems().into_iter().map(|problem| problem.below("history")));
        problems.extend(self.acknowledge.problems().into_iter().map(|problem| problem.below("acknowledge")));
        if let Some(route) = &self.route {
            let known = route::Known { receivers: &self.receivers, intervals: &self.interval_names() };
            problems.extend(route.problems(&known).into_iter().map(|problem| problem.below("route")));
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
        for (index, rule) in self.inhibit_rules.iter().enumerate() {
            let at = format!("inhibit_rules[{index}]");
            problems.extend(rule.compile().err().into_iter().flatten().map(|problem| problem.below(&at)));
        }
        problems.extend(self.interval_problems());
        problems
    }

    /// All intervals, under whichever key they stand.
    pub(super) fn intervals(&self) -> impl Iterator<Item = &TimeInterval> {
        self.time_intervals.iter().chain(&self.mute_time_intervals)
    }

    fn interval_names(&self) -> Vec<&str> {
        self.intervals().map(|interval| interval.name.as_str()).collect()
    }

    fn interval_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        let sections = [("time_intervals", &self.time_intervals), ("mute_time_intervals", &self.mute_time_intervals)];
        for (section, intervals) in sections {
            for (index, interval) in intervals.iter().enumerate() {
                let at = format!("{section}[{index}]");
                if interval.name.is_empty() {
                    problems.push(Problem::at(format!("{at}.name"), "a time interval needs a name"));
                } else if seen.contains(&interval.name.as_str()) {
                    let message = format!("there is already a time interval named {:?}", interval.name);
                    problems.push(Problem::at(format!("{at}.name"), message));
                }
                seen.push(&interval.name);
                problems.extend(interval.compile().err().into_iter().flatten().map(|problem| problem.below(&at)));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests;
