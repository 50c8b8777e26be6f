//! What the daemon makes of a receiver's answers: it tries again, when it was asked to, or gives up.

use std::time::{Duration, Instant};

use crate::stage::{Config, Daemon, Manner, Webhook, check_alertmanager_v4, shared_reference};

/// Fires from the start.
const ALWAYS: &str = "groups: [{name: always, rules: [{alert: Always, expr: vector(1)}]}]";

#[tokio::test]
async fn a_receiver_in_trouble_gets_the_page_when_it_is_well_and_not_before_it_asked() {
    let webhook = Webhook::start().await;
    webhook.answers(Manner::Status(503));
    let config = Config::new(&shared_reference().api_url).with_webhook(&webhook).with_rules(ALWAYS);
    let daemon = Daemon::start(&config).await;
    webhook.wait("the first attempt", |_| true).await;
    webhook.answers(Manner::RetryAfter(4));
    let failures = "sum by (reason) (memsentry_notification_failures_total{reason=\"rate_limited\"})";
    daemon.becomes(failures, 1.0).await;
    let asked = Instant::now();
    webhook.answers(Manner::Ok);
    webhook.told("Always", "firing").await;
    // The answer was some time under way before the metric showed it.
    assert!(asked.elapsed() > Duration::from_millis(1_500), "after {:?}", asked.elapsed());
    let pages = webhook.pages();
    assert!(pages.len() >= 3 && pages.iter().all(|page| page.key == pages[0].key && page.body == pages[0].body));
    daemon.becomes("memsentry_outbox_entries", 0.0).await;
    daemon.becomes("sum(memsentry_notifications_dropped_total)", 0.0).await;
}

#[tokio::test]
async fn a_message_that_is_refused_for_good_is_given_up_and_counted() {
    let webhook = Webhook::start().await;
    webhook.answers(Manner::Status(400));
    let config = Config::new(&shared_reference().api_url).with_webhook(&webhook).with_rules(ALWAYS);
    let daemon = Daemon::start(&config).await;
    daemon.becomes("memsentry_notifications_dropped_total{receiver=\"oncall\", notifier=\"webhook[0]\"}", 1.0).await;
    daemon.becomes("memsentry_outbox_entries", 0.0).await;
    assert_eq!(webhook.pages().len(), 1);
}

/// Two that come and go, one after the other.
const FLAPPING: &str = "
groups:
  - name: flapping
    rules:
      - {alert: One, expr: vector(time()) % 2 < 1}
      - {alert: Other, expr: vector(time()) % 2 >= 1}
";

#[tokio::test]
async fn a_receiver_that_was_dead_hears_of_its_backlog_once_for_each_group() {
    let webhook = Webhook::start().await;
    webhook.answers(Manner::Status(503));
    let config = Config::new(&shared_reference().api_url).with_webhook(&webhook).with_rules(FLAPPING);
    let daemon = Daemon::start(&config).await;
    daemon.becomes("max(memsentry_receiver_circuit_open)", 1.0).await;
    let refused = webhook.pages().len();
    let waiting = daemon.number("memsentry_outbox_entries").await.expect("a number");
    assert!(refused >= 5 && waiting > 10.0, "{refused} attempts, {waiting} messages wait");
    webhook.answers(Manner::Ok);
    daemon.becomes("max(memsentry_receiver_circuit_open)", 0.0).await;
    for alert in ["One", "Other"] {
        let page = webhook.wait(&format!("the backlog of {alert}"), |page| page.taken && page.alert() == alert).await;
        assert!(page.body["collapsed"]["messages"].as_u64().is_some_and(|messages| messages > 3), "{}", page.body);
        assert_eq!(page.body["groupKey"], format!("{{}}:{{alertname=\"{alert}\"}}"));
        check_alertmanager_v4(&page.body);
    }
    let collapsed = webhook.taken().iter().filter(|page| page.body.get("collapsed").is_some()).count();
    assert_eq!(collapsed, 2, "one message for each group");
    let told = daemon.number("sum(memsentry_notifications_collapsed_total)").await.expect("a number");
    assert!(told >= waiting - 2.0, "{told} of {waiting} were put together");
}
