//! What was expected against what came, and the lines that say how they differ.

use std::collections::BTreeMap;

use crate::model::Labels;
use crate::model::labels::ALERT_NAME;
use crate::model::number;
use crate::promql::VectorSample;
use crate::rules::{AlertView, GroupView, RuleKind, State};

use super::file::{AlertTest, ExprTest, labels};
use super::report::Failure;

type Annotations = BTreeMap<String, String>;

/// Labels by name, those with an empty value among them: no alert has one, so none is equal.
type Pairs = BTreeMap<String, String>;

/// The firing alerts of a name, in all groups.
fn firing(groups: &[GroupView], name: &str) -> Vec<(Pairs, Annotations)> {
    let rules = groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.name == name);
    let mut found: Vec<(Pairs, Annotations)> =
        rules.flat_map(|rule| fires(&rule.kind)).map(|alert| (of(&alert.labels), alert.annotations.clone())).collect();
    found.sort();
    found
}

/// The alerts of a rule that fire.
pub(super) fn fires(rule: &RuleKind) -> impl Iterator<Item = &AlertView> {
    let alerts = match rule {
        RuleKind::Alerting { alerts, .. } => alerts.as_slice(),
        RuleKind::Recording => &[],
    };
    alerts.iter().filter(|alert| alert.state == State::Firing)
}

fn of(labels: &Labels) -> Pairs {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Says what is wrong, if something is.
pub(super) fn alerts(test: &AlertTest, groups: &[GroupView]) -> Option<Failure> {
    let got = firing(groups, &test.alertname);
    let mut expected: Vec<(Pairs, Annotations)> = Vec::new();
    for alert in &test.exp_alerts {
        let mut labels: Pairs = alert.exp_labels.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        labels.insert(ALERT_NAME.to_owned(), test.alertname.clone());
        expected.push((labels, alert.exp_annotations.clone()));
    }
    expected.sort();
    if expected == got {
        return None;
    }
    let about = format!("alert {} at {}", test.alertname, test.eval_time);
    let lines = |alerts: &[(Pairs, Annotations)]| {
        let mut lines = Vec::new();
        for (labels, annotations) in alerts {
            lines.push(braced(labels.iter().filter(|(name, _)| *name != ALERT_NAME)));
            lines.extend(annotations.iter().map(|(name, text)| format!("  {name}: {text:?}")));
        }
        lines
    };
    Some(Failure { about, error: None, expected: lines(&expected), got: lines(&got) })
}

/// Says what is wrong, if something is.
pub(super) fn samples(test: &ExprTest, got: &[VectorSample], fuzzy: bool) -> Option<Failure> {
    let mut got: Vec<(Pairs, f64)> = got.iter().map(|element| (of(&element.labels), element.sample.value)).collect();
    let read = |text: &str| of(&labels(text).unwrap_or_default());
    let mut expected: Vec<(Pairs, f64)> =
        test.exp_samples.iter().map(|sample| (read(&sample.labels), sample.value.0)).collect();
    got.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let same = got.len() == expected.len()
        && got.iter().zip(&expected).all(|(got, expected)| got.0 == expected.0 && equal(got.1, expected.1, fuzzy));
    if same {
        return None;
    }
    let about = format!("expression {:?} at {}", test.expr, test.eval_time);
    let lines = |samples: &[(Pairs, f64)]| {
        samples.iter().map(|(labels, value)| format!("{} {}", braced(labels), number::plain(*value))).collect()
    };
    Some(Failure { about, error: None, expected: lines(&expected), got: lines(&got) })
}

fn braced<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let pairs: Vec<String> = labels.into_iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// As promtool compares: not a number equals nothing, and near is the next number up or down.
#[allow(clippy::float_cmp)]
fn equal(a: f64, b: f64, fuzzy: bool) -> bool {
    a == b || (fuzzy && (a.next_up() == b || a.next_down() == b))
}
