//! A drill tells whether a receiver's messages arrive, marked as a test, and leaves nothing behind.

use serde_json::Value;

use crate::stage::{
    Config, Daemon, Manner, WEBHOOK_TOKEN, Webhook, check_alertmanager_v4, closed_port, memsentry, shared_reference,
};

async fn scene() -> (Webhook, Daemon) {
    let webhook = Webhook::start().await;
    let mut config = Config::new(&shared_reference().api_url).with_webhook(&webhook);
    config.rest = format!(
        "  - name: dead\n    webhook_configs: [{{url: 'http://127.0.0.1:{}/{WEBHOOK_TOKEN}'}}]\n  - name: nobody\n",
        closed_port()
    );
    let daemon = Daemon::start(&config).await;
    (webhook, daemon)
}

fn drill(daemon: &Daemon, arguments: &[&str]) -> (i32, String) {
    let mut all = vec!["drill"];
    all.extend(arguments);
    all.extend(["--url", daemon.url()]);
    let done = memsentry(&all);
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code().unwrap_or(-1), said)
}

// The receiver answers here while the command waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_arrives_marked_with_its_end_and_leaves_only_history() {
    let (webhook, daemon) = scene().await;
    let (code, said) = drill(&daemon, &["oncall", "--severity", "critical", "--label", "team=memory"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("webhook[0]  alert  delivered") && said.contains("webhook[0]  end    delivered"), "{said}");
    assert!(said.contains("it would be told to oncall by route {}"), "{said}");
    let pages = webhook.taken();
    assert_eq!(pages.iter().map(|page| page.status()).collect::<Vec<_>>(), ["firing", "resolved"]);
    for page in &pages {
        check_alertmanager_v4(&page.body);
        let alert = &page.body["alerts"][0];
        assert_eq!(alert["labels"]["memsentry_drill"], "true");
        assert_eq!((&alert["labels"]["severity"], &alert["labels"]["team"]), (&"critical".into(), &"memory".into()));
        assert!(alert["annotations"]["summary"].as_str().is_some_and(|text| text.starts_with("TEST: ")), "{alert}");
    }
    assert_eq!(pages[0].body["groupKey"], pages[1].body["groupKey"]);
    let alerts: Value = serde_json::from_str(&daemon.get("/api/v1/memsentry/alerts").await).expect("JSON");
    assert_eq!(alerts["data"]["alerts"].as_array().map(Vec::len), Some(0), "{alerts}");
    let history: Value =
        serde_json::from_str(&daemon.get("/api/v1/memsentry/history?receiver=oncall").await).expect("JSON");
    let entries = history["data"]["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 2, "{history}");
    assert!(entries.iter().all(|entry| entry["drill"] == true && entry["event"] == "delivered"), "{history}");
    assert!(!history.to_string().contains(WEBHOOK_TOKEN));
}

// The receiver answers here while the command waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_drills_exit_code_is_its_answer() {
    let (webhook, daemon) = scene().await;
    for (manner, receiver, wanted, says) in [
        (Manner::Status(500), "oncall", 1, "FAILED after"),
        (Manner::Status(403), "oncall", 1, "403 Forbidden"),
        (Manner::Ok, "dead", 1, "FAILED after"),
        (Manner::Ok, "nobody", 1, "it has no notifier"),
        (Manner::Ok, "oncal", 2, "did you mean \"oncall\"?"),
    ] {
        webhook.answers(manner);
        let (code, said) = drill(&daemon, &[receiver]);
        assert_eq!(code, wanted, "{receiver}, {manner:?}: {said}");
        assert!(said.contains(says) && !said.contains(WEBHOOK_TOKEN), "{receiver}, {manner:?}: {said}");
    }
    webhook.answers(Manner::Ok);
    assert_eq!(drill(&daemon, &["oncall", "--label", "no-equals-sign"]).0, 2);
    let (code, said) = drill(&daemon, &["oncall", "--label", "target=elsewhere", "--label", "alertname=WorkerStalled"]);
    assert_eq!(code, 0, "{said}");
    let page = webhook.taken().pop().expect("a page");
    assert_eq!(page.body["runbook"]["name"], "WorkerStalled");
}

// The receiver answers here while the command waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_needs_no_daemon() {
    let webhook = Webhook::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = Config::new("http://127.0.0.1:1").with_webhook(&webhook).write(folder.path());
    let path = path.to_str().expect("UTF-8");
    let done = memsentry(&["drill", "oncall", "--offline", "--json", "--config", path]);
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(done.status.code(), Some(0), "{report}");
    assert_eq!(report["notifiers"][0]["notifier"], "webhook[0]");
    assert_eq!(webhook.taken().len(), 2);
    webhook.answers(Manner::Status(500));
    assert_eq!(memsentry(&["drill", "oncall", "--offline", "--config", path]).status.code(), Some(1));
}
