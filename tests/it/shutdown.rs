//! SIGTERM ends the daemon in time with exit code 0, whoever hangs, and loses nothing.

use std::time::Duration;

use crate::stage::{Config, Daemon, Door, Manner, Silence, Webhook, shared_reference, without_evidence};

/// What systemd and container runtimes may count on.
const IN_TIME: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_receiver_that_hangs_does_not_hold_up_the_end_and_gets_the_page_afterwards() {
    let door = Door::before(&shared_reference().api_url);
    door.close().await;
    let webhook = Webhook::start().await;
    webhook.answers(Manner::Hang);
    let mut daemon = Daemon::start(&Config::new(&door.url()).with_webhook(&webhook)).await;
    let held = webhook.wait("an attempt", |page| page.is("ServiceDown", "firing")).await;

    let (code, took) = daemon.terminate().await;
    assert!(code == 0 && took < IN_TIME, "code {code} after {took:?}:\n{}", daemon.log());
    webhook.answers(Manner::Ok);
    daemon.start_again().await;
    let page = webhook.told("ServiceDown", "firing").await;
    assert_eq!((page.key, without_evidence(page.body)), (held.key, without_evidence(held.body)));
}

#[tokio::test]
async fn a_service_and_a_database_that_hang_do_not_hold_up_the_end() {
    let (service, database) = (Silence::start().await, Silence::start().await);
    let address = database.url.trim_start_matches("http://");
    let mut config =
        Config::new(&service.url).with_database(&format!("postgres://a:b@{address}/memory?sslmode=disable"));
    config.probes = "[{kind: health, interval: 1m, timeout: 50s}, {kind: retrieval, interval: 1m, timeout: 50s}, \
                     {kind: roundtrip, interval: 1m, timeout: 50s}]"
        .to_owned();
    config.service = config.service.replace("timeout: 2s", "timeout: 50s");
    config.database =
        config.database.map(|text| text.replace("interval: 1s, timeout: 800ms", "interval: 1m, timeout: 50s"));
    let mut daemon = Daemon::start(&config).await;
    service.is_called().await;
    database.is_called().await;
    let (code, took) = daemon.terminate().await;
    assert!(code == 0 && took < IN_TIME, "code {code} after {took:?}:\n{}", daemon.log());
}

#[tokio::test]
async fn a_reader_that_keeps_its_connection_does_not_hold_up_the_end() {
    let mut daemon = Daemon::start(&Config::new(&shared_reference().api_url)).await;
    let address = daemon.url().trim_start_matches("http://").to_owned();
    let _idle = tokio::net::TcpStream::connect(&address).await.expect("connected");
    let (code, took) = daemon.terminate().await;
    assert!(code == 0 && took < IN_TIME, "code {code} after {took:?}:\n{}", daemon.log());
}
