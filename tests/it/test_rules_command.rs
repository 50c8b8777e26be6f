//! What `memsentry test-rules` shows a person, a build server and a program.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::stage::memsentry;

const RULES: &str = "
groups:
  - name: g
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        annotations: {summary: '{{ $labels.job }} is <down> & \"out\"'}
      - alert: Never
        expr: up > 100
";

fn test(name: &str, summary: &str) -> String {
    format!(
        "  - name: {name}\n    interval: 1m\n    input_series: [{{series: 'up{{job=\"a\"}}', values: '1 0'}}]\n    \
         alert_rule_test:\n      - eval_time: 1m\n        alertname: Down\n        exp_alerts:\n          \
         - exp_labels: {{job: a}}\n            exp_annotations: {{summary: '{summary}'}}\n"
    )
}

const RIGHT: &str = "a is <down> & \"out\"";

fn written(tests: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("rules.yaml"), RULES).expect("written");
    let path = folder.path().join("test.yaml");
    std::fs::write(&path, format!("rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:\n{tests}"))
        .expect("written");
    let path = path.display().to_string();
    (folder, path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_failing_case_shows_the_lines_that_differ() {
    let (_folder, path) = written(&(test("right", RIGHT) + &test("wrong", "a was down")));
    let output = memsentry(&["test-rules", &path]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in [
        "FAILED ",
        "\n  wrong\n    alert Down at 1m\n",
        "      {job=\"a\"}\n",
        "      -   summary: \"a was down\"",
        "      +   summary: \"a is <down> & \\\"out\\\"\"",
        "2 tests in 1 file, 1 failed",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert_eq!(memsentry(&["test-rules", "--run", "^right$", &path]).status.code(), Some(0));
    assert_eq!(memsentry(&["test-rules", "--run", "wr.ng", &path]).status.code(), Some(1));
    assert_eq!(memsentry(&["test-rules", "--run", "nothing", &path]).status.code(), Some(2));
}

#[test]
fn files_with_mistakes_end_with_2_and_the_others_are_run() {
    let (folder, path) = written(&test("right", RIGHT));
    let bad = folder.path().join("bad.yaml");
    for (name, content, part) in [
        ("key", "testz: []\n", "unknown key \"testz\""),
        ("missing", "rule_files: [nowhere.yaml]\n", "cannot read nowhere.yaml"),
        ("expression", "tests: [{promql_expr_test: [{expr: 'up +'}]}]\n", "could not parse expression"),
        ("rules", "rule_files: [broken.yaml]\n", "broken.yaml:"),
    ] {
        std::fs::write(folder.path().join("broken.yaml"), "groups:\n  - name: g\n    rules: [{alert: A}]\n")
            .expect("written");
        std::fs::write(&bad, content).expect("written");
        let output = memsentry(&["test-rules", bad.to_str().expect("UTF-8"), &path]);
        let (told, talk) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{name}: {told}{talk}");
        assert!(talk.contains(part), "{name}: {part} is not in\n{talk}");
        assert!(told.contains("ok     ") && told.contains("1 file with mistakes"), "{name}: {told}");
    }
    assert_eq!(memsentry(&["test-rules"]).status.code(), Some(2));
    assert_eq!(memsentry(&["test-rules", "/nowhere.yaml"]).status.code(), Some(2));
}

/// Element names in order, after a check that every element is closed and every text escaped.
fn elements(xml: &str) -> Vec<String> {
    let (mut open, mut names): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for part in xml.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("an element that does not end: {part}"));
        let entities = text.split('&').skip(1).chain(tag.split('&').skip(1));
        for entity in entities {
            assert!(
                ["amp;", "lt;", "gt;", "quot;", "apos;", "#"].iter().any(|known| entity.starts_with(known)),
                "{entity}"
            );
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else if !tag.starts_with('?') {
            let name = tag.split([' ', '/']).next().unwrap_or_default().to_owned();
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            names.push(name.clone());
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    names
}

#[test]
fn a_build_server_gets_junit() {
    let (folder, path) = written(&(test("right", RIGHT) + &test("'wrong & <worse> \"x\"'", "other")));
    let bad = folder.path().join("bad.yaml");
    std::fs::write(&bad, "testz: []\n").expect("written");
    let junit = folder.path().join("junit.xml");
    let arguments = ["test-rules", "--junit", junit.to_str().expect("UTF-8"), &path, bad.to_str().expect("UTF-8")];
    assert_eq!(memsentry(&arguments).status.code(), Some(2));
    let xml = std::fs::read_to_string(&junit).expect("written");
    assert_eq!(
        elements(&xml),
        ["testsuites", "testsuite", "testcase", "testcase", "failure", "testsuite", "testcase", "error"],
        "{xml}"
    );
    for part in [
        "tests=\"2\" failures=\"1\" errors=\"0\"",
        "name=\"wrong &amp; &lt;worse&gt; &quot;x&quot;\"",
        "alert Down at 1m",
    ] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
    assert_eq!(memsentry(&["test-rules", "--junit", "/nowhere/junit.xml", &path]).status.code(), Some(2));
}

#[test]
fn coverage_names_what_no_test_saw_at_work() {
    let (folder, path) = written(&test("right", RIGHT));
    let told = text(&memsentry(&["test-rules", "--coverage", &path]).stdout);
    assert!(told.contains("rules.yaml: 2 of 3 rules seen at work\n  never: alert Never (group g)"), "{told}");

    // Two files of tests cover a rule file together.
    let second = folder.path().join("second.yaml");
    let tests = "rule_files: [./rules.yaml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    \
                 input_series: [{series: up, values: '200'}]\n    alert_rule_test: [{eval_time: 0, alertname: Down}]\n";
    std::fs::write(&second, tests).expect("written");
    let output = memsentry(&["test-rules", "--coverage", "--json", &path, second.to_str().expect("UTF-8")]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["coverage"].as_array().map(Vec::len), Some(1), "{report:#}");
    assert_eq!((&report["coverage"][0]["rules"], &report["coverage"][0]["seen"]), (&3.into(), &3.into()));
    assert_eq!(report["files"][0]["tests"][0]["name"], "right");
}

#[test]
fn the_shipped_rules_are_covered_by_their_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("tests").map(|entry| entry.expect("an entry").path()).collect();
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let files: Vec<PathBuf> = files.collect();
    let mut arguments = vec!["test-rules".to_owned(), "--coverage".to_owned(), "--json".to_owned()];
    arguments.extend(files.iter().map(|path| path.display().to_string()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = memsentry(&arguments);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let coverage = report["coverage"].as_array().expect("a list").iter();
    let shipped = coverage.filter(|file| file["file"].as_str().is_some_and(|name| name.ends_with("/alerts.yaml")));
    for file in shipped {
        assert_eq!(file["never"], serde_json::json!([]), "{file:#}");
    }
}
