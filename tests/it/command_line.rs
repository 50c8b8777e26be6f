//! What a person at a terminal and a program behind a pipe get from each command, and the exit codes.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::stage::{Config, SERVICE_PASSWORD, closed_port, memsentry, shared_reference};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A configuration in a folder, and its path.
fn written(config: &Config) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = config.write(folder.path()).to_str().expect("UTF-8").to_owned();
    (folder, path)
}

/// A configuration with two mistakes, and where they are told.
fn bad() -> (tempfile::TempDir, String, [&'static str; 2]) {
    let mut config = Config::new("http://127.0.0.1:9");
    config.probes = "[{kind: helth}]".to_owned();
    config.route = "{receiver: on-call}".to_owned();
    let (folder, path) = written(&config);
    (folder, path, ["memsentry.yaml:5:17", "memsentry.yaml:12:19"])
}

fn no_password(output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        let stream = text(stream);
        assert!(!stream.contains(SERVICE_PASSWORD) && !stream.contains("eyJ"), "{stream}");
    }
}

#[test]
fn a_bad_configuration_ends_run_and_check_with_2_and_every_mistake_in_its_place() {
    let (_folder, path, places) = bad();
    for command in ["run", "check"] {
        let output = memsentry(&[command, "--config", &path]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {told}");
        assert!(output.stdout.is_empty(), "{command}: {}", text(&output.stdout));
        for part in
            places.into_iter().chain(["probes: [{kind: helth}]", " ^^^^^\n", "known kinds: health", "\"oncall\"?"])
        {
            assert!(told.contains(part), "{command}: {part} is not in\n{told}");
        }
        no_password(&output);
    }
}

#[test]
fn a_missing_configuration_is_the_users_to_give() {
    let output = memsentry(&["run", "--config", "/nowhere/memsentry.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("/nowhere/memsentry.yaml: cannot be read"), "{}", text(&output.stderr));
}

#[test]
fn a_mistyped_command_ends_with_2() {
    for arguments in [&["rnu"][..], &[], &["check", "--confg", "x"], &["probe"]] {
        assert_eq!(memsentry(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(memsentry(&["--version"]).status.code(), Some(0));
}

#[test]
fn a_good_configuration_passes_the_check_for_people_and_programs() {
    let (_folder, path) = written(&Config::new("http://127.0.0.1:9"));
    let output = memsentry(&["check", "--config", &path]);
    let told = text(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(told.contains("fine: 1 targets, 1 probes, 1 rules in 1 groups"), "{told}");
    no_password(&output);

    let output = memsentry(&["check", "--json", "--config", &path]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report, serde_json::json!({"ok": true, "problems": []}));
}

#[test]
fn the_mistakes_of_a_check_can_be_read_by_a_program() {
    let (_folder, path, _) = bad();
    let output = memsentry(&["check", "--json", "--config", &path]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["ok"], false);
    let problems = report["problems"].as_array().expect("a list");
    let place = |at: usize| (&problems[at]["line"], &problems[at]["column"], &problems[at]["path"]);
    assert_eq!(problems.len(), 2);
    assert_eq!(place(0), (&5.into(), &17.into(), &"probes[0].kind".into()));
    assert_eq!(place(1), (&12.into(), &19.into(), &"route.receiver".into()));
    assert_eq!(problems[0]["file"], path);
    assert_eq!(problems[0]["hint"], "did you mean \"health\"?");
}

#[test]
fn a_mistake_in_a_rule_file_is_told_in_that_file() {
    let rules = "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: sum(\n";
    let (folder, path) = written(&Config::new("http://127.0.0.1:9").with_rules(rules));
    let output = memsentry(&["check", "--config", &path]);
    let place = format!("{}:5:", folder.path().join("alerts.yaml").display());
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains(&place) && told.contains("5 |         expr: sum("), "{place} is not in\n{told}");
}

#[test]
fn files_that_are_named_and_missing_are_told_where_they_are_named() {
    let (folder, path) = written(&Config::new("http://127.0.0.1:9"));
    let config = std::fs::read_to_string(&path).expect("readable").replace("[alerts.yaml]", "[alerts.yaml, more.yaml]");
    std::fs::write(&path, format!("{config}runbooks: {{dir: nowhere}}\n")).expect("written");
    let output = memsentry(&["check", "--config", &path]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    let nowhere = folder.path().join("nowhere");
    for part in [
        "rules.files[1]: cannot read more.yaml",
        "memsentry.yaml:8:30",
        "runbooks.dir",
        nowhere.to_str().expect("UTF-8"),
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn a_probe_of_a_service_that_is_well_ends_with_0_and_one_of_a_service_that_is_down_with_1() {
    let well = Config::of(shared_reference());
    let mut down = well.clone();
    down.service = down.service.replace(&shared_reference().api_url, &format!("http://127.0.0.1:{}", closed_port()));
    for (config, code) in [(&well, 0), (&down, 1)] {
        let (_folder, path) = written(config);
        for kind in ["health", "retrieval", "roundtrip"] {
            let output = memsentry(&["probe", kind, "--config", &path]);
            let told = text(&output.stdout);
            assert_eq!(output.status.code(), Some(code), "{kind}: {told}{}", text(&output.stderr));
            let last = if code == 0 { "success in " } else { "failed in step " };
            assert!(told.starts_with(&format!("{kind} of main at ")) && told.contains(last), "{told}");
            assert!(told.contains('█'), "no waterfall: {told}");
            no_password(&output);

            let output = memsentry(&["probe", kind, "--json", "--config", &path]);
            assert_eq!(output.status.code(), Some(code), "{kind}");
            let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!((&outcome["probe"], &outcome["target"]), (&kind.into(), &"main".into()));
            assert_eq!(outcome["failure"].is_null(), code == 0, "{outcome}");
            assert!(outcome["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{outcome}");
            no_password(&output);
        }
    }
}

#[test]
fn an_unknown_probe_or_target_is_the_users_to_correct() {
    let (_folder, path) = written(&Config::new("http://127.0.0.1:9"));
    for (arguments, hint) in [(["probe", "helth"], "known kinds"), (["probe", "health"], "known targets")] {
        let output = memsentry(&[&arguments[..], &["--target", "mian", "--config", &path]].concat());
        let output = if hint == "known kinds" { memsentry(&["probe", "helth", "--config", &path]) } else { output };
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(hint), "{}", text(&output.stderr));
    }
}

#[test]
fn the_printed_reference_of_metrics_is_the_one_in_the_documentation() {
    let output = memsentry(&["metrics"]);
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md"));
    assert!(output.status.success());
    assert!(text(&output.stdout) == page.expect("docs/metrics.md"), "cargo run -- metrics > docs/metrics.md");
    let list: Value = serde_json::from_slice(&memsentry(&["metrics", "--json"]).stdout).expect("JSON");
    assert!(list.as_array().is_some_and(|list| list.len() > 50), "{list}");
}
