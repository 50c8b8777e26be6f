//! One node of the tree of routes, and what is wrong with it.
//!
//! A child takes what it does not set from the route above it, except for its conditions and time intervals.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{Duration, MatchOp, Matcher, Problem, parse_matchers};

use super::Receiver;

/// Which receiver is told, about which alerts together, and how often.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The receiver's name, one of `receivers`; that of the route above unless set. The root must name one.
    #[serde(default)]
    pub receiver: Option<String>,
    /// Labels whose values alerts must share to be told together; `['...']` tells each alert alone, an empty
    /// list tells all together. As the route above unless set; `[alertname]` at the root.
    #[serde(default)]
    pub group_by: Option<Vec<String>>,
    /// How long a new group waits for more alerts before it is told; 0s tells at once. As the route above unless set;
    /// 30s at the root.
    #[serde(default)]
    pub group_wait: Option<Duration>,
    /// Shortest time between two messages about a group that changed, more than 0. As the route above unless set; 5m
    /// at the root.
    #[serde(default)]
    pub group_interval: Option<Duration>,
    /// How long until a group that goes on unchanged is told again, more than 0. As the route above unless set; 4h
    /// at the root. Kept to the second, not rounded up to the next `group_interval`.
    #[serde(default)]
    pub repeat_interval: Option<Duration>,
    /// Conditions on the alert's labels such as `severity="page"` or `team=~"a|b"`, all of which must hold. None
    /// unless set: the route takes every alert that reaches it. Not at the root, which takes every alert.
    #[serde(default)]
    pub matchers: Vec<String>,
    /// Alertmanager's old form of `label="value"`.
    #[serde(default, rename = "match")]
    pub equal: BTreeMap<String, String>,
    /// Alertmanager's old form of `label=~"value"`.
    #[serde(default)]
    pub match_re: BTreeMap<String, String>,
    /// Whether an alert that this route took is offered to the routes below it in the list too; false unless set.
    #[serde(default, rename = "continue")]
    pub goes_on: bool,
    /// Who else is told if nobody acknowledges in time. As the route above unless set; nobody at the root. Not a key of
    /// Alertmanager's.
    #[serde(default)]
    pub escalate: Option<Vec<Escalate>>,
    /// Names of time intervals in which this route tells nobody. Not at the root, and not passed on to children.
    #[serde(default)]
    pub mute_time_intervals: Vec<String>,
    /// Names of the time intervals in which alone this route tells anybody; always unless set. Not at the root, and
    /// not passed on to children.
    #[serde(default)]
    pub active_time_intervals: Vec<String>,
    /// Routes tried before this one, in order; the first that matches takes the alert.
    #[serde(default)]
    pub routes: Vec<Route>,
}

/// A further receiver for alerts that nobody takes care of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// How long after the alert was first told; more than 0. Without an acknowledgement by then the receiver is told.
    pub after: Duration,
    /// The receiver's name, one of `receivers`, not the route's own.
    pub receiver: String,
}

/// What routes may name.
pub(super) struct Known<'a> {
    pub receivers: &'a [Receiver],
    pub intervals: &'a [&'a str],
}

/// What stands in `group_by` for every label.
pub(in crate::notify) const ALL_LABELS: &str = "...";

impl Route {
    /// Its conditions, in the order in which Alertmanager writes them in the keys of groups.
    ///
    /// # Errors
    /// Those that cannot be read, with their paths.
    pub fn conditions(&self) -> Result<Vec<Matcher>, Vec<Problem>> {
        let fields = [("match", &self.equal, MatchOp::Equal), ("match_re", &self.match_re, MatchOp::Regex)];
        conditions("matchers", &self.matchers, fields)
    }

    /// What is wrong with the root and everything below it.
    pub(super) fn problems(&self, known: &Known<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.receiver.is_none() {
            let hint = "name the one that takes what no other route takes";
            problems.push(Problem::at("receiver", "the root route needs a receiver").hint(hint));
        }
        for (key, set, instead) in [
            ("matchers", !self.matchers.is_empty(), "put them on a route under routes"),
            ("match", !self.equal.is_empty(), "put them on a route under routes"),
            ("match_re", !self.match_re.is_empty(), "put them on a route under routes"),
            ("mute_time_intervals", !self.mute_time_intervals.is_empty(), "put them on a route under routes"),
            ("active_time_intervals", !self.active_time_intervals.is_empty(), "put them on a route under routes"),
        ] {
            if set {
                problems
                    .push(Problem::at(key, format!("the root route takes every alert and has no {key}")).hint(instead));
            }
        }
        problems.extend(self.node_problems(known));
        problems
    }

    fn node_problems(&self, known: &Known<'_>) -> Vec<Problem> {
        let mut problems = known.unknown_receiver(self.receiver.as_deref());
        problems.extend(self.escalate_problems(known));
        problems.extend(self.conditions().err().into_iter().flatten());
        problems.extend(group_by_problems(self.group_by.as_deref().unwrap_or_default()));
        for (name, value) in [("group_interval", self.group_interval), ("repeat_interval", self.repeat_interval)] {
            if value.is_some_and(Duration::is_zero) {
                problems.push(Problem::at(name, format!("{name} must be more than 0s")));
            }
        }
        for (key, names) in
            [("mute_time_intervals", &self.mute_time_intervals), ("active_time_intervals", &self.active_time_intervals)]
        {
            for (index, name) in names.iter().enumerate().filter(|(_, name)| !known.intervals.contains(&name.as_str()))
            {
                let names = match known.intervals {
                    [] => "none; add one under time_intervals".to_owned(),
                    some => some.join(", "),
                };
                let problem = Problem::at(format!("{key}[{index}]"), format!("unknown time interval {name:?}"));
                let problem = problem.note(format!("known time intervals: {names}"));
                problems.push(problem.suggest(name, known.intervals.iter().copied()));
            }
        }
        for (index, child) in self.routes.iter().enumerate() {
            let at = format!("routes[{index}]");
            problems.extend(child.node_problems(known).into_iter().map(|problem| problem.below(&at)));
        }
        problems
    }

