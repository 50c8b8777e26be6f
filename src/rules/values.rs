//! The values that a rule compares, with the filter of its comparison taken off.
//!
//! The expression itself answers nothing for an alert that is over: its comparison filters the value out. So it is
//! evaluated once more without that filter when an alert has just ended, so that "over" can be told with a number.
//! No answer is a normal case: series that are gone have no value, and of `a or b` it may stay open which side the
//! alert was.

use std::collections::BTreeMap;

use crate::model::{Duration, Labels};
use crate::promql::{self, Expr, Limits, Unfiltered, Value};

use super::alerting::{Active, AlertingRule, Phase};
use super::rule::Round;

/// Longest time for one side; a number that is only shown must not hold up other rules.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Notes the values of the alerts that are over since this round.
pub(super) fn note_ended(rule: &mut AlertingRule, expression: &Expr, round: &Round<'_>) {
    let just_ended = |active: &Active| active.phase == Phase::Resolved && active.resolved_at == Some(round.at);
    if !rule.active.values().any(just_ended) {
        return;
    }
    let mut found: BTreeMap<Labels, Option<f64>> = BTreeMap::new();
    for side in expression.unfiltered() {
        for (labels, value) in results(&side, round).unwrap_or_default() {
            // A second value leaves open which of the two the alert was about.
            found.entry(rule.base(&labels)).and_modify(|value| *value = None).or_insert(Some(value));
        }
    }
    let mut active = std::mem::take(&mut rule.active);
    for (labels, active) in active.iter_mut().filter(|(_, active)| just_ended(active)) {
        active.resolved_value = found.get(&rule.base(labels)).copied().flatten();
    }
    rule.active = active;
}

/// What one side answers, with the labels that the comparison would have left; `None` if it cannot be evaluated.
pub(super) fn results(side: &Unfiltered, round: &Round<'_>) -> Option<Vec<(Labels, f64)>> {
    let limits = Limits { timeout: TIMEOUT.min(round.limits.timeout), ..*round.limits };
    let answer = promql::instant_with(&side.expression, round.tsdb, round.read_at, &limits, &round.options).ok()?;
    let results: Vec<(Labels, f64)> = match answer.value {
        Value::Vector(vector) => vector.into_iter().map(|element| (element.labels, element.sample.value)).collect(),
        Value::Scalar(value) => vec![(Labels::empty(), value)],
        Value::String(_) | Value::Matrix(_) => Vec::new(),
    };
    Some(results.into_iter().map(|(labels, value)| (side.labels(&labels), value)).collect())
}
