//! Rule files with mistakes in them, and what is said about each.

use super::*;

fn problems(text: &str) -> String {
    let source = Source { name: "r.yaml".into(), text: text.to_owned() };
    let problems = read(&source).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The problems of one rule, given as it stands in a file; lines count from the rule's first.
fn rule(text: &str) -> String {
    let indented = text.trim_end().replace('\n', "\n    ");
    problems(&format!("groups: [{{name: g, rules: []}}, {{name: h, rules: [\n    {{{indented}}}]}}]"))
        .replace("r.yaml:2:", "")
        .replace("groups[1].rules[0]", "rule")
}

#[test]
fn a_file_with_everything_in_it_is_read() {
    let text = "
groups:
  - name: full
    interval: 1m
    query_offset: 10s
    limit: 5
    labels: {team: 1, kept: group}
    rules:
      - record: a:b
        expr: sum(up)
        labels: {kept: rule}
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 10m
        labels: {severity: '{{ if gt $value 1.0 }}page{{ end }}'}
        annotations: {summary: '{{ $labels.job }}'}
";
    let groups = read(&Source { name: "r.yaml".into(), text: text.into() }).unwrap();
    let group = &groups[0];
    assert_eq!(
        (group.interval, group.query_offset, group.limit),
        (Some(Duration::from_secs(60)), Duration::from_secs(10), 5)
    );
    let labels: Vec<String> =
        group.rules[0].labels.iter().map(|(name, text)| format!("{name}={}", text.raw())).collect();
    assert_eq!(labels, ["team=1", "kept=rule"]);
    let KindSpec::Alert { hold, keep_firing_for, annotations, .. } = &group.rules[1].kind else { panic!("an alert") };
    assert_eq!((*hold, *keep_firing_for), (Duration::from_secs(300), Duration::from_secs(600)));
    assert_eq!(annotations[0].1.raw(), "{{ $labels.job }}");
}

#[test]
fn an_empty_file_has_no_groups() {
    assert_eq!(problems("groups:\n"), "");
    assert_eq!(problems(""), "");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "groups:
  - name: a
    rules:
      - alert: A
        expr: up ==
      - record: 'b b'
        expr: up
        for: 5m
  - name: a
    rules:
      - expr: up
";
    let told = problems(text);
    let places: Vec<&str> = told.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["r.yaml:5:20", "r.yaml:6:17", "r.yaml:8:14", "r.yaml:9:11", "r.yaml:11:9"], "{told}");
}

#[test]
fn a_rule_is_an_alert_or_a_record() {
    assert_eq!(rule("alert: A, record: b, expr: up"), r#"5: rule: only one of "record" and "alert" must be set"#);
    assert_eq!(rule("expr: up"), r#"5: rule: one of "record" or "alert" must be set"#);
    assert_eq!(rule("alert: A"), r#"5: rule: field "expr" must be set in rule"#);
}

#[test]
fn a_record_has_no_hold_and_no_annotations() {
    let told = rule("record: a, expr: up, for: 1m, keep_firing_for: 1m, annotations: {a: b}");
    for key in ["for", "keep_firing_for", "annotations"] {
        assert!(told.contains(&format!("rule.{key}: invalid field {key:?} in recording rule")), "{told}");
    }
}

#[test]
fn names_are_checked() {
    assert_eq!(rule("record: a-b, expr: up"), r#"14: rule.record: invalid recording rule name: "a-b""#);
    assert!(rule("record: 'a{b=\"c\"}', expr: up").ends_with("hint: braces belong into expr"));
    for name in ["__name__", "a-b", "1a"] {
        let told = rule(&format!("alert: A, expr: up, labels: {{{name}: x}}"));
        assert!(told.contains(&format!("rule.labels.{name}: invalid label name: {name:?}")), "{told}");
    }
    assert!(rule("alert: A, expr: up, annotations: {a-b: x}").contains(r#"invalid annotation name: "a-b""#));
}

#[test]
fn a_mistake_in_an_expression_or_a_template_has_its_own_column() {
    assert_eq!(rule("alert: A, expr: 'sum(up'").split(':').next(), Some("29"));
    let told = rule("alert: A, expr: up, annotations: {a: 'x {{ $nope }}'}");
    assert_eq!(told, r#"49: rule.annotations.a: template does not work: undefined variable "$nope""#);
    // It reads well, and fails whatever the alert is.
    let told = rule("alert: A, expr: up, annotations: {a: '{{ $value | toUpper }}'}");
    assert!(told.contains("error calling toUpper: wrong type for value; expected string; got float64"), "{told}");
}

#[test]
fn unknown_keys_and_wrong_types_are_refused() {
    let told = problems("groups:\n  - name: a\n    intervall: 5m\n    limit: many\n    rules: []\n");
    assert!(told.contains("intervall") && told.contains("limit"), "{told}");
    assert!(rule("alert: A, expr: up, for: soon").contains("rule.for"), "{}", rule("alert: A, expr: up, for: soon"));
}

#[test]
fn an_unknown_way_to_treat_missing_data_is_told_with_the_known_ones() {
    let told = rule("alert: A, expr: up, annotations: {memsentry_no_data: kepp}");
    assert!(told.starts_with("59: rule.annotations.memsentry_no_data: unknown way"), "{told}");
    assert!(told.contains("ok, keep, alert") && told.contains("did you mean \"keep\"?"), "{told}");
}
