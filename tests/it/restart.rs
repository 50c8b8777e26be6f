//! A clean restart is no news: what fires goes on firing, untold, and is resolved when it is over.

use crate::stage::{Config, Daemon, Door, Webhook, shared_reference};

#[tokio::test]
async fn a_restart_while_an_alert_fires_neither_pages_again_nor_resolves() {
    let door = Door::before(&shared_reference().api_url);
    door.close().await;
    let webhook = Webhook::start().await;
    let mut daemon = Daemon::start(&Config::new(&door.url()).with_webhook(&webhook)).await;
    let fired = webhook.told("ServiceDown", "firing").await;

    let (code, _) = daemon.terminate().await;
    assert_eq!(code, 0, "{}", daemon.log());
    daemon.start_again().await;
    daemon.becomes("chat_memory_up", 0.0).await;
    daemon.evaluations(5).await;
    daemon.becomes("count(ALERTS{alertname=\"ServiceDown\", alertstate=\"firing\"})", 1.0).await;
    let told: Vec<_> = webhook.pages().into_iter().map(|page| (page.key.clone(), page.status().to_owned())).collect();
    assert_eq!(told, [(fired.key, "firing".to_owned())], "{}", daemon.log());

    door.open();
    let resolved = webhook.told("ServiceDown", "resolved").await;
    assert_eq!(resolved.body["alerts"][0]["startsAt"], fired.body["alerts"][0]["startsAt"]);
    assert_eq!(webhook.pages().len(), 2);
}
