//! The dead man's switch beats while the whole loop goes round.

use crate::stage::{Config, Daemon, shared_reference, until};

use axum::Router;
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn it_beats_while_the_whole_loop_goes_round() {
    let pings = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pings);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let answer = move || {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready("OK")
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/t0ken-ping", get(answer))).await });

    let mut config = Config::new(&shared_reference().api_url);
    config.files.push(("ping-url", format!("http://{address}/t0ken-ping")));
    config.rest = "heartbeat: {url_file: ping-url, interval: 1s}\n".to_owned();
    let daemon = Daemon::start(&config).await;
    until("three pings", || async { (pings.load(Ordering::SeqCst) >= 3).then_some(()) }).await;
    let last = daemon.number("memsentry_heartbeat_last_success_timestamp_seconds").await;
    assert!(last.is_some_and(|last| last > 1.7e9), "{last:?}");
    assert_eq!(daemon.number("sum(memsentry_heartbeat_missing)").await, Some(0.0));
    assert!(!daemon.log().contains("t0ken"));
}
