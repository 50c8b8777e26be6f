//! Each lint on a text that it is about and on one that it must leave alone; whole files are tried in `tests/it/lints.rs`.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::metrics::{Definition, Registry};
use crate::model::{Duration, Labels, MatchOp, Matcher};
use crate::rules::{Options, RuleSet, Source};
use crate::runbooks::Runbooks;
use crate::yaml::Document;

static EVENTS: Definition = Definition::counter("events_total", "help", &["target", "reason"]);
static DEPTH: Definition = Definition::gauge("depth", "help", &["target"]);
static TOOK: Definition = Definition::histogram("took_seconds", "help", &["target"], &[0.5, 1.0]);

/// What is found, as `lint: message`.
fn found(rules: &str) -> Vec<String> {
    found_with(rules, |_| {})
}

fn found_with(rules: &str, change: impl FnOnce(&mut Input<'_>)) -> Vec<String> {
    let source = Source { name: "r.yaml".into(), text: rules.to_owned() };
    let options = Options {
        evaluation_interval: Duration::from_secs(15),
        external_labels: Labels::empty(),
        external_url: String::new(),
    };
    let sources = [source];
    let set = RuleSet::parse(&sources, &options, &Registry::new()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let groups = set.view();
    let config = Document::parse("m.yaml", "route: {receiver: a}\nscrape: {interval: 5s}\n").unwrap();
    let runbooks = Runbooks::from_iter([("A", "# A\n\nWhat.\n\n## Part\n\n[there](B.md)\n"), ("B", "# B\n")]);
    let mut input = Input {
        rule_files: &sources,
        groups: &groups,
        definitions: vec![&EVENTS, &DEPTH, &TOOK],
        values: vec![LabelValues {
            metric: None,
            label: "reason",
            values: ["timeout", "refused"].map(str::to_owned).to_vec(),
        }],
        config: &config,
        route: Some(RouteNode {
            path: "route".into(),
            receiver: "a".into(),
            matchers: Vec::new(),
            goes_on: false,
            routes: Vec::new(),
        }),
        receivers: vec![("a".into(), true)],
        also_told: BTreeSet::new(),
        runbooks: &runbooks,
        own_runbooks: BTreeMap::new(),
        dashboards: &[],
        scrape_interval: Duration::from_secs(5),
        external_url: "http://m.example",
    };
    change(&mut input);
    run(&input).into_iter().map(|finding| format!("{}: {}", finding.lint, finding.problem)).collect()
}

/// A rule called A that is right in everything but its expression.
fn alert(expr: &str) -> String {
    alert_with(expr, "")
}

fn alert_with(expr: &str, more: &str) -> String {
    format!(
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: {expr}\n        \
         labels: {{severity: critical}}\n        annotations: {{summary: s}}\n{more}"
    )
}

/// The names of the lints that find something in an alert's expression.
fn lints(expr: &str) -> String {
    let found = found(&alert(expr));
    found.iter().map(|text| text.split(':').next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

#[test]
fn expressions_are_held_against_what_exists() {
    for (expr, expected) in [
        ("depth > 1", ""),
        ("dpth > 1", "unknown-metric"),
        ("took_seconds > 1", "unknown-metric"),
        ("up == 0", "unknown-metric"),
        ("'{__name__=~\"dep.*\"} > 1'", ""),
        ("'depth{x=\"\"} > 1'", "unknown-label"),
        ("'depth{x=\"1\"} > 1'", "never-matches"),
        ("'depth{target=\"a\", target!=\"a\"} > 1'", "never-matches"),
        ("'depth{target=\"a\", target=~\"b|c\"} > 1'", "never-matches"),
        ("'depth{job=\"memsentry\"} > 1'", "never-matches"),
        ("sum by (x) (depth) > 1", "unknown-label"),
        ("sum by (target) (depth) > 1", ""),
        ("sum by (instance, job) (depth) > 1", ""),
        ("sum without (x) (depth) > 1", ""),
        ("depth > on (reason) rate(events_total[5m])", "unknown-label"),
        ("depth > on (target) sum by (target) (rate(events_total[5m]))", ""),
        ("'rate(events_total{reason=\"timeout\"}[5m]) > 1'", ""),
        ("'rate(events_total{reason=\"tmeout\"}[5m]) > 1'", "never-matches"),
        ("'rate(events_total{reason!=\"tmeout\"}[5m]) > 1'", "unknown-value"),
        ("'rate(events_total{reason=~\"timeout|refusd\"}[5m]) > 1'", "unknown-value"),
        ("'rate(events_total{reason=~\"t.*\"}[5m]) > 1'", ""),
        ("'rate(took_seconds_bucket{le=\"0.5\"}[5m]) > 1'", ""),
        ("'rate(took_seconds_bucket{le=\"1.0\"}[5m]) > 1'", ""),
        ("'rate(took_seconds_bucket{le=\"2\"}[5m]) > 1'", "never-matches"),
    ] {
        assert_eq!(lints(expr), expected, "{expr}\n{:?}", found(&alert(expr)));
    }
}

#[test]
fn counters_gauges_and_buckets_are_used_as_such() {
    for (expr, expected) in [
        ("events_total > 5", "raw-counter"),
        ("sum(events_total) > 5", "raw-counter"),
        ("took_seconds_sum / took_seconds_count > 1", "raw-counter raw-counter"),
        ("count(events_total) > 5", ""),
        ("events_total - events_total offset 5m > 5", ""),
        ("sum(events_total unless events_total offset 5m) > 0", ""),
        ("increase(events_total[5m]) > 5", ""),
        ("resets(depth[5m]) > 1", "rate-of-gauge"),
        ("rate(depth[5m]) > 1", "rate-of-gauge"),
        ("delta(depth[5m]) > 1", ""),
        ("rate(events_total[9s]) > 1", "short-window"),
        ("rate(events_total[10s]) > 1", ""),
        ("histogram_quantile(0.9, sum by (target) (rate(took_seconds_bucket[5m]))) > 1", "quantile-without-le"),
        ("histogram_quantile(0.9, sum by (target, le) (rate(took_seconds_bucket[5m]))) > 1", ""),
        ("histogram_quantile(0.9, rate(took_seconds_sum[5m])) > 1", "quantile-without-le"),
        ("depth", "no-comparison"),
        ("rate(events_total[5m]) * 2", "no-comparison"),
        ("depth > bool 1", "no-comparison"),
        ("absent(depth)", ""),
        ("depth and on (target) rate(events_total[5m]) > 1", ""),
        ("vector(1)", ""),
        ("'ALERTS{alertstate=\"firing\"}'", ""),
    ] {
        assert_eq!(lints(expr), expected, "{expr}\n{:?}", found(&alert(expr)));
    }
}

#[test]
fn templates_show_only_labels_that_come() {
    let text = |summary: &str| {
        alert("sum by (target) (depth) > 1").replace("{summary: s}", &format!("{{summary: '{summary}'}}"))
    };
    assert!(found(&text("{{ $labels.target }} {{ $value }}")).is_empty());
    let told = found(&text("{{ $labels.targt }}")).join("\n");
    assert!(told.starts_with("template-label: r.yaml:7:32:") && told.contains("did you mean \"target\"?"), "{told}");
    let label = |value: &str| alert("depth > 1").replace("critical}", &format!("critical, v: '{value}'}}"));
    assert!(found(&label("{{ $value }}")).join("").starts_with("value-in-label"));
    assert!(found(&label("{{ if gt $value 2.0 }}high{{ else }}low{{ end }}")).is_empty());
}

#[test]
fn routes_are_held_against_the_rules() {
    let route = |matcher: Option<(&str, &str)>, receiver: &str, path: &str| RouteNode {
        path: path.into(),
        receiver: receiver.into(),
        matchers: matcher.map(|(n, v)| Matcher::new(n, MatchOp::Equal, v).unwrap()).into_iter().collect(),
        goes_on: false,
        routes: Vec::new(),
    };
    let with = |routes: Vec<RouteNode>, rules: &str| {
        found_with(rules, |input| {
            input.route.as_mut().unwrap().receiver = "nobody".into();
            input.route.as_mut().unwrap().routes = routes;
            input.receivers = vec![("a".into(), true), ("nobody".into(), false)];
        })
    };
    let rules = alert("depth > 1");
    let critical = || route(Some(("severity", "critical")), "a", "route.routes[0]");
    assert_eq!(with(vec![critical()], &rules), Vec::<String>::new());
    let told = with(vec![critical()], &rules.replace("critical", "warning")).join("\n");
    assert!(told.contains("nobody-told") && told.contains("unused-route"), "{told}");
    let told = with(vec![critical(), route(Some(("alertname", "Gone")), "a", "route.routes[1]")], &rules).join("\n");
    assert!(
        told.starts_with("unused-route: m.yaml") && told.contains("alertname=\\\"Gone\\\"") || told.contains("Gone"),
        "{told}"
    );
    let told = with(vec![route(None, "a", "route.routes[0]"), critical()], &rules).join("\n");
    assert!(told.contains("takes every alert"), "{told}");
    // What a label of the answer will be, nobody knows.
    assert!(with(vec![route(Some(("target", "x")), "a", "route.routes[0]"), critical()], &rules).is_empty());
    let told = found_with(&rules, |input| input.receivers.push(("b".into(), true))).join("\n");
    assert!(told.starts_with("unused-receiver"), "{told}");
    assert!(found_with(&rules, |input| input.route = None).join("").starts_with("no-route"));
}

#[test]
fn what_was_looked_at_is_ignored() {
    assert_eq!(lints("dpth > 1"), "unknown-metric");
    let before =
        alert("dpth > 1").replace("      - alert", "      # memsentry-lint: ignore unknown-metric\n      - alert");
    assert!(found(&before).is_empty());
    let after = alert_with("dpth > 1", "        # memsentry-lint: ignore unknown-metric\n");
    assert!(found(&after).is_empty());
    let annotation = alert("dpth > 1").replace("summary: s", "summary: s, memsentry_lint_ignore: unknown-metric");
    assert!(found(&annotation).is_empty());
    let other = alert_with("dpth > 1", "        # memsentry-lint: ignore unknwn-metric\n");
    let told = found(&other).join("\n");
    assert!(told.contains("unknown-metric: ") && told.contains("did you mean \"unknown-metric\"?"), "{told}");
    let next =
        alert("dpth > 1") + "      # memsentry-lint: ignore unknown-metric\n      - record: x\n        expr: depth\n";
    assert_eq!(found(&next).len(), 1, "a comment before the next rule is about that one");
}

#[test]
fn names_of_lints_are_unique_and_sorted_by_nothing_but_sense() {
    let names: BTreeSet<&str> = LINTS.iter().map(|lint| lint.name).collect();
    assert_eq!(names.len(), LINTS.len());
    assert!(LINTS.iter().all(|lint| lint.name.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
}
