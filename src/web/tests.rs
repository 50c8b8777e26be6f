//! The server from outside, over loopback: what it answers, and what it does not put up with.

mod alertmanager;
mod api;
mod load;
mod promtool;
mod sample;
mod sample_rules;
mod sample_runs;
mod served;
mod silence_pages;

use std::time::Duration as StdDuration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::Bounds;
use super::*;
use sample::{NOW, Sample};
use served::{Answer, Served};

#[tokio::test]
async fn every_route_in_the_table_answers() {
    let served = Served::start(Sample::default()).await;
    served.view.ready.store(true, std::sync::atomic::Ordering::SeqCst);
    for route in routes::ROUTES {
        let path = route
            .path
            .replace("{target}", "production")
            .replace("{probe}", "roundtrip")
            .replace("{name}", "target")
            .replace("{alert}", "WorkerStalled");
        let answer = match route.path {
            "/-/reload" | "/silences/{id}/end" => served.send("POST", &path, &[], "").await,
            _ => served.get(&path).await,
        };
        // What needs parameters says so, and one leads to another; that shows that they were reached.
        let expected = match route.path {
            "/api/v1/query" | "/api/v1/query_range" | "/api/v1/series" => 400,
            "/graph" => 302,
            "/api/v2/silence/{id}" | "/silences/{id}/end" => 404,
            "/api/v1/memsentry/acknowledgements/{alert}" | "/api/v1/memsentry/drills/{id}" => 404,
            _ => 200,
        };
        assert_eq!(answer.code, expected, "{path}: {}", answer.body);
        assert!(!route.about.is_empty());
        let count = served.requests(route.path, &expected.to_string());
        assert!((count - 1.0).abs() < f64::EPSILON, "{path} is counted {count} times");
    }
}

#[tokio::test]
async fn every_answer_forbids_scripts_sniffing_and_keeping() {
    let served = Served::start(Sample::default()).await;
    for path in ["/", "/alerts", "/metrics", "/nowhere", "/api/v1/alerts", "/-/ready", "/style.css"] {
        let answer = served.get(path).await;
        let policy = answer.header("content-security-policy").unwrap_or("");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let keep = if path == "/style.css" { "public, max-age=300" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(keep), "{path}");
    }
}

#[tokio::test]
async fn pages_need_neither_script_nor_inline_style() {
    let served = Served::start(Sample::default()).await;
    for path in [
        "/",
        "/alerts",
        "/probes/production/roundtrip",
        "/runbooks",
        "/nowhere",
        "/silences",
        "/silences/new?filter=a%3Db",
    ] {
        let page = served.get(path).await.body;
        assert!(page.starts_with("<!DOCTYPE html>"), "{path}");
        for forbidden in ["<script", "<style", "style=", "onclick", "javascript:"] {
            assert!(!page.contains(forbidden), "{path} has {forbidden}");
        }
    }
}

#[tokio::test]
async fn the_home_page_says_what_is_wrong_first() {
    let served = Served::start(Sample::default()).await;
    let page = served.get("/").await.body;
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?} in {page}"));
    assert!(place("2 alerts firing, 1 pending") < place("WorkerStalled"));
    assert!(place("WorkerStalled") < place("QueueDepthHigh") && place("QueueDepthHigh") < place("UpdateSlow"));
    for text in [
        "for 12 min, since <time",
        "02:58:03 UTC",
        "rules: no evaluation yet",
        "probes[2].interval",
        "not processed",
        "214",
        "no run yet",
        "firing, as it should",
    ] {
        place(text);
    }
}

