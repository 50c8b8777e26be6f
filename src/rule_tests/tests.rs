//! The runner on files of its own, and on every shipped one.

use std::path::PathBuf;

use super::*;

const RULES: &str = "
groups:
  - name: one
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: job:up:sum == 0
        for: 1m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.job }} {{ $value }}'}
";

fn report(test: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    let path = folder.path().join("test.yaml");
    std::fs::write(&path, format!("rule_files: [rules.yaml]\nevaluation_interval: 30s\ntests:\n{test}")).unwrap();
    run(&path, &|_| true).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn failures(test: &str) -> String {
    report(test).tests.into_iter().flat_map(|test| test.failures).map(|f| f.to_string()).collect::<Vec<_>>().join("\n")
}

const SERIES: &str = "
  - interval: 30s
    input_series: [{series: 'up{job=\"a\"}', values: 0x9}]
    alert_rule_test:";

#[test]
fn what_is_expected_is_compared_label_by_label_and_annotation_by_annotation() {
    let right = "{exp_labels: {severity: page, job: a}, exp_annotations: {summary: a 0}}";
    let test = |time: &str, alerts: &str| {
        failures(&format!("{SERIES} [{{eval_time: {time}, alertname: Down, exp_alerts: [{alerts}]}}]"))
    };
    assert_eq!(test("1m", right), "");
    assert_eq!(test("30s", ""), "");
    let missed = test("30s", right);
    assert!(missed.contains("- {job=\"a\", severity=\"page\"}") && !missed.contains("+ "), "{missed}");
    assert!(test("1m", "").contains("+ {job=\"a\", severity=\"page\"}"));
    assert!(!test("1m", "{exp_labels: {severity: page, job: a}}").is_empty());
    assert!(!test("1m", &right.replace("page", "info")).is_empty());
    // Between two evaluations the earlier one counts.
    assert_eq!(test("59s", ""), "");
}

#[test]
fn expressions_see_what_rules_recorded() {
    let test = |expr: &str, samples: &str| {
        let series = SERIES.replace("alert_rule_test", "promql_expr_test");
        failures(&format!("{series} [{{eval_time: 1m, expr: '{expr}', exp_samples: [{samples}]}}]"))
    };
    assert_eq!(test("job:up:sum", "{labels: 'job:up:sum{job=\"a\"}', value: 0}"), "");
    assert_eq!(
        test(
            "ALERTS",
            "{labels: 'ALERTS{alertname=\"Down\", alertstate=\"firing\", job=\"a\", severity=\"page\"}', value: 1}"
        ),
        ""
    );
    assert_eq!(test("vector(1) + 1", "{labels: '{}', value: 2}"), "");
    assert_eq!(test("scalar(job:up:sum)", "{labels: '', value: 0}"), "");
    assert!(
        test("job:up:sum", "{labels: 'job:up:sum{job=\"a\"}', value: 1}")
            .contains("- {__name__=\"job:up:sum\", job=\"a\"} 1")
    );
    assert!(test("0 / vector(0)", "{labels: '{}', value: NaN}").contains("NaN"), "not a number equals nothing");
}

#[test]
fn rules_at_work_are_reported_for_coverage() {
    let seen = |time: &str| {
        let report = report(&format!("{SERIES} [{{eval_time: {time}, alertname: Other, exp_alerts: []}}]"));
        assert!(report.passed(), "{report:?}");
        report.rules.into_iter().map(|rule| (rule.name, rule.seen)).collect::<Vec<_>>()
    };
    let pair = |name: &str, seen| (name.to_owned(), seen);
    assert_eq!(seen("2m"), [pair("job:up:sum", true), pair("Down", true)]);
    assert_eq!(seen("30s"), [pair("job:up:sum", true), pair("Down", false)]);
}

#[test]
fn mistakes_in_a_file_are_told_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.yaml");
    let text = "tests:\n  - input_series: [{series: 'a{', values: '1'}]\n    promql_expr_test: [{expr: 'up +'}]\n";
    std::fs::write(&path, text).unwrap();
    let problems = run(&path, &|_| true).unwrap_err();
    let lines: Vec<usize> = problems.iter().filter_map(|problem| problem.place.map(|place| place.line)).collect();
    assert_eq!(lines, [2, 3], "{problems:?}");
}

#[test]
fn every_shipped_alert_passes_its_unit_test() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // What concerns no single alert lies in folders.
        if path.is_dir() {
            continue;
        }
        let report = run(&path, &|_| true).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert!(report.passed(), "{report:#?}");
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(report.fired(name), "{name} never fired");
        seen += 1;
    }
    assert_eq!(seen, 22);
}
