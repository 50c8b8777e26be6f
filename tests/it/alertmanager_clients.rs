//! Who talks to an Alertmanager talks to memsentry: Debian's `amtool`, and Debian's Prometheus with its alerts.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{Config, Daemon, Process, Webhook, closed_port, until};

/// Whether Debian's package is installed; `scripts/install-missing` does it. Says so where it is not.
fn installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&paths).any(|folder| folder.join(program).exists());
    if !there {
        println!("NOT CHECKED: {program} is not installed; scripts/install-missing promtool alertmanager");
    }
    there
}

/// The watched service is not what these tests are about.
fn nowhere() -> String {
    format!("http://127.0.0.1:{}", closed_port())
}

/// No rule fires: alerts come from outside.
const NO_RULES: &str = "groups: [{name: none, rules: [{record: 'a:b', expr: vector(1)}]}]";

async fn start(webhook: &Webhook) -> Daemon {
    let config = Config::new(&nowhere()).with_webhook(webhook).with_rules(NO_RULES);
    let daemon = Daemon::start(&config).await;
    daemon.evaluations(1).await;
    daemon
}

/// `amtool` against the daemon; what it wrote to both streams if it failed.
fn amtool(daemon: &Daemon, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("amtool");
    // Nothing of the user's own amtool configuration.
    command.env("HOME", "/nowhere").arg(format!("--alertmanager.url={}", daemon.url())).args(arguments);
    let output = command.stdin(Stdio::null()).output().expect("amtool runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(out) } else { Err(out + &String::from_utf8_lossy(&output.stderr)) }
}

fn told(daemon: &Daemon, arguments: &[&str]) -> String {
    amtool(daemon, arguments).unwrap_or_else(|wrong| panic!("{arguments:?}: {wrong}"))
}

fn json_of(daemon: &Daemon, arguments: &[&str]) -> Value {
    let text = told(daemon, &[&["-o", "json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn amtool_adds_and_lists_alerts() {
    if !installed("amtool") {
        return;
    }
    let webhook = Webhook::start().await;
    let daemon = start(&webhook).await;
    told(
        &daemon,
        &["alert", "add", "Added", "severity=info", "--annotation=summary=by amtool", "--generator-url=http://x/"],
    );
    let page = webhook.told("Added", "firing").await;
    assert_eq!(page.body["alerts"][0]["annotations"]["summary"], "by amtool");
    told(&daemon, &["alert", "add", "Other"]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let alerts = json_of(&daemon, &[&["alert", "query"], arguments].concat());
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().expect("a name").to_owned();
        let mut names: Vec<String> = alerts.as_array().expect("a list").iter().map(name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&[]), ["Added", "Other"]);
    assert_eq!(names(&["Added"]), ["Added"]);
    assert_eq!(names(&["alertname=~A.*", "severity!=page"]), ["Added"]);
    assert_eq!(names(&["--receiver=oncall"]), ["Added", "Other"]);
    assert_eq!(names(&["--receiver=nobody"]), [""; 0]);
    told(&daemon, &["silence", "add", "Added", "-a", "me", "-c", "work"]);
    assert_eq!(names(&["--silenced"]), ["Added"]);
    assert_eq!(names(&["--active"]), ["Other"]);
    assert!(told(&daemon, &["alert", "query", "Other"]).contains("Other"), "its table too");
    // One that ended is told.
    let end = jiff::Timestamp::now().to_string();
    told(&daemon, &["alert", "add", "Other", &format!("--end={end}"), "--start=2026-01-01T00:00:00Z"]);
    webhook.told("Other", "resolved").await;
}

#[tokio::test]
async fn amtool_makes_changes_and_ends_silences() {
    if !installed("amtool") {
        return;
    }
    let webhook = Webhook::start().await;
    let daemon = start(&webhook).await;
    let add = ["silence", "add", "-a", "me", "-c", "work", "-d", "1h"];
    let id = told(&daemon, &[&add[..], &["alertname=A", "job=~\"x|y\"", "z!=0"]].concat()).trim().to_owned();
    let silences = |arguments: &[&str]| json_of(&daemon, &[&["silence", "query"], arguments].concat());
    let silence = silences(&[])[0].clone();
    assert_eq!(
        (&silence["id"], &silence["createdBy"], &silence["comment"]),
        (&json!(id), &json!("me"), &json!("work"))
    );
    assert_eq!(silence["matchers"].as_array().map(Vec::len), Some(3));
    assert_eq!(silences(&["alertname=A"]).as_array().map(Vec::len), Some(1));
    assert_eq!(silences(&["alertname=B"]).as_array().map(Vec::len), Some(0));
    assert_eq!(silences(&["--created-by=me"]).as_array().map(Vec::len), Some(1));

    let changed = told(&daemon, &["silence", "update", &id, "-d", "3h", "-c", "longer"]);
    assert!(changed.contains(&id), "{changed}");
    assert_eq!(silences(&[])[0]["comment"], "longer");
    told(&daemon, &["silence", "expire", &id]);
    assert_eq!(silences(&[]).as_array().map(Vec::len), Some(0));
    assert_eq!(silences(&["--expired"])[0]["id"], json!(id));

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("silences.json");
    let end = (jiff::Timestamp::now() + std::time::Duration::from_secs(3600)).to_string();
    let import = json!([{
        "matchers": [{"name": "alertname", "value": "I", "isRegex": false, "isEqual": true}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": end, "createdBy": "me", "comment": "imported",
    }]);
    std::fs::write(&file, import.to_string()).expect("written");
    told(&daemon, &["silence", "import", file.to_str().expect("UTF-8")]);
    assert_eq!(silences(&["alertname=I"])[0]["comment"], "imported");

    let wrong = amtool(&daemon, &[&add[..], &["alertname=~.*"]].concat()).expect_err("refused");
    assert!(wrong.contains("must not match the empty string"), "{wrong}");
    let unknown = amtool(&daemon, &["silence", "expire", "00000000-0000-4000-8000-000000000000"]).expect_err("unknown");
    assert!(unknown.contains("404") || unknown.contains("NotFound"), "{unknown}");
}

#[tokio::test]
async fn amtool_reads_the_routes_and_that_there_is_no_cluster() {
    if !installed("amtool") {
        return;
    }
    let webhook = Webhook::start().await;
    let mut config = Config::new(&nowhere()).with_webhook(&webhook).with_rules(NO_RULES);
    config.route =
        "{receiver: oncall, group_by: ['...'], routes: [{matchers: ['severity=~\"a|b\"'], receiver: night}]}"
            .to_owned();
    config.rest = "  - name: night\n".to_owned();
    let daemon = Daemon::start(&config).await;
    let shown = told(&daemon, &["config", "show"]);
    assert!(shown.contains("receiver: \"oncall\"") && shown.contains("- name: \"night\""), "{shown}");
    let tree = told(&daemon, &["config", "routes", "show"]);
    assert!(tree.contains("severity=~\"a|b\"") && tree.contains("night"), "{tree}");
    let test = |labels: &str| told(&daemon, &["config", "routes", "test", labels]).trim().to_owned();
    assert_eq!((test("severity=b").as_str(), test("severity=c").as_str()), ("night", "oncall"));
    let cluster = told(&daemon, &["cluster", "show"]);
    assert!(cluster.contains("disabled"), "{cluster}");
}

#[tokio::test]
async fn alerts_of_prometheus_arrive_and_are_told_and_so_is_their_end() {
    if !installed("prometheus") {
        return;
    }
    let webhook = Webhook::start().await;
    let daemon = start(&webhook).await;
    let (folder, port) = (tempfile::tempdir().expect("a folder"), closed_port());
    // Fires for some seconds.
    let end = jiff::Timestamp::now().as_second() + 8;
    let rules = json!({"groups": [{"name": "g", "interval": "200ms", "rules": [{
        "alert": "FromPrometheus",
        "expr": format!("vector(time()) < {end}"),
        "labels": {"severity": "info"},
        "annotations": {"summary": "fires until {{ $value }}"},
    }]}]});
    let config = json!({
        "global": {"evaluation_interval": "200ms", "external_labels": {"cluster": "it"}},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [daemon.url().trim_start_matches("http://")]}]}]},
    });
    std::fs::write(folder.path().join("rules.yml"), rules.to_string()).expect("written");
    std::fs::write(folder.path().join("prometheus.yml"), config.to_string()).expect("written");
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--rules.alert.resend-delay=1s");
    let _process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));

    let firing = webhook.told("FromPrometheus", "firing").await.body;
    let alert = &firing["alerts"][0];
    assert_eq!(alert["labels"], json!({"alertname": "FromPrometheus", "severity": "info", "cluster": "it"}));
    assert!(alert["generatorURL"].as_str().is_some_and(|url| url.contains(&port.to_string())), "{alert}");
    until("it to be counted", || async {
        daemon.number("memsentry_alerts_received_total{status=\"firing\"}").await.filter(|count| *count >= 1.0)
    })
    .await;
    let resolved = webhook.told("FromPrometheus", "resolved").await.body;
    assert_eq!(resolved["alerts"][0]["startsAt"], alert["startsAt"]);
    assert!((daemon.number("memsentry_alerts_invalid_total").await.unwrap_or(0.0)).abs() < f64::EPSILON);
}