#[tokio::test]
async fn a_calm_daemon_says_that_no_alert_is_firing() {
    let served = Served::start(Sample { quiet: true, ready: true.into(), ..Sample::default() }).await;
    let page = served.get("/").await.body;
    assert!(page.contains(r#"<h1 class="headline calm">No alert is firing</h1>"#), "{page}");
}

#[tokio::test]
async fn a_runbook_stands_under_what_fires_now() {
    let served = Served::start(Sample::default()).await;
    let list = served.get("/runbooks/").await.body;
    assert!(list.contains(r#"<a href="/runbooks/WorkerStalled">"#), "{list}");
    let page = served.get("/runbooks/WorkerStalled").await.body;
    let alert = page.find("for 12 min").expect("the alert that fires");
    assert!(alert < page.find("<h1").expect("the runbook"), "{page}");
    assert!(!page.contains("What to do"), "no link to the page itself");
    assert_eq!(served.get("/runbooks/NoSuchAlert").await.code, 404);
}

#[tokio::test]
async fn names_from_outside_are_escaped() {
    let served = Served::start(Sample::default()).await;
    let answer = served.get("/probes/%3Cscript%3E/x").await;
    assert_eq!(answer.code, 404);
    assert!(!answer.body.contains("<script>"));
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let served = Served::start(Sample::default()).await;
    let answer = served.get("/-/ready").await;
    assert_eq!((answer.code, answer.body.as_str()), (503, "memsentry is not ready.\n- rules: no evaluation yet\n"));
    assert_eq!(served.get("/-/healthy").await.code, 200);
    served.view.ready.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(served.get("/-/ready").await.code, 200);
}

#[tokio::test]
async fn a_reload_answers_with_its_result_and_not_to_other_sites() {
    let served = Served::start(Sample::default()).await;
    assert_eq!(served.send("POST", "/-/reload", &[], "").await.code, 200);
    served.view.refuse_reload.store(true, std::sync::atomic::Ordering::SeqCst);
    let refused = served.send("POST", "/-/reload", &[], "").await;
    assert_eq!(refused.code, 500);
    assert!(refused.body.contains("memsentry.yaml:1:1: it is empty"), "{}", refused.body);
    let foreign = served.send("POST", "/-/reload", &[("origin", "http://evil.example")], "").await;
    assert_eq!(foreign.code, 403);
    assert_eq!(*served.view.reloads.lock().expect("not poisoned"), 2);
}

#[tokio::test]
async fn a_wrong_method_and_an_unknown_path_are_told_apart() {
    let served = Served::start(Sample::default()).await;
    let wrong = served.send("DELETE", "/alerts", &[], "").await;
    assert_eq!(wrong.code, 405);
    assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
    assert_eq!(served.get("/-/reload").await.code, 405);
    assert_eq!(served.get("/nowhere").await.code, 404);
    let api = served.get("/api/v1/nowhere").await;
    assert_eq!((api.code, api.json()["errorType"].as_str()), (404, Some("not_found")));
    assert!((served.requests("none", "404") - 2.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let served = Served::start(Sample::default()).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = served.send("POST", "/api/v1/query", &form, &"q".repeat(300 * 1024)).await;
    assert_eq!(answer.code, 400, "{}", answer.body);
}

fn short() -> Bounds {
    Bounds { head: StdDuration::from_millis(300), ..Bounds::default() }
}

#[tokio::test]
async fn a_client_that_sends_its_request_slowly_is_cut_off() {
    let served = Served::start_within(Sample::default(), short()).await;
    let mut slow = served.connect().await;
    let mut left = Vec::new();
    let dribble = async {
        // One byte at a time, for ever.
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ".iter().chain(std::iter::repeat(&b'a'));
        for byte in request {
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(StdDuration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(StdDuration::from_secs(10), dribble).await.expect("it is cut off");
    // Whatever it was told, the connection is over.
    let _ = slow.read_to_end(&mut left).await;
    served.wait_for_connections(0.0).await;
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_cut_off() {
    let served = Served::start_within(Sample::default(), short()).await;
    let mut silent = served.connect().await;
    let mut left = Vec::new();
    let read = tokio::time::timeout(StdDuration::from_secs(10), silent.read_to_end(&mut left));
    let _ = read.await.expect("it is cut off");
    served.wait_for_connections(0.0).await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_the_others_go_on() {
    let served = Served::start_within(Sample::default(), Bounds { connections: 2, ..Bounds::default() }).await;
    let (mut first, second) = (served.connect().await, served.connect().await);
    served.wait_for_connections(2.0).await;
    let mut third = served.connect().await;
    let mut said = String::new();
    third.read_to_string(&mut said).await.expect("an answer");
    assert!(said.starts_with("HTTP/1.1 503") && said.ends_with("\r\n\r\ntoo many connections\n"), "{said}");
    assert_eq!(Answer::over(&mut first, "GET", "/-/healthy", &[], "").await.code, 200);
    drop(second);
    served.wait_for_connections(1.0).await;
    assert_eq!(served.get("/-/healthy").await.code, 200);
}

#[tokio::test]
async fn after_the_end_no_one_is_served_and_the_idle_are_let_go() {
    let served = Served::start(Sample::default()).await;
    let mut idle = served.connect().await;
    assert_eq!(Answer::over(&mut idle, "GET", "/-/healthy", &[], "").await.code, 200);
    let started = crate::model::Stopwatch::start();
    let address = served.address;
    served.end().await;
    assert!(started.elapsed() < StdDuration::from_secs(2), "{:?}", started.elapsed());
    let mut left = Vec::new();
    let _ = idle.read_to_end(&mut left).await;
    assert!(left.is_empty());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_at_the_start() {
    let served = Served::start(Sample::default()).await;
    let taken = Settings { listen: served.address.to_string(), ..Settings::default() };
    let error = Web::bind(&taken).await.err().expect("it is taken").to_string();
    assert!(error.starts_with(&format!("web.listen: cannot listen on {}: ", served.address)), "{error}");
    let nowhere = Settings { listen: "here".into(), ..Settings::default() };
    assert!(Web::bind(&nowhere).await.is_err());
}

/// For looking at the pages in a browser: `cargo test --lib web::tests::stay -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "stays until it is stopped"]
async fn stay_for_a_look() {
    let served = Served::start(Sample::default()).await;
    let calm = Served::start(Sample { quiet: true, ready: true.into(), ..Sample::default() }).await;
    println!("http://{} http://{} at {}", served.address, calm.address, NOW);
    std::future::pending::<()>().await;
}
