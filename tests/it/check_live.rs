//! `memsentry check --live` against real peers, well and in trouble: what it says, and that it tells nobody anything.

use serde_json::Value;

use crate::stage::{
    Config, MailSink, SERVICE_PASSWORD, WEBHOOK_PASSWORD, WEBHOOK_TOKEN, Webhook, closed_port, memsentry,
    shared_reference,
};

/// Exit code and report of a live check.
async fn checked(config: &Config) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = config.write(folder.path()).display().to_string();
    // The peers run in this process.
    let output = tokio::task::spawn_blocking(move || {
        let plain = memsentry(&["check", "--live", "--config", &path]);
        let json = memsentry(&["check", "--live", "--json", "--config", &path]);
        assert_eq!(plain.status.code(), json.status.code());
        for stream in [&plain.stdout, &plain.stderr, &json.stdout, &json.stderr] {
            let text = String::from_utf8_lossy(stream);
            for secret in [SERVICE_PASSWORD, WEBHOOK_PASSWORD, WEBHOOK_TOKEN, "hunter2"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        json
    });
    let output = output.await.expect("a run");
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

/// `what: state` of every row.
fn states(report: &Value) -> Vec<String> {
    let rows = report["live"].as_array().expect("rows");
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| format!("{}: {}", text(row, "what"), text(row, "state"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_is_ticked_off_and_nobody_is_told() {
    let (webhook, mail) = (Webhook::start().await, MailSink::start().await);
    let config = Config::of(shared_reference()).with_webhook(&webhook).with_mail(&mail);
    let (code, report) = checked(&config).await;
    assert_eq!(code, Some(0), "{report:#}");
    let states = states(&report);
    for fine in [
        "service main: ok",
        "user at main: ok",
        "database of main: ok",
        "receiver oncall, webhook[0]: ok",
        "receiver oncall, email[0]: ok",
    ] {
        assert!(states.iter().any(|state| state == fine), "{fine} is not in {states:?}");
    }
    assert!(
        states.iter().any(|state| state.starts_with("pages at 127.0.0.1:") && state.ends_with(": ok")),
        "{states:?}"
    );
    assert!(webhook.pages().is_empty() && mail.mails().is_empty(), "somebody was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_told_with_its_place_and_what_to_do() {
    let mut config = Config::new(&format!("http://127.0.0.1:{}", closed_port()))
        .with_database(&format!("postgres://u:hunter2@127.0.0.1:{}/none", closed_port()));
    config.webhook = true;
    config.files.push(("webhook-url", format!("http://127.0.0.1:{}/{WEBHOOK_TOKEN}", closed_port())));
    config.smarthost = Some(format!("127.0.0.1:{}", closed_port()));
    // Somebody else has the port.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    config.listen = taken.local_addr().expect("bound").port();
    let (code, report) = checked(&config).await;
    assert_eq!(code, Some(1), "{report:#}");
    let rows = report["live"].as_array().expect("rows");
    let failed: Vec<&Value> = rows.iter().filter(|row| row["state"] == "failed").collect();
    let paths: Vec<&str> = failed.iter().filter_map(|row| row["path"].as_str()).collect();
    for path in [
        "targets[0].service.url",
        "targets[0].database",
        "receivers[0].webhook_configs[0]",
        "receivers[0].email_configs[0]",
        "web.listen",
    ] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}\n{report:#}");
    }
    for row in failed {
        assert!(
            row["line"].is_u64()
                && row["advice"].is_string()
                && row["said"].as_str().is_some_and(|said| said.len() > 5),
            "{row:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_no_login() {
    let mut config = Config::of(shared_reference());
    config.files.retain(|(name, _)| *name != "service-password");
    config.files.push(("service-password", "wrong-hunter2".to_owned()));
    let (code, report) = checked(&config).await;
    let states = states(&report);
    assert_eq!(code, Some(1), "{report:#}");
    assert!(
        states.contains(&"service main: ok".to_owned()) && states.contains(&"user at main: failed".to_owned()),
        "{states:?}"
    );
}
