//! What the client does with a service that behaves, misbehaves, is slow, or is not there.

pub(crate) mod fixture;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::metrics::{Registry, write_text};
use crate::model::{Clock, Duration, Secret, Timestamp};

use super::{Authorization, CallError, Client, FailureReason, Login, RawRequest, Route, Settings, Trigger};
use fixture::{Fixture, Reply, Seen, raw};

const MEMORY: &str =
    r#"{"chat_id":"c1","user_confirmed":{},"llm_inferred":{},"general_summary":"","last_updated":null}"#;

fn settings(url: &str) -> Settings {
    Settings {
        login: Some(Login { email: "me@example.org".into(), password: Secret::new("correct horse".into()) }),
        timeout: Duration::from_secs(5),
        ..Settings::new(url)
    }
}

fn client_with(settings: &Settings) -> (Client, Registry) {
    let registry = Registry::new();
    let client = Client::new("main", settings, &registry, Clock::manual(Timestamp::from_seconds(1.7e9))).unwrap();
    (client, registry)
}

fn client(url: &str) -> Client {
    client_with(&settings(url)).0
}

/// Answers logins with token-1, token-2 and so on, and everything else by `rest`.
fn service(rest: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let logins = AtomicUsize::new(0);
    move |seen| match seen.route.as_str() {
        "POST /auth/login" => {
            let token = format!("token-{}", logins.fetch_add(1, Ordering::SeqCst) + 1);
            Reply::ok(json!({"access_token": token, "token_type": "bearer", "user": {}}))
        }
        _ => rest(seen),
    }
}

fn reason<T: std::fmt::Debug>(result: Result<T, CallError>) -> FailureReason {
    result.unwrap_err().reason()
}

#[tokio::test]
async fn a_kept_connection_is_used_again_and_costs_no_connecting() {
    let fixture = Fixture::start(service(|_| Reply::ok(MEMORY))).await;
    let client = client(&fixture.url);
    let first = client.memory("c1").await.unwrap();
    let second = client.memory("c1").await.unwrap();
    assert_eq!(fixture.connections.load(Ordering::SeqCst), 1);
    assert_eq!(first.record.timings.dns, None, "an address needs no DNS");
    assert_eq!(second.record.timings.connect, None);
    assert!(second.record.timings.first_byte.is_some() && second.record.timings.transfer.is_some());
    assert!(second.record.timings.total >= second.record.timings.first_byte.unwrap());
}

