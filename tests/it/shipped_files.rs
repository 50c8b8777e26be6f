//! The files that come with memsentry belong together: every alert has a runbook and a unit test, and
//! Debian's `promtool` is content with all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names in `alerts.yaml`, in their order.
fn alerts() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("alerts.yaml")).expect("alerts.yaml");
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

/// The names of all alerts, those of the shipped objectives among them.
fn all_alerts() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("slo-rules.yaml")).expect("slo-rules.yaml");
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ").map(str::to_owned));
    names.chain(alerts()).collect()
}

/// The names of the files in `folder` with this ending, without it.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
        .collect()
}

/// `promtool`, where the machine has it.
fn promtool(arguments: &[&str], files: &[PathBuf]) -> Option<(bool, String)> {
    let output = Command::new("promtool").args(arguments).args(files).output().ok()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), text))
}

#[test]
fn the_shipped_alerts_are_the_agreed_ones() {
    let agreed = [
        "QueueDepthHigh",
        "UpdateSuccessLow",
        "RetrievalSlow",
        "ApiErrorRateHigh",
        "ServiceDown",
        "ProbeFailing",
        "ProbeRateLimited",
        "ProbesNotRunning",
        "UpdateSlow",
        "DependencyUnhealthy",
        "SyntheticDataLeftBehind",
        "WorkerStalled",
        "QueueEntriesStuck",
        "DatabaseUnreachable",
        "RuleEvaluationFailing",
        "NotificationsFailing",
        "ConfigReloadFailed",
        "StoreDown",
        "TaskPanicked",
        "Watchdog",
    ];
    assert_eq!(alerts(), agreed);
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts = all_alerts();
    let mut runbooks = stems("runbooks", ".md");
    runbooks.remove("README");
    assert_eq!(runbooks, alerts);
}

#[test]
fn every_alert_has_a_unit_test_that_sees_it_fire_and_sees_it_not_fire() {
    let alerts = all_alerts();
    assert_eq!(stems("tests/rules", ".yaml"), alerts);
    for alert in alerts {
        let text = std::fs::read_to_string(root().join(format!("tests/rules/{alert}.yaml"))).expect("readable");
        assert!(text.contains(&format!("alertname: {alert}\n        exp_alerts:\n")), "{alert} never fires");
        let silent = text.contains(&format!("alertname: {alert}\n        exp_alerts: []"));
        // The watchdog is the one alert that never stops.
        assert!(silent || alert == "Watchdog", "{alert} always fires");
    }
}

#[test]
fn promtool_accepts_the_shipped_rules() {
    let Some((fine, text)) =
        promtool(&["check", "rules"], &["alerts.yaml", "slo-rules.yaml"].map(|file| root().join(file)))
    else {
        return;
    };
    assert!(fine && !text.contains("duplicate"), "{text}");
}

#[test]
fn promtool_agrees_with_every_unit_test() {
    let folder = root().join("tests/rules");
    let files: Vec<PathBuf> =
        stems("tests/rules", ".yaml").into_iter().map(|name| Path::new(&folder).join(name + ".yaml")).collect();
    let Some((fine, text)) = promtool(&["test", "rules"], &files) else { return };
    assert!(fine, "{text}");
}

#[test]
fn the_rules_of_the_shipped_objectives_are_those_that_memsentry_prints() {
    let printed = memsentry::rules::slo::rules_text(&memsentry::rules::slo::shipped());
    let file = std::fs::read_to_string(root().join("slo-rules.yaml")).expect("slo-rules.yaml");
    assert!(file == printed, "slo-rules.yaml is stale: cargo run -- slo rules > slo-rules.yaml");
}

#[test]
fn missing_data_holds_the_shipped_alerts_that_say_so() {
    let file = root().join("tests/rules/no_data/stopped.yaml");
    let report = memsentry::rule_tests::run(&file, &|_| true).expect("a good file");
    assert!(report.passed() && report.tests.len() >= 5, "{report:?}");
    // The same without the policies: what they hold would have been told as over.
    let text = std::fs::read_to_string(&file).expect("readable").replace("memsentry_no_data: true", "name: plain");
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("plain.yaml");
    let rules = root().join("alerts.yaml");
    let text = text.replace("../../../alerts.yaml", rules.to_str().expect("a path"));
    std::fs::write(&plain, text).expect("written");
    let report = memsentry::rule_tests::run(&plain, &|_| true).expect("a good file");
    assert!(report.tests.iter().all(|test| !test.failures.is_empty()), "{report:?}");
}
