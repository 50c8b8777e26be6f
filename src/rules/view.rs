//! Groups and rules as the API shows them (`/api/v1/rules`, `/api/v1/alerts`).

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use crate::model::{Duration, Labels, Timestamp};
use crate::promql::{Expr, Unfiltered};

use super::alerting::{Active, Phase};
use super::group::Group;
use super::rule::{Kind, Rule};
use super::set::RuleSet;

/// A group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupView {
    /// Its name, unique in its file.
    pub name: String,
    /// Its file, as named in the configuration.
    pub file: String,
    /// Time between evaluations.
    pub interval: Duration,
    /// Most alerts or series of one rule; 0 for any number.
    pub limit: usize,
    /// How long the last evaluation took.
    pub evaluation_time: StdDuration,
    /// When it was last evaluated; `None` before the first time.
    pub last_evaluation: Option<Timestamp>,
    /// Its rules in their order.
    pub rules: Vec<RuleView>,
}

impl GroupView {
    /// The alerts of its rules that are pending or fire.
    pub fn alerts(&self) -> impl Iterator<Item = &AlertView> {
        self.rules.iter().flat_map(|rule| match &rule.kind {
            RuleKind::Alerting { alerts, .. } => alerts.as_slice(),
            RuleKind::Recording => &[],
        })
    }
}

/// Whether a rule could be evaluated the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not yet evaluated.
    Unknown,
    /// Yes.
    Ok,
    /// No.
    Err,
}

impl Health {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}

/// Where a rule or an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is wrong.
    Inactive,
    /// Wrong, but not for long enough.
    Pending,
    /// It fires.
    Firing,
}

impl State {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleView {
    /// The alert's or the recorded series' name.
    pub name: String,
    /// Its expression as written.
    pub query: String,
    /// The same as the evaluator takes it.
    pub parsed: Expr,
    /// Its labels as written, those of the group among them.
    pub labels: BTreeMap<String, String>,
    /// Whether it could be evaluated the last time.
    pub health: Health,
    /// Why not.
    pub last_error: Option<String>,
    /// How long the last evaluation took.
    pub evaluation_time: StdDuration,
    /// When it was last evaluated.
    pub last_evaluation: Option<Timestamp>,
    /// What only one kind of rule has.
    pub kind: RuleKind,
}

/// What only one kind of rule has.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// A recording rule.
    Recording,
    /// An alerting rule.
    Alerting {
        /// The highest state of its alerts.
        state: State,
        /// How long the expression must hold (`for`).
        duration: Duration,
        /// How long an alert fires on after the expression stopped to hold.
        keep_firing_for: Duration,
        /// Its annotations as written.
        annotations: BTreeMap<String, String>,
        /// Its alerts that are pending or fire.
        alerts: Vec<AlertView>,
    },
}

/// An alert that is pending or fires.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// What identifies it.
    pub labels: Labels,
    /// Its annotations, expanded.
    pub annotations: BTreeMap<String, String>,
    /// Pending or firing.
    pub state: State,
    /// Since when the expression holds.
    pub active_at: Timestamp,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<Timestamp>,
    /// The value at the last evaluation that saw it.
    pub value: f64,
}

impl RuleSet {
    /// What alerts of this name measure: every side of their rules' expressions, with what it is compared with; also
    /// of groups that are being evaluated elsewhere, which is when their alerts are told.
    #[must_use]
    pub fn sides(&self, alert: &str) -> Vec<Unfiltered> {
        let here = self.groups().iter().flat_map(|group| &group.rules);
        let here = here.filter(|rule| rule.alerting().is_some() && rule.name() == alert);
        let away = self.groups().iter().filter_map(|group| group.away.as_deref()).flat_map(|view| &view.rules);
        let away = away.filter(|rule| matches!(rule.kind, RuleKind::Alerting { .. }) && rule.name == alert);
        let expressions = here.map(|rule| &rule.expression.parsed).chain(away.map(|rule| &rule.parsed));
        expressions.flat_map(Expr::unfiltered).collect()
    }
}

pub(super) fn group(group: &Group) -> GroupView {
    if let Some(before) = &group.away {
        return GroupView::clone(before);
    }
    GroupView {
        name: group.name.clone(),
        file: group.file.clone(),
        interval: group.interval,
        limit: group.limit,
        evaluation_time: group.evaluation_time,
        last_evaluation: group.last_evaluation,
        rules: group.rules.iter().map(rule).collect(),
    }
}

fn rule(rule: &Rule) -> RuleView {
    let raw = |texts: &[(String, super::text::Text)]| -> BTreeMap<String, String> {
        texts.iter().map(|(name, text)| (name.clone(), text.raw().to_owned())).collect()
    };
    let (labels, kind) = match &rule.kind {
        Kind::Recording(rule) => (raw(&rule.labels), RuleKind::Recording),
        Kind::Alerting(rule) => {
            let alerts: Vec<AlertView> = rule.active.iter().filter_map(|(l, a)| alert(l, a)).collect();
            let kind = RuleKind::Alerting {
                state: alerts.iter().map(|alert| alert.state).max().unwrap_or(State::Inactive),
                duration: rule.hold,
                keep_firing_for: rule.keep_firing_for,
                annotations: raw(&rule.annotations),
                alerts,
            };
            (raw(&rule.labels), kind)
        }
    };
    RuleView {
        name: rule.name().to_owned(),
        query: rule.expression.text.trim().to_owned(),
        parsed: rule.expression.parsed.clone(),
        labels,
        health: rule.health,
        last_error: rule.last_error.clone(),
        evaluation_time: rule.evaluation_time,
        last_evaluation: rule.last_evaluation,
        kind,
    }
}

fn alert(labels: &Labels, active: &Active) -> Option<AlertView> {
    let state = match active.phase {
        Phase::Pending => State::Pending,
        Phase::Firing => State::Firing,
        Phase::Resolved => return None,
    };
    Some(AlertView {
        labels: labels.clone(),
        annotations: active.annotations.clone(),
        state,
        active_at: active.active_at,
        keep_firing_since: active.keep_firing_since,
        value: active.value,
    })
}
