//! The life of alerts over time, told as a script: what the expression answers, and where the alerts stand.

use std::collections::BTreeMap;

use crate::model::{Duration, Labels, Sample, Timestamp};
use crate::promql::VectorSample;

use super::alerting::{AlertingRule, Moment, Phase};
use super::no_data::{Feeds, Shared};
use super::text::{Text, world};

fn rule(hold: u64, keep_firing_for: u64) -> AlertingRule {
    let texts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), Text::new(text).unwrap())).collect::<Vec<_>>()
    };
    AlertingRule {
        name: "A".into(),
        hold: Duration::from_secs(hold),
        keep_firing_for: Duration::from_secs(keep_firing_for),
        labels: texts(&[("severity", "page"), ("of", "{{ $labels.x }}")]),
        annotations: texts(&[("value", "{{ $value }}")]),
        active: BTreeMap::new(),
        no_data: None,
        known: BTreeMap::new(),
    }
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::from_seconds(f64::from(seconds))
}

fn vector(seconds: u32, seen: &[(&str, f64)]) -> Vec<VectorSample> {
    let labels = |x: &str| Labels::from_pairs([("__name__", "m"), ("x", x)]);
    seen.iter()
        .map(|(x, value)| VectorSample { labels: labels(x), sample: Sample { at: at(seconds), value: *value } })
        .collect()
}

fn step(rule: &mut AlertingRule, seconds: u32, seen: &[(&str, f64)]) -> Result<Vec<(Labels, f64)>, String> {
    step_limited(rule, seconds, seen, 0, &mut Vec::new())
}

fn step_limited(
    rule: &mut AlertingRule,
    seconds: u32,
    seen: &[(&str, f64)],
    limit: usize,
    errors: &mut Vec<String>,
) -> Result<Vec<(Labels, f64)>, String> {
    let query = |_: &str| Ok(Vec::new());
    let external = Labels::empty();
    let world = world(&external, "http://x", at(seconds), &query);
    let seen = rule.expand(vector(seconds, seen), &world, errors)?;
    let no_data = Shared::default();
    let moment = Moment { at: at(seconds), judgeable: false, limit, no_data: &no_data, valued: None };
    rule.step(&moment, seen, &mut Feeds::default())
}

/// Where every alert stands, as `x=state`.
fn stand(rule: &AlertingRule) -> String {
    let states = rule.active.iter().map(|(labels, active)| {
        let state = match (active.phase, active.keep_firing_since) {
            (Phase::Pending, _) => "pending",
            (Phase::Firing, None) => "firing",
            (Phase::Firing, Some(_)) => "kept",
            (Phase::Resolved, _) => "resolved",
        };
        format!("{}={state}", labels.get("x").unwrap_or(""))
    });
    states.collect::<Vec<_>>().join(" ")
}

