//! A probe that stops is no recovery: the alert about what it last saw goes on until it is measured again.

use crate::stage::{Config, Daemon, Door, Webhook, shared_reference};

/// Without runs there is nothing to compare, as in the shipped rules, only sooner.
const RULES: &str = "
groups:
  - name: fast
    rules:
      - alert: Kept
        expr: |
          (
            chat_memory_up
            and on (target)
            sum by (target) (increase(chat_memory_probe_runs_total{probe=\"health\"}[4s])) > 0
          ) == 0
        annotations: {memsentry_no_data: keep}
      - alert: Plain
        expr: |
          (
            chat_memory_up
            and on (target)
            sum by (target) (increase(chat_memory_probe_runs_total{probe=\"health\"}[4s])) > 0
          ) == 0
";

#[tokio::test]
async fn an_alert_does_not_end_because_its_probe_stops() {
    let door = Door::before(&shared_reference().api_url);
    door.close().await;
    let webhook = Webhook::start().await;
    let mut config = Config::new(&door.url()).with_webhook(&webhook).with_rules(RULES);
    let mut daemon = Daemon::start(&config).await;
    webhook.told("Kept", "firing").await;
    webhook.told("Plain", "firing").await;

    // The probe is there and does not run any more; its series stand still.
    let probes = config.probes.clone();
    config.probes = "[{kind: health, interval: 1h, timeout: 900ms}]".to_owned();
    daemon.rewrite(&config);
    daemon.hang_up();
    webhook.told("Plain", "resolved").await;
    daemon.becomes("memsentry_rule_group_alerts_without_data", 1.0).await;
    let (code, _) = daemon.terminate().await;
    assert_eq!(code, 0, "{}", daemon.log());
    daemon.start_again().await;
    daemon.evaluations(20).await;
    let told = |status: &str| webhook.pages().iter().filter(|page| page.is("Kept", status)).count();
    assert_eq!((told("firing"), told("resolved")), (1, 0), "{}", daemon.log());

    config.probes = probes;
    door.open();
    daemon.rewrite(&config);
    daemon.hang_up();
    webhook.told("Kept", "resolved").await;
    assert_eq!((told("firing"), told("resolved")), (1, 1));
}