#[tokio::test]
async fn concurrent_requests_do_not_wait_for_each_other() {
    let fixture = Fixture::start(service(|_| Reply::ok(MEMORY))).await;
    let client = client(&fixture.url);
    client.ensure_login().await.unwrap();
    let (a, b, c) = tokio::join!(client.memory("a"), client.memory("b"), client.memory("c"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(fixture.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_read_on_a_connection_that_died_is_sent_once_more() {
    let fixture = Fixture::start(service(|seen| match seen.on_connection {
        2 => Reply::Hang,
        _ => Reply::ok(MEMORY),
    }))
    .await;
    let (client, registry) = client_with(&settings(&fixture.url));
    client.memory("c1").await.unwrap();
    let answer = client.memory("c1").await.unwrap();
    assert!(answer.record.timings.connect.is_some(), "the second attempt went over a new connection");
    assert_eq!(fixture.connections.load(Ordering::SeqCst), 2);
    let text = write_text(&registry.gather());
    assert!(text.contains("chat_memory_requests_total{route=\"memory\",target=\"main\"} 2"), "{text}");
}

#[tokio::test]
async fn an_update_on_a_connection_that_died_is_not_sent_twice() {
    let fixture = Fixture::start(service(|seen| match seen.on_connection {
        2 => Reply::Hang,
        _ => Reply::ok(MEMORY),
    }))
    .await;
    let client = client(&fixture.url);
    client.memory("c1").await.unwrap();
    assert_eq!(reason(client.update("c1", "x", Trigger::Test).await), FailureReason::Connect);
    assert_eq!(fixture.count("POST /api/v1/memory/update"), 1);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_a_timeout() {
    let fixture = Fixture::start(|_: &Seen| Reply::Stall).await;
    let settings = Settings { timeout: Duration::from_millis(100), ..settings(&fixture.url) };
    let (client, registry) = client_with(&settings);
    let error = client.health().await.unwrap_err();
    assert_eq!(error.reason(), FailureReason::Timeout);
    assert_eq!(error.to_string(), "GET /health: no answer within 100ms");
    let text = write_text(&registry.gather());
    assert!(text.contains("request_duration_seconds_count{route=\"health\",target=\"main\"} 1"), "{text}");
}

#[tokio::test]
async fn a_body_that_does_not_end_is_a_timeout() {
    let url = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":").await;
    let settings = Settings { timeout: Duration::from_millis(100), ..settings(&url) };
    let error = client_with(&settings).0.health().await.unwrap_err();
    assert_eq!((error.reason(), error.status()), (FailureReason::Timeout, Some(200)));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_malformed() {
    let fixture = Fixture::start(|_: &Seen| Reply::ok("x".repeat(2 * 1024 * 1024))).await;
    assert_eq!(reason(client(&fixture.url).health().await), FailureReason::Malformed);
}

#[tokio::test]
async fn what_is_not_http_or_not_the_contract_is_malformed() {
    let url = raw(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    assert_eq!(reason(client(&url).health().await), FailureReason::Malformed);
    for body in ["<html>", "{}", "[1]", "{\"status\": 7}"] {
        let fixture = Fixture::start(move |_: &Seen| Reply::ok(body)).await;
        assert_eq!(reason(client(&fixture.url).health().await), FailureReason::Malformed, "{body}");
    }
    let fixture = Fixture::start(|_: &Seen| Reply::Status(302, String::new())).await;
    assert_eq!(reason(client(&fixture.url).health().await), FailureReason::Malformed);
}

#[tokio::test]
async fn nobody_listening_is_a_connect_failure_and_an_unknown_name_a_dns_failure() {
    assert_eq!(reason(client("http://127.0.0.1:1").health().await), FailureReason::Connect);
    assert_eq!(reason(client("http://no-such-host.invalid").health().await), FailureReason::Dns);
}

#[tokio::test]
async fn statuses_become_reasons() {
    for (status, expected) in [
        (404, FailureReason::Http4xx),
        (422, FailureReason::Http4xx),
        (500, FailureReason::Http5xx),
        (503, FailureReason::Http5xx),
        (429, FailureReason::RateLimited),
    ] {
        let fixture = Fixture::start(service(move |_| Reply::Status(status, r#"{"detail":"no"}"#.into()))).await;
        let error = client(&fixture.url).memory("c1").await.unwrap_err();
        assert_eq!((error.reason(), error.status()), (expected, Some(status)));
        assert_eq!(error.record().unwrap().body_excerpt, r#"{"detail":"no"}"#);
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_for_everybody() {
    let fixture = Fixture::start(service(|seen| match seen.header("authorization") {
        "Bearer token-2" => Reply::ok(MEMORY),
        _ => Reply::Status(401, "{}".into()),
    }))
    .await;
    let (client, registry) = client_with(&settings(&fixture.url));
    client.ensure_login().await.unwrap();
    let (a, b, c) = tokio::join!(client.memory("a"), client.memory("b"), client.memory("c"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(fixture.count("POST /auth/login"), 2);
    let text = write_text(&registry.gather());
    let failures = "chat_memory_request_failures_total{reason=\"unauthorized\",route=\"memory\",target=\"main\"} 0";
    assert!(text.contains(failures), "{text}");
}

#[tokio::test]
async fn a_service_that_answers_401_to_everything_is_not_hammered_with_logins() {
    let fixture = Fixture::start(service(|_| Reply::Status(401, "{}".into()))).await;
    let client = client(&fixture.url);
    for _ in 0..20 {
        assert_eq!(reason(client.memory("c1").await), FailureReason::Unauthorized);
    }
    assert_eq!(fixture.count("POST /auth/login"), 2);
}

#[tokio::test]
async fn refused_credentials_are_not_tried_again_at_once() {
    let fixture = Fixture::start(|_: &Seen| Reply::Status(401, r#"{"detail":"bad credentials"}"#.into())).await;
    let client = client(&fixture.url);
    for _ in 0..5 {
        assert_eq!(reason(client.memory("c1").await), FailureReason::Unauthorized);
    }
    assert_eq!(fixture.count("POST /auth/login"), 1);
    assert_eq!(
        client.memory("c1").await.unwrap_err().to_string(),
        "not logged in, and not trying again yet: POST /auth/login answered 401: {\"detail\":\"bad credentials\"}"
    );
}

#[tokio::test]
async fn a_login_that_fails_for_other_reasons_is_tried_by_the_next_call() {
    let fixture = Fixture::start(|_: &Seen| Reply::Status(500, String::new())).await;
    let client = client(&fixture.url);
    assert_eq!(reason(client.memory("c1").await), FailureReason::Http5xx);
    assert_eq!(reason(client.memory("c1").await), FailureReason::Http5xx);
    assert_eq!(fixture.count("POST /auth/login"), 2);
}

#[tokio::test]
async fn after_a_429_nothing_is_sent_for_a_while() {
    let fixture =
        Fixture::start(service(|_| Reply::With(429, vec![("retry-after", "30".into())], String::new()))).await;
    let (client, registry) = client_with(&settings(&fixture.url));
    let error = client.memory("c1").await.unwrap_err();
    assert!(matches!(error, CallError::Failed(_)) && error.reason() == FailureReason::RateLimited);
    let error = client.memory("c1").await.unwrap_err();
    assert!(matches!(error, CallError::BudgetExhausted { retry_in } if retry_in <= Duration::from_secs(30)));
    assert_eq!(fixture.count("GET /api/v1/memory/"), 1);
    let text = write_text(&registry.gather());
    assert!(
        text.contains("request_failures_total{reason=\"rate_limited\",route=\"memory\",target=\"main\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn the_own_budget_is_kept_but_health_is_free() {
    let fixture = Fixture::start(service(|seen| match seen.route.as_str() {
        "GET /health" => Reply::ok(r#"{"status":"healthy"}"#),
        _ => Reply::ok(MEMORY),
    }))
    .await;
    let client = client_with(&Settings { requests_per_minute: 3, ..settings(&fixture.url) }).0;
    client.memory("c1").await.unwrap();
    client.memory("c1").await.unwrap();
    assert!(matches!(client.memory("c1").await, Err(CallError::BudgetExhausted { .. })), "the login counts too");
    client.health().await.unwrap();
}

#[tokio::test]
async fn every_request_can_be_found_in_the_services_log() {
    let fixture =
        Fixture::start(service(|_| Reply::With(200, vec![("x-request-id", "srv-1".into())], MEMORY.into()))).await;
    let record = client(&fixture.url).memory("c1").await.unwrap().record;
    for seen in fixture.seen() {
        let (id, trace) = (seen.header("x-request-id"), seen.header("traceparent"));
        assert_eq!(trace.split('-').nth(1).unwrap(), id.replace('-', ""), "one id for both");
        assert_eq!(trace.split('-').map(str::len).collect::<Vec<_>>(), [2, 32, 16, 2]);
    }
    assert_eq!(fixture.seen()[1].header("x-request-id"), record.request_id);
    assert_eq!(record.service_request_id.as_deref(), Some("srv-1"));
}

#[tokio::test]
async fn a_private_certificate_needs_its_ca_file() {
    let (fixture, pem) = Fixture::start_tls(|_: &Seen| Reply::ok(r#"{"status":"healthy"}"#)).await;
    assert_eq!(reason(client(&fixture.url).health().await), FailureReason::Tls);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let trusting = Settings { ca_file: Some(file.path().to_owned()), ..settings(&fixture.url) };
    let answer = client_with(&trusting).0.health().await.unwrap();
    assert!(answer.record.timings.tls.is_some() && answer.record.timings.dns.is_some());
}

#[tokio::test]
async fn a_ca_file_without_a_certificate_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let settings = Settings { ca_file: Some(file.path().to_owned()), ..settings("https://localhost") };
    let problem = Client::new("main", &settings, &Registry::new(), Clock::system()).err().unwrap();
    assert_eq!(problem.path, "ca_file");
}

#[tokio::test]
async fn no_record_message_or_metric_holds_a_secret() {
    let fixture = Fixture::start(|seen: &Seen| match seen.route.as_str() {
        "POST /auth/login" => Reply::ok(r#"{"access_token":"opaque-secret-token"}"#),
        // The worst that can happen: the service repeats what it was sent.
        _ => Reply::Status(500, format!("{:?} {} correct horse", seen.headers, seen.body)),
    })
    .await;
    let (client, registry) = client_with(&settings(&fixture.url));
    let login = client.ensure_login().await.unwrap().unwrap();
    let error = client.update("c1", "x", Trigger::Test).await.unwrap_err();
    let shown = format!("{login:?} {error:?} {error} {}", write_text(&registry.gather()));
    assert!(shown.contains("[redacted]"), "{shown}");
    assert!(!shown.contains("opaque-secret-token") && !shown.contains("correct horse"), "{shown}");
}

#[tokio::test]
async fn what_is_left_of_the_rate_limit_is_shown_once_known() {
    let fixture =
        Fixture::start(service(|_| Reply::With(200, vec![("x-ratelimit-remaining", "87".into())], MEMORY.into())))
            .await;
    let (client, registry) = client_with(&settings(&fixture.url));
    assert!(!write_text(&registry.gather()).contains("chat_memory_rate_limit_remaining"));
    client.memory("c1").await.unwrap();
    assert!(write_text(&registry.gather()).contains("chat_memory_rate_limit_remaining{target=\"main\"} 87"));
    super::metrics::withdraw(&registry, &["main"]);
    assert_ne!(write_text(&registry.gather()), "");
    super::metrics::withdraw(&registry, &["other"]);
    assert_eq!(write_text(&registry.gather()), "");
}

#[tokio::test]
async fn a_raw_request_is_sent_as_it_is_and_answered_with_whatever_came() {
    let fixture = Fixture::start(service(|seen| match seen.header("authorization") {
        "" => Reply::Status(401, "nobody".into()),
        "Bearer forged" => Reply::Status(418, "who?".into()),
        _ => Reply::ok("[1"),
    }))
    .await;
    let (client, registry) = client_with(&settings(&fixture.url));
    let twice = http::HeaderName::from_static("x-twice");
    let request = RawRequest {
        method: http::Method::PUT,
        content_type: None,
        headers: vec![(twice.clone(), "a".parse().unwrap()), (twice, "b".parse().unwrap())],
        ..RawRequest::post(Route::MemoryUpdate, &b"\xff{"[..])
    };
    let answer = client.raw(&request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref(), answer.record.method), (200, &b"[1"[..], "PUT"));
    let seen = fixture.seen().pop().unwrap();
    assert_eq!((seen.route.as_str(), seen.header("content-type")), ("PUT /api/v1/memory/update", ""));
    assert_eq!((seen.headers.get_all("x-twice").iter().count(), seen.header("authorization")), (2, "Bearer token-1"));
    let as_nobody = client.raw(&RawRequest::memory("a/b").by(Authorization::Missing)).await.unwrap();
    assert_eq!((as_nobody.status, as_nobody.record.path.as_str()), (401, "/api/v1/memory/a%2Fb"));
    let forged = Authorization::bearer("forged").unwrap();
    assert_eq!(client.raw(&RawRequest::memory("c").by(forged)).await.unwrap().status, 418);
    assert_eq!(fixture.count("POST /auth/login"), 1, "nobody's 401 is no reason to log in");
    assert!(!write_text(&registry.gather()).contains("http_4xx\",route=\"memory\",target=\"main\"} 1"));
}
