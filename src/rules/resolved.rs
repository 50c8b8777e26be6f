//! The value with which an alert ended, so that "over" can be told with a number.
//!
//! The expression itself answers nothing for an alert that is over: its comparison filters the value out. So the
//! expression is evaluated once more without that filter, for the alerts that have just ended. No answer is a
//! normal case: series that are gone have no value, and of `a or b` it may stay open which side the alert was.

use std::collections::BTreeMap;

use crate::model::{Duration, Labels};
use crate::promql::{self, Expr, Limits, Unfiltered, Value};

use super::alerting::{AlertingRule, Phase};
use super::rule::Round;
use super::text;

/// Longest time for one side; a number that is only shown must not hold up other rules.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Notes the values of the alerts that are over since this round.
pub(super) fn note_values(rule: &mut AlertingRule, expression: &Expr, round: &Round<'_>) {
    let ended = |rule: &AlertingRule| {
        let just_now = |active: &super::alerting::Active| {
            active.phase == Phase::Resolved && active.resolved_at == Some(round.at) && active.resolved_value.is_none()
        };
        rule.active.values().any(just_now)
    };
    if !ended(rule) {
        return;
    }
    let mut found: BTreeMap<Labels, Option<f64>> = BTreeMap::new();
    for side in expression.unfiltered() {
        for (labels, value) in values(rule, &side, round) {
            // A second value leaves open which of the two the alert was about.
            found.entry(labels).and_modify(|value| *value = None).or_insert(Some(value));
        }
    }
    for (labels, active) in &mut rule.active {
        if active.phase == Phase::Resolved && active.resolved_at == Some(round.at) {
            active.resolved_value = found.get(labels).copied().flatten();
        }
    }
}

/// What one side answers, by the labels that an alert of it would have.
fn values(rule: &AlertingRule, side: &Unfiltered, round: &Round<'_>) -> Vec<(Labels, f64)> {
    let limits = Limits { timeout: TIMEOUT.min(round.limits.timeout), ..*round.limits };
    let Ok(answer) = promql::instant(&side.expression, round.tsdb, round.read_at, &limits) else { return Vec::new() };
    let results: Vec<(Labels, f64)> = match answer.value {
        Value::Vector(vector) => vector.into_iter().map(|element| (element.labels, element.sample.value)).collect(),
        Value::Scalar(value) => vec![(Labels::empty(), value)],
        Value::String(_) | Value::Matrix(_) => Vec::new(),
    };
    let mut named = Vec::with_capacity(results.len());
    for (labels, value) in results {
        let labels = side.labels(&labels);
        let data = text::data(&labels, value, &round.world);
        named.push((rule.labels_of(&labels, &data, &round.world, &mut Vec::new()), value));
    }
    named
}
