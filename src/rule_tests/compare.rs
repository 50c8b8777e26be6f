//! What was expected against what came, and the text that says how they differ.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::model::labels::ALERT_NAME;
use crate::model::{Duration, Labels};
use crate::promql::VectorSample;
use crate::rules::{AlertView, GroupView, RuleKind, State};

use super::file::{AlertTest, ExprTest, labels};

type Annotations = BTreeMap<String, String>;

/// The firing alerts of a name, in all groups.
pub(super) fn firing(groups: &[GroupView], name: &str) -> Vec<(Labels, Annotations)> {
    let rules = groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.name == name);
    let alerts = rules.filter_map(|rule| match &rule.kind {
        RuleKind::Alerting { alerts, .. } => Some(alerts),
        RuleKind::Recording => None,
    });
    let firing = |alert: &&AlertView| alert.state == State::Firing;
    let mut found: Vec<(Labels, Annotations)> =
        alerts.flatten().filter(firing).map(|alert| (alert.labels.clone(), alert.annotations.clone())).collect();
    found.sort();
    found
}

/// Says what is wrong, if something is.
pub(super) fn alerts(test: &AlertTest, groups: &[GroupView]) -> Option<String> {
    let got = firing(groups, &test.alertname);
    let mut impossible = false;
    let mut expected: Vec<(Labels, Annotations)> = Vec::new();
    for alert in &test.exp_alerts {
        // An alert never has a label with an empty value, so this one cannot come.
        impossible |= alert.exp_labels.values().any(String::is_empty);
        let set: Labels = alert.exp_labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        expected.push((set.with(ALERT_NAME, &test.alertname), alert.exp_annotations.clone()));
    }
    expected.sort();
    if expected == got && !impossible {
        return None;
    }
    let mut text = format!("alertname: {}, time: {},\n", test.alertname, time(test.eval_time));
    for (title, alerts) in [("exp", &expected), ("got", &got)] {
        let _ = writeln!(text, "  {title}:{}", if alerts.is_empty() { " none" } else { "" });
        for (labels, annotations) in alerts {
            let _ = writeln!(text, "    labels: {labels}\n    annotations: {annotations:?}");
        }
    }
    Some(text)
}

/// Says what is wrong, if something is.
pub(super) fn samples(test: &ExprTest, got: &[VectorSample], fuzzy: bool) -> Option<String> {
    let mut got: Vec<(Labels, f64)> =
        got.iter().map(|element| (element.labels.clone(), element.sample.value)).collect();
    let read = |text: &str| labels(text).unwrap_or_default();
    let mut expected: Vec<(Labels, f64)> =
        test.exp_samples.iter().map(|sample| (read(&sample.labels), sample.value.0)).collect();
    got.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let same = got.len() == expected.len()
        && got.iter().zip(&expected).all(|(got, expected)| got.0 == expected.0 && equal(got.1, expected.1, fuzzy));
    if same {
        return None;
    }
    let mut text = format!("expr: {:?}, time: {},\n", test.expr, time(test.eval_time));
    for (title, samples) in [("exp", &expected), ("got", &got)] {
        let _ = writeln!(text, "  {title}:{}", if samples.is_empty() { " none" } else { "" });
        for (labels, value) in samples {
            let _ = writeln!(text, "    {labels} {value}");
        }
    }
    Some(text)
}

/// As promtool compares: not a number equals nothing, and near is the next number up or down.
#[allow(clippy::float_cmp)]
fn equal(a: f64, b: f64, fuzzy: bool) -> bool {
    a == b || (fuzzy && (a.next_up() == b || a.next_down() == b))
}

/// `0s` where nothing is left of a duration.
pub(super) fn time(duration: Duration) -> String {
    duration.to_string()
}