/// At this second these are seen, and then the alerts stand so.
type Scene<'a> = (u32, &'a [(&'a str, f64)], &'a str);

/// Plays what is seen at each time and compares where the alerts stand.
fn check(mut rule: AlertingRule, script: &[Scene<'_>]) {
    for (seconds, seen, expected) in script {
        step(&mut rule, *seconds, seen).unwrap();
        assert_eq!(stand(&rule), *expected, "at {seconds}s");
    }
}

const A: &[(&str, f64)] = &[("a", 1.0)];
const NONE: &[(&str, f64)] = &[];

#[test]
fn an_alert_fires_once_its_expression_has_held_for_long_enough() {
    check(rule(30, 0), &[(0, A, "a=pending"), (15, A, "a=pending"), (30, A, "a=firing"), (45, NONE, "a=resolved")]);
}

#[test]
fn without_for_an_alert_fires_at_once() {
    check(rule(0, 0), &[(0, A, "a=firing")]);
}

#[test]
fn a_pending_alert_that_is_not_seen_begins_anew() {
    check(rule(30, 0), &[(0, A, "a=pending"), (15, NONE, ""), (30, A, "a=pending"), (60, A, "a=firing")]);
}

#[test]
fn a_resolved_alert_is_kept_for_15_minutes() {
    check(rule(0, 0), &[(0, A, "a=firing"), (60, NONE, "a=resolved"), (960, NONE, "a=resolved"), (961, NONE, "")]);
}

#[test]
fn a_resolved_alert_that_comes_back_is_a_new_one() {
    check(
        rule(30, 0),
        &[
            (0, A, "a=pending"),
            (30, A, "a=firing"),
            (60, NONE, "a=resolved"),
            (75, A, "a=pending"),
            (105, A, "a=firing"),
        ],
    );
}

#[test]
fn keep_firing_for_begins_with_the_first_evaluation_that_misses_the_alert() {
    check(
        rule(0, 60),
        &[
            (0, A, "a=firing"),
            (15, NONE, "a=kept"),
            (60, NONE, "a=kept"),
            (70, A, "a=firing"),
            (85, NONE, "a=kept"),
            (144, NONE, "a=kept"),
            (145, NONE, "a=resolved"),
        ],
    );
}

#[test]
fn alerts_of_one_rule_live_on_their_own() {
    let both: &[(&str, f64)] = &[("a", 1.0), ("b", 2.0)];
    check(rule(30, 0), &[(0, A, "a=pending"), (15, both, "a=pending b=pending"), (30, both, "a=firing b=pending")]);
}

#[test]
fn a_clock_that_goes_back_fires_nothing_early_and_loses_nothing() {
    check(rule(30, 0), &[(100, A, "a=pending"), (40, A, "a=pending"), (130, A, "a=firing"), (50, A, "a=firing")]);
}

#[test]
fn labels_and_annotations_are_those_of_the_sample_the_rule_and_the_name() {
    let mut rule = rule(0, 0);
    step(&mut rule, 0, &[("a", 7.5)]).unwrap();
    let (labels, active) = rule.active.first_key_value().unwrap();
    assert_eq!(labels.to_string(), r#"{alertname="A", of="a", severity="page", x="a"}"#);
    assert_eq!(active.annotations["value"], "7.5");
}

#[test]
fn value_and_annotations_follow_the_expression_only_while_it_holds() {
    let mut rule = rule(0, 0);
    step(&mut rule, 0, &[("a", 1.0)]).unwrap();
    step(&mut rule, 15, &[("a", 2.0)]).unwrap();
    step(&mut rule, 30, NONE).unwrap();
    let active = rule.active.first_key_value().unwrap().1;
    assert_eq!((active.value, active.annotations["value"].as_str()), (2.0, "2"));
}

#[test]
fn the_series_of_an_alert_follow_its_state() {
    let mut rule = rule(15, 0);
    let series = step(&mut rule, 60, A).unwrap();
    let text: Vec<String> = series.iter().map(|(labels, value)| format!("{labels} {value}")).collect();
    assert_eq!(
        text,
        [
            r#"ALERTS{alertname="A", alertstate="pending", of="a", severity="page", x="a"} 1"#,
            r#"ALERTS_FOR_STATE{alertname="A", of="a", severity="page", x="a"} 60"#,
        ]
    );
    let firing = step(&mut rule, 75, A).unwrap();
    assert_eq!(firing[0].0.get("alertstate"), Some("firing"));
    assert!(step(&mut rule, 90, NONE).unwrap().is_empty());
}

#[test]
fn two_results_with_the_labels_of_one_alert_are_an_error_that_changes_nothing() {
    let mut rule = rule(0, 0);
    rule.labels.push(("x".into(), Text::new("same").unwrap()));
    rule.labels.retain(|(name, _)| name != "of");
    step(&mut rule, 0, A).unwrap();
    let error = step(&mut rule, 15, &[("a", 1.0), ("b", 1.0)]).unwrap_err();
    assert_eq!(error, "vector contains metrics with the same labelset after applying alert labels");
    assert_eq!(stand(&rule), "same=firing");
}

#[test]
fn more_alerts_than_the_limit_are_all_dropped() {
    let mut rule = rule(0, 0);
    let error = step_limited(&mut rule, 0, &[("a", 1.0), ("b", 1.0)], 1, &mut Vec::new()).unwrap_err();
    assert_eq!((error.as_str(), rule.active.len()), ("exceeded limit of 1 with 2 alerts", 0));
}

#[test]
fn an_alert_whose_template_fails_goes_out_with_the_error_as_text() {
    let mut rule = rule(0, 0);
    rule.annotations = vec![("bad".into(), Text::new("{{ $labels.x | humanize }}").unwrap())];
    let mut errors = Vec::new();
    step_limited(&mut rule, 0, A, 0, &mut errors).unwrap();
    let active = rule.active.first_key_value().unwrap().1;
    let error = "error calling humanize: can't convert \"a\" to float";
    assert_eq!(active.annotations["bad"], format!("<error expanding template: {error}>"));
    assert_eq!(errors, [error]);
}
