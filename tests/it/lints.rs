//! Every lint finds what it is there for, in these words; the shipped files give no finding.
//!
//! A folder below `tests/fixtures/lints/` is about the lint of its name; `told.txt` in it is what `memsentry check` says.
//! `MEMSENTRY_BLESS=1 cargo test --test it -- lints` writes it anew; read the difference.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use memsentry::lint::{LINTS, Severity};
use serde_json::Value;

use crate::stage::memsentry;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fixtures() -> PathBuf {
    root().join("tests/fixtures/lints")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

/// The files of a lint in a folder of their own, with what all fixtures share.
fn laid_out(lint: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(fixtures().join("memsentry.yaml"), folder.path().join("memsentry.yaml")).expect("copied");
    std::fs::create_dir(folder.path().join("runbooks")).expect("a folder");
    std::fs::write(folder.path().join("password"), "hunter2-secret").expect("written");
    copy(&fixtures().join(lint), folder.path());
    let config = folder.path().join("memsentry.yaml").display().to_string();
    (folder, config)
}

/// What was said, with the folder's path left out.
fn said(output: &Output, folder: &Path) -> String {
    let text = String::from_utf8_lossy(&output.stderr).replace(&format!("{}/", folder.display()), "");
    assert!(!text.contains("hunter2"), "{text}");
    text
}

/// The lints that told something.
fn named(text: &str) -> BTreeSet<String> {
    let pattern = regex::Regex::new(r"(?m)^(?:error|warning)(?:: )?\[([a-z-]+)\]").expect("an expression");
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_lint_finds_what_it_is_there_for_and_nothing_else_does() {
    let mut wrong = Vec::new();
    for lint in LINTS {
        let (folder, config) = laid_out(lint.name);
        let output = memsentry(&["check", "--config", &config]);
        let told = said(&output, folder.path());
        if named(&told) != BTreeSet::from([lint.name.to_owned()]) {
            wrong.push(format!("--- {}: told by {:?}:\n{told}", lint.name, named(&told)));
        }
        let code = if lint.severity == Severity::Error { 2 } else { 0 };
        if output.status.code() != Some(code) {
            wrong.push(format!("--- {}: ended with {:?}:\n{told}", lint.name, output.status.code()));
        }
        let strict = memsentry(&["check", "--strict", "--config", &config]).status.code();
        if strict != Some(code.max(1)) {
            wrong.push(format!("--- {}: --strict ended with {strict:?}", lint.name));
        }
        let beside = fixtures().join(lint.name).join("told.txt");
        if std::env::var("MEMSENTRY_BLESS").is_ok() {
            std::fs::write(&beside, &told).expect("written");
        }
        if std::fs::read_to_string(&beside).unwrap_or_default() != told {
            wrong.push(format!("--- {}, now:\n{told}", lint.name));
        }
        let ignored = memsentry(&["check", "--strict", "--ignore", lint.name, "--config", &config]);
        if !ignored.status.success() || !ignored.stderr.is_empty() {
            wrong.push(format!("--- {}: not ignored:\n{}", lint.name, said(&ignored, folder.path())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixture_is_about_a_lint() {
    let entries = std::fs::read_dir(fixtures()).expect("fixtures").map(|entry| entry.expect("an entry").path());
    let folders: BTreeSet<String> = entries
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, LINTS.iter().map(|lint| lint.name.to_owned()).collect());
}

#[test]
fn the_shipped_files_give_no_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&fixtures(), folder.path());
    std::fs::write(folder.path().join("password"), "secret").expect("written");
    let config = std::fs::read_to_string(folder.path().join("memsentry.yaml")).expect("readable");
    // The shipped rules and runbooks, once as they are built in and once as files.
    let shipped = config.replace("rules: {files: ['rules*.yaml'], evaluation_interval: 15s}\n", "");
    let shipped = shipped.replace("runbooks: {dir: runbooks}\n", "");
    std::fs::write(folder.path().join("built-in.yaml"), &shipped).expect("written");
    let files = config.replace("rules*.yaml", &root().join("alerts.yaml").display().to_string());
    let files = files.replace("dir: runbooks", &format!("dir: {}", root().join("runbooks").display()));
    std::fs::write(folder.path().join("files.yaml"), files).expect("written");
    for name in ["built-in.yaml", "files.yaml"] {
        let config = folder.path().join(name).display().to_string();
        let dashboards = root().join("grafana").display().to_string();
        let output = memsentry(&["check", "--strict", "--config", &config, "--dashboards", &dashboards]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.is_empty(), "{name}: {told}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(": fine: "), "{name}");
    }
}

#[test]
fn a_program_learns_which_lint_and_how_bad() {
    let (folder, config) = laid_out("unknown-metric");
    let output = memsentry(&["check", "--json", "--config", &config]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &report["ok"]), (Some(2), &false.into()));
    let rules = report["problems"].as_array().expect("a list").iter();
    let rules: Vec<&Value> =
        rules.filter(|problem| problem["file"] == *format!("{}/rules.yaml", folder.path().display())).collect();
    let [problem] = rules[..] else { panic!("{report:#}") };
    assert_eq!(
        (&problem["lint"], &problem["severity"], &problem["line"], &problem["column"]),
        (&"unknown-metric".into(), &"error".into(), &5.into(), &15.into())
    );
    assert_eq!(problem["hint"], "did you mean \"chat_memory_queue_depth\"?");

    let list: Value = serde_json::from_slice(&memsentry(&["check", "--lints", "--json"]).stdout).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(LINTS.len()));
    let output = memsentry(&["check", "--ignore", "unknown-metrc"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean \"unknown-metric\"?"));
}

#[test]
fn mistakes_of_rule_files_are_told_together_with_those_of_the_configuration() {
    let (folder, config) = laid_out("empty-group");
    let text = std::fs::read_to_string(&config)
        .expect("readable")
        .replace("route: {receiver: oncall}", "route: {recevier: oncall}");
    std::fs::write(&config, text.replace("targets:\n", "targts:\n")).expect("written");
    std::fs::write(folder.path().join("rules.yaml"), "groups:\n  - name: g\n    rules: [{alert: A, expr: 'up ='}]\n")
        .expect("written");
    std::fs::write(folder.path().join("runbooks/A.md"), "# B\n").expect("written");
    let output = memsentry(&["check", "--config", &config]);
    let told = said(&output, folder.path());
    assert_eq!(output.status.code(), Some(2));
    for part in ["targts", "recevier", "rules.yaml:3:", "could not parse expression", "A.md", "its title is"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn a_budget_that_is_too_small_for_the_probes_is_told_with_the_sum() {
    let (folder, config) = laid_out("empty-group");
    let text = std::fs::read_to_string(&config).expect("readable");
    let few = text.replace("{url: 'http://127.0.0.1:9',", "{url: 'http://127.0.0.1:9', requests_per_minute: 7,");
    std::fs::write(&config, few).expect("written");
    let output = memsentry(&["check", "--config", &config]);
    let told = said(&output, folder.path());
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in [
        "requests_per_minute: 7 a minute are fewer than the 8 that its probes need",
        "retrieval: 4 (1 every 15s) + roundtrip: 4 (2 every 30s)",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}
