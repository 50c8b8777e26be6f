//! A reload takes a good configuration whole and refuses a bad one whole; alerts and their groups notice neither.

use std::time::Duration;

use serde_json::Value;

use crate::stage::{Config, Daemon, Webhook, http, shared_reference, until};

/// Fires from the start, for ever.
const ALWAYS: &str = "
groups:
  - name: always
    rules:
      - alert: Always
        expr: vector(1)
        labels: {severity: info}
";

/// Since when the one alert is active.
async fn active_at(daemon: &Daemon) -> String {
    let alerts: Value = serde_json::from_str(&daemon.get("/api/v1/alerts").await).expect("JSON");
    alerts["data"]["alerts"][0]["activeAt"].as_str().unwrap_or_else(|| panic!("no alert: {alerts}")).to_owned()
}

#[tokio::test]
async fn a_good_configuration_is_taken_and_a_bad_one_refused_while_alerts_go_on() {
    let webhook = Webhook::start().await;
    let mut config = Config::new(&shared_reference().api_url).with_webhook(&webhook).with_rules(ALWAYS);
    let daemon = Daemon::start(&config).await;
    webhook.told("Always", "firing").await;
    let active = active_at(&daemon).await;

    // Good: a probe more.
    config.probes = "[{kind: health, interval: 1s}, {kind: retrieval, interval: 1s}]".to_owned();
    daemon.rewrite(&config);
    daemon.hang_up();
    daemon.becomes("chat_memory_probe_success{probe=\"retrieval\"}", 1.0).await;
    daemon.becomes("memsentry_config_reload_success", 1.0).await;

    // Bad, in two ways.
    let mut bad = config.clone();
    bad.probes = "[{kind: helth}]".to_owned();
    daemon.rewrite(&bad);
    daemon.hang_up();
    daemon.becomes("memsentry_config_reload_success", 0.0).await;
    check_refused(&daemon, "memsentry.yaml:5:17: probes[0].kind: unknown probe kind \"helth\"").await;

    daemon.rewrite(&config.clone().with_rules("groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]"));
    let answer = http().post(format!("{}/-/reload", daemon.url())).send().await.expect("an answer");
    assert!(!answer.status().is_success(), "{}", answer.status());
    check_refused(&daemon, "alerts.yaml:1:").await;

    // Good again.
    daemon.rewrite(&config);
    let answer = http().post(format!("{}/-/reload", daemon.url())).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    daemon.becomes("memsentry_config_reload_success", 1.0).await;
    assert!(!daemon.get("/").await.contains("was refused"));

    daemon.evaluations(5).await;
    assert_eq!(active_at(&daemon).await, active);
    assert_eq!(webhook.pages().len(), 1, "{}", daemon.log());
}

/// The mistake is on the page and in the log, and the probes of the configuration before run on.
async fn check_refused(daemon: &Daemon, mistake: &str) {
    let page = daemon.get("/").await.replace("&quot;", "\"");
    assert!(page.contains("The configuration was refused") && page.contains(mistake), "{mistake}\n{page}");
    let log = daemon.log().replace("\\\"", "\"");
    let line = log.lines().find(|line| line.contains("configuration refused") && line.contains(mistake));
    assert!(line.is_some_and(|line| line.contains("\"level\":\"ERROR\"")), "{mistake}\n{log}");
    let runs = "chat_memory_probe_runs_total{probe=\"retrieval\"}";
    let before = daemon.number(runs).await.expect("the probe has run");
    until("the probe to run on", || async { daemon.number(runs).await.filter(|now| *now > before) }).await;
}

#[tokio::test]
async fn reloads_do_not_postpone_what_waits_for_its_group() {
    let webhook = Webhook::start().await;
    let mut config = Config::new(&shared_reference().api_url).with_webhook(&webhook).with_rules(ALWAYS);
    config.route = "{receiver: oncall, group_wait: 1s}".to_owned();
    let daemon = Daemon::start(&config).await;
    // Each comes before the wait is over, and would begin it anew.
    for _ in 0..100 {
        if !webhook.pages().is_empty() {
            break;
        }
        daemon.hang_up();
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(webhook.pages().len(), 1, "{}", daemon.log());
}