    fn escalate_problems(&self, known: &Known<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let steps = self.escalate.as_deref().unwrap_or_default();
        for (index, step) in steps.iter().enumerate() {
            let at = format!("escalate[{index}]");
            problems.extend(known.unknown_receiver(Some(&step.receiver)).into_iter().map(|p| p.below(&at)));
            if step.after.is_zero() {
                problems.push(Problem::at(format!("{at}.after"), "after must be more than 0s"));
            }
            let earlier = steps[..index].iter().any(|other| other.receiver == step.receiver);
            if earlier || self.receiver.as_ref() == Some(&step.receiver) {
                let message = format!("receiver {:?} is told before already", step.receiver);
                problems.push(Problem::at(format!("{at}.receiver"), message));
            }
        }
        problems
    }
}

impl Known<'_> {
    fn unknown_receiver(&self, wanted: Option<&str>) -> Vec<Problem> {
        let names = || self.receivers.iter().map(|receiver| receiver.name.as_str());
        let unknown = wanted.filter(|wanted| !names().any(|name| name == *wanted));
        let problem = |wanted: &str| {
            let known = names().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none; add one under receivers".to_owned() } else { known };
            let problem = Problem::at("receiver", format!("unknown receiver {wanted:?}"));
            problem.note(format!("known receivers: {known}")).suggest(wanted, names())
        };
        unknown.map(problem).into_iter().collect()
    }
}

/// Conditions from a list of texts under `key` and from the old forms, sorted as Alertmanager sorts them.
pub(super) fn conditions<'a>(
    key: &str,
    texts: &[String],
    old: impl IntoIterator<Item = (&'a str, &'a BTreeMap<String, String>, MatchOp)>,
) -> Result<Vec<Matcher>, Vec<Problem>> {
    let (mut matchers, mut problems) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match parse_matchers(text).or_else(|error| parse_matchers(&doubled(text)).map_err(|_| error)) {
            Ok(read) => matchers.extend(read),
            Err(error) => problems.push(Problem::at(format!("{key}[{index}]"), error.to_string())),
        }
    }
    for (key, fields, op) in old {
        for (name, value) in fields {
            // Alertmanager keeps its anchors in what it shows of the old form, and so in the keys of groups.
            let value = if op == MatchOp::Regex { format!("^(?:{value})$") } else { value.clone() };
            match Matcher::new(name.as_str(), op, value) {
                Ok(matcher) => matchers.push(matcher),
                Err(error) => {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    problems.push(Problem::at(format!("{key}.{name}"), format!("no regular expression: {reason}")));
                }
            }
        }
    }
    let rank = |op: MatchOp| [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex].iter().position(|o| *o == op);
    matchers.sort_by(|a: &Matcher, b| {
        let key = |m: &Matcher| (m.name().to_owned(), m.value().to_owned(), rank(m.op()).unwrap_or(3));
        key(a).cmp(&key(b))
    });
    if problems.is_empty() { Ok(matchers) } else { Err(problems) }
}

/// The text with every backslash doubled that is no escape, so that it stands for itself: Alertmanager too falls back
/// to this reading for files written before its version 0.27.
fn doubled(text: &str) -> String {
    let mut doubled = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        doubled.push(c);
        if c == '\\' {
            match chars.next_if(|next| matches!(next, 'n' | '"' | '\\')) {
                Some(escaped) => doubled.push(escaped),
                None => doubled.push('\\'),
            }
        }
    }
    doubled
}

fn group_by_problems(group_by: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, label) in group_by.iter().enumerate() {
        let at = format!("group_by[{index}]");
        if label == ALL_LABELS {
            if group_by.len() > 1 {
                problems.push(Problem::at(at, "\"...\" means every label and stands alone"));
            }
        } else if !is_label_name(label) {
            problems.push(Problem::at(at, format!("{label:?} is not a label name")));
        } else if group_by[..index].contains(label) {
            problems.push(Problem::at(at, format!("label {label:?} is named twice")));
        }
    }
    problems
}

pub(super) fn is_label_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_sorted_as_in_the_keys_of_groups_and_old_forms_keep_their_anchors() {
        let route: Route = serde_yaml::from_str(
            "{matchers: ['z=~\"a\\.b\"', 'b!=\"1\",b=\"1\"'], match: {a: x}, match_re: {c: 'd|e'}}",
        )
        .expect("YAML");
        let told: Vec<String> = route.conditions().expect("good").iter().map(ToString::to_string).collect();
        assert_eq!(told, [r#"a="x""#, r#"b="1""#, r#"b!="1""#, r#"c=~"^(?:d|e)$""#, r#"z=~"a\\.b""#]);
    }
}
