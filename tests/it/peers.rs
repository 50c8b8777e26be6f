//! The tools that people have already work with memsentry: Debian's `prometheus`, `promtool` and Alertmanager.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{
    Config, Daemon, Door, Process, Webhook, check_alertmanager_v4, closed_port, http, shared_reference, until,
};

/// Whether Debian's package is installed; `scripts/install-missing` does it. Says so where it is not.
pub fn installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&paths).any(|folder| folder.join(program).exists());
    if !there {
        println!("NOT CHECKED: {program} is not installed; scripts/install-missing promtool alertmanager");
    }
    there
}

fn promtool(arguments: &[&str], input: Option<&str>) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("input");
    std::fs::write(&file, input.unwrap_or_default()).expect("written");
    let stdin = std::fs::File::open(&file).expect("readable");
    let output = Command::new("promtool").args(arguments).stdin(stdin).output().expect("promtool runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// A daemon that has seen everything at least once.
async fn experienced() -> Daemon {
    let daemon = Daemon::start(&Config::of(shared_reference())).await;
    for probe in ["health", "retrieval", "roundtrip"] {
        daemon.becomes(&format!("chat_memory_probe_success{{probe=\"{probe}\"}}"), 1.0).await;
    }
    until("the queue to be read", || daemon.number("chat_memory_queue_depth")).await;
    daemon
}

#[tokio::test]
async fn promtool_has_no_complaint_about_the_metrics() {
    if !installed("promtool") {
        return;
    }
    let page = experienced().await.get("/metrics").await;
    let (fine, told) = promtool(&["check", "metrics"], Some(&page));
    assert!(fine && told.trim().is_empty(), "{told}");
}

#[tokio::test]
async fn promtool_can_ask_memsentry_as_it_asks_prometheus() {
    if !installed("promtool") {
        return;
    }
    let daemon = experienced().await;
    let (fine, told) = promtool(&["query", "instant", daemon.url(), "chat_memory_up"], None);
    assert!(fine && told.starts_with("chat_memory_up{target=\"main\"} => 1 @["), "{told}");
    let (fine, told) = promtool(&["query", "range", "--step=1s", daemon.url(), "sum(chat_memory_up)"], None);
    assert!(fine && told.contains("1 @["), "{told}");
    let (fine, told) = promtool(&["query", "series", "--match=chat_memory_up", daemon.url()], None);
    assert!(fine && told.contains("__name__=\"chat_memory_up\""), "{told}");
    let (fine, told) = promtool(&["query", "labels", daemon.url(), "target"], None);
    assert!(fine && told.trim() == "main", "{told}");
    let (fine, told) = promtool(&["query", "instant", daemon.url(), "sum("], None);
    assert!(!fine && told.contains("parse error"), "{told}");
}

/// JSON from an HTTP server that may not be up yet.
async fn ask(url: &str) -> Option<Value> {
    http().get(url).send().await.ok()?.json().await.ok()
}

#[tokio::test]
async fn prometheus_scrapes_memsentry_and_takes_its_rules() {
    if !installed("prometheus") {
        return;
    }
    let daemon = experienced().await;
    let (folder, port) = (tempfile::tempdir().expect("a folder"), closed_port());
    let config = json!({
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("alerts.yaml")],
        "scrape_configs": [{"job_name": "memsentry",
            "static_configs": [{"targets": [daemon.url().trim_start_matches("http://")]}]}],
    });
    std::fs::write(folder.path().join("prometheus.yml"), config.to_string()).expect("written");
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let base = format!("http://127.0.0.1:{port}/api/v1");

    let target = until("a scrape", || async {
        let target = ask(&format!("{base}/targets")).await?["data"]["activeTargets"][0].clone();
        (target["health"] != "unknown" && !target.is_null()).then_some(target)
    })
    .await;
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    let up = until("its value", || async {
        Some(ask(&format!("{base}/query?query=chat_memory_up")).await?["data"]["result"][0]["value"][1].clone())
            .filter(|value| !value.is_null())
    })
    .await;
    assert_eq!(up, "1");

    let rules = until("every rule to be evaluated", || async {
        let groups = ask(&format!("{base}/rules")).await?["data"]["groups"].as_array()?.clone();
        let rules: Vec<Value> =
            groups.iter().filter_map(|group| group["rules"].as_array().cloned()).flatten().collect();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    })
    .await;
    assert!(rules.len() >= 20, "{} rules", rules.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
}

/// The keys of a value with the types behind them, as `alerts[].labels: object`. What is in free maps is left out.
fn shape(value: &Value, at: &str, found: &mut Vec<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    found.push(format!("{at}: {kind}"));
    let free = ["labels", "annotations", "Labels", "Annotations"].iter().any(|end| at.ends_with(end));
    match value {
        Value::Object(entries) if !free => {
            entries.iter().for_each(|(key, value)| shape(value, &format!("{at}.{key}"), found));
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{at}[]"), found)),
        _ => {}
    }
}

#[tokio::test]
async fn a_webhook_of_memsentry_has_every_field_that_one_of_alertmanager_has() {
    if !installed("prometheus-alertmanager") {
        return;
    }
    let webhook = Webhook::start().await;
    let (folder, port) = (tempfile::tempdir().expect("a folder"), closed_port());
    let config = json!({
        "route": {"receiver": "oncall", "group_by": ["alertname"], "group_wait": "10ms"},
        "receivers": [{"name": "oncall", "webhook_configs": [{"url": webhook.url}]}],
    });
    std::fs::write(folder.path().join("alertmanager.yml"), config.to_string()).expect("written");
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", folder.path().join("alertmanager.yml").display()));
    command.arg(format!("--storage.path={}", folder.path().join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    let _process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let alert =
        json!([{"labels": {"alertname": "FromAlertmanager", "severity": "info"}, "annotations": {"summary": "s"}}]);
    let url = format!("http://127.0.0.1:{port}/api/v2/alerts");
    until("Alertmanager to take an alert", || async {
        let answer = http().post(&url).json(&alert).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    let theirs = webhook.told("FromAlertmanager", "firing").await.body;
    check_alertmanager_v4(&theirs);

    let door = Door::before(&shared_reference().api_url);
    door.close().await;
    let _daemon = Daemon::start(&Config::new(&door.url()).with_webhook(&webhook)).await;
    let ours = webhook.told("ServiceDown", "firing").await.body;
    let (mut there, mut here) = (Vec::new(), Vec::new());
    shape(&theirs, "", &mut there);
    shape(&ours, "", &mut here);
    let missing: Vec<&String> = there.iter().filter(|field| !here.contains(field)).collect();
    assert!(there.len() > 15 && missing.is_empty(), "{missing:?}\ntheirs: {theirs:#}\nours: {ours:#}");
}
