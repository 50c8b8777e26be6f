//! A service and a database that are down when the daemon starts, and come up later, need no restart of it.

use crate::postgres::Cluster;
use crate::stage::{Config, Daemon, Webhook, closed_port, faster, shipped, start_reference};

/// The metrics that say what is in the database, by their beginning.
const FROM_THE_DATABASE: &[&str] =
    &["chat_memory_queue_depth", "chat_memory_queue_entries", "chat_memory_queue_stuck_entries"];

/// Whether any series of `metric` is on the page, its help aside.
fn shows(page: &str, metric: &str) -> bool {
    page.lines().any(|line| line.starts_with(&format!("{metric}{{")))
}

#[tokio::test]
async fn alerts_fire_while_everything_is_down_and_resolve_when_it_comes_up() {
    let cluster = Cluster::start().await;
    let (port, database_url) = (closed_port(), cluster.postgres().url("postgres"));
    cluster.stop();
    let webhook = Webhook::start().await;
    let config = Config::new(&format!("http://127.0.0.1:{port}")).with_database(&database_url);
    let daemon = Daemon::start(&config.with_webhook(&webhook).with_rules(&faster(&shipped(), 60))).await;
    for alert in ["ServiceDown", "DatabaseUnreachable"] {
        webhook.told(alert, "firing").await;
    }
    let page = daemon.get("/metrics").await;
    assert!(page.contains("chat_memory_database_up{target=\"main\"} 0"), "{page}");
    assert!(FROM_THE_DATABASE.iter().all(|metric| !shows(&page, metric)), "{page}");

    cluster.resume();
    let listen = format!("127.0.0.1:{port}");
    let reference = start_reference(&["--listen", &listen, "--database-url", &database_url]);
    for alert in ["ServiceDown", "DatabaseUnreachable"] {
        webhook.told(alert, "resolved").await;
    }
    daemon.becomes("chat_memory_queue_depth", 0.0).await;
    let page = daemon.get("/metrics").await;
    assert!(FROM_THE_DATABASE.iter().all(|metric| shows(&page, metric)), "{page}");

    // And down once more: what was read is withdrawn, not served stale.
    drop(reference);
    cluster.stop();
    daemon.becomes("chat_memory_database_up", 0.0).await;
    let page = daemon.get("/metrics").await;
    assert!(FROM_THE_DATABASE.iter().all(|metric| !shows(&page, metric)), "{page}");
}
