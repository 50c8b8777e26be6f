//! Against a real HTTP server: what is posted, and what each answer means.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Response as AxumResponse};
use axum::routing::post;

use super::super::super::evidence::Evidence;
use super::super::super::message::{Notification, Told};
use super::super::super::reason::Reason;
use super::*;
use crate::model::{Alert, Labels, Timestamp};
use crate::runbooks::Runbooks;

/// What a server saw.
type Seen = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A server that answers as told.
pub(super) async fn server(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> (String, Seen) {
    let seen = Seen::default();
    let handler = move |State(seen): State<Seen>, request_headers: HeaderMap, text: String| async move {
        seen.lock().expect("unpoisoned").push((request_headers, text));
        if status == 0 {
            std::future::pending::<()>().await;
        }
        let response = AxumResponse::builder().status(status);
        let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
        response.body(axum::body::Body::from(body)).expect("a response")
    };
    let app = Router::new().route("/{*path}", post(handler)).with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[allow(clippy::disallowed_methods)]
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/hook?token=t0psecret"), seen)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time")
}

fn told(target: &str, ended: Option<Timestamp>) -> Told {
    let alert = Alert {
        labels: Labels::from_pairs([("alertname", "QueueDepthHigh"), ("severity", "warning"), ("target", target)]),
        annotations: BTreeMap::from([("summary".into(), "too much".into()), ("for".into(), target.into())]),
        starts_at: at("2026-11-23T02:14:00Z"),
        ends_at: ended,
        valid_until: at("2026-11-23T03:00:00Z"),
        generator_url: "http://m/graph".into(),
        value: 142.0,
        resolved_value: None,
    };
    Told::new(&alert, ended)
}

fn notification() -> Notification {
    let alerts = vec![told("main", None), told("spare", Some(at("2026-11-23T02:20:00Z")))];
    Notification {
        receiver: "oncall".into(),
        group_key: "{}:{alertname=\"QueueDepthHigh\"}".into(),
        thread: "00ff".into(),
        reason: Reason::SomeResolved,
        decided_at: at("2026-11-23T02:21:00Z"),
        group_labels: Labels::from_pairs([("alertname", "QueueDepthHigh")]),
        common_labels: super::super::super::message::common_labels(&alerts),
        common_annotations: super::super::super::message::common_annotations(&alerts),
        external_url: "http://m".into(),
        runbook: Some("QueueDepthHigh".into()),
        alerts,
        truncated_alerts: 0,
        collapsed: None,
    }
}

fn webhook(yaml: &str) -> Webhook {
    Webhook::build(&serde_yaml::from_str(yaml).expect("valid YAML")).expect("built")
}

async fn deliver(webhook: &Webhook) -> Result<(), Failure> {
    let (notification, runbooks) =
        (notification(), Runbooks::from_iter([("QueueDepthHigh", "# QueueDepthHigh\n\nX.\n")]));
    let at = at("2015-10-21T07:27:30Z");
    webhook
        .deliver(&Attempt {
            key: "k1",
            notification: &notification,
            evidence: &Evidence::default(),
            runbooks: &runbooks,
            at,
        })
        .await
}

#[tokio::test]
async fn the_body_is_alertmanagers_version_4_with_the_runbook_beside_it() {
    let (url, seen) = server(200, &[], "").await;
    deliver(&webhook(&format!("{{url: '{url}', http_config: {{basic_auth: {{username: u, password: pw}}}}}}")))
        .await
        .expect("delivered");
    let seen = seen.lock().expect("unpoisoned");
    let (headers, body) = &seen[0];
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], "k1");
    assert_eq!(headers["authorization"], "Basic dTpwdw==");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let alert = |status, target, fingerprint, ends| {
        serde_json::json!({
            "status": status,
            "labels": {"alertname": "QueueDepthHigh", "severity": "warning", "target": target},
            "annotations": {"for": target, "summary": "too much"},
            "startsAt": "2026-11-23T02:14:00.000Z",
            "endsAt": ends,
            "generatorURL": "http://m/graph",
            "fingerprint": fingerprint,
        })
    };
    let prints = notification().alerts.iter().map(|alert| alert.fingerprint.clone()).collect::<Vec<_>>();
    assert_eq!(
        body,
        serde_json::json!({
            "receiver": "oncall",
            "status": "firing",
            "alerts": [
                alert("firing", "main", &prints[0], "0001-01-01T00:00:00Z"),
                alert("resolved", "spare", &prints[1], "2026-11-23T02:20:00.000Z"),
            ],
            "groupLabels": {"alertname": "QueueDepthHigh"},
            "commonLabels": {"alertname": "QueueDepthHigh", "severity": "warning"},
            "commonAnnotations": {"summary": "too much"},
            "externalURL": "http://m",
            "notification_reason": "some alerts resolved",
            "routeLabels": {},
            "version": "4",
            "groupKey": "{}:{alertname=\"QueueDepthHigh\"}",
            "truncatedAlerts": 0,
            "runbook": {"name": "QueueDepthHigh", "url": "", "markdown": "# QueueDepthHigh\n\nX.\n"},
        })
    );
}

#[tokio::test]
async fn more_alerts_than_wanted_are_counted() {
    let (url, seen) = server(200, &[], "").await;
    deliver(&webhook(&format!("{{url: '{url}', max_alerts: 1}}"))).await.expect("delivered");
    let body: serde_json::Value = serde_json::from_str(&seen.lock().expect("unpoisoned")[0].1).expect("JSON");
    assert_eq!((body["alerts"].as_array().map(Vec::len), &body["truncatedAlerts"]), (Some(1), &serde_json::json!(1)));
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    use FailureReason::{AuthError, ClientError, RateLimited, ServerError};
    let after = |seconds| Retry::After(StdDuration::from_secs(seconds));
    for (status, headers, reason, retry) in [
        (503, &[][..], ServerError, Retry::Later),
        (503, &[("retry-after", "7")][..], ServerError, after(7)),
        (429, &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")][..], RateLimited, after(30)),
        (429, &[][..], RateLimited, Retry::Later),
        (408, &[][..], ClientError, Retry::Later),
        (400, &[("retry-after", "7")][..], ClientError, Retry::Never),
        (401, &[][..], AuthError, Retry::Never),
        (404, &[][..], ClientError, Retry::Never),
    ] {
        let (url, _) = server(status, headers, "no: token t0psecret was in /hook").await;
        let failure = deliver(&webhook(&format!("url: '{url}'"))).await.expect_err("refused");
        assert_eq!((failure.reason, failure.retry), (reason, retry), "{status} {headers:?}");
        assert!(
            failure.message.starts_with(&status.to_string()) && !failure.message.contains("t0psecret"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_told_without_secrets() {
    let (url, seen) = server(307, &[("location", "http://elsewhere/x?token=t1")], "").await;
    let failure = deliver(&webhook(&format!("url: '{url}'"))).await.expect_err("refused");
    assert_eq!(failure.retry, Retry::Never);
    assert_eq!(
        failure.message,
        "307 Temporary Redirect: redirects are not followed, this one leads to http://elsewhere/x?token=[redacted]"
    );
    assert_eq!(seen.lock().expect("unpoisoned").len(), 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_or_is_not_there_is_tried_again() {
    let (url, _) = server(0, &[], "").await;
    let failure = deliver(&webhook(&format!("{{url: '{url}', timeout: 50ms}}"))).await.expect_err("no answer");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Timeout, Retry::Later));
    assert_eq!(failure.message, "no answer within 50ms");

    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let failure = deliver(&webhook(&format!("url: 'http://{free}/hook?token=t0psecret'"))).await.expect_err("nobody");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Other, Retry::Later));
    assert!(failure.message.contains("Connection refused") && !failure.message.contains("t0psecret"), "{failure}");
}

#[tokio::test]
async fn a_refusal_is_shown_without_our_secrets_and_in_bounded_length() {
    let (url, _) = server(400, &[], "bad \n token pa55word in the body").await;
    let yaml = format!("{{url: '{url}', http_config: {{authorization: {{credentials: pa55word}}}}}}");
    let failure = deliver(&webhook(&yaml)).await.expect_err("refused");
    assert_eq!(failure.message, "400 Bad Request: bad token [redacted] in the body");
}

/// A TLS server for `localhost` with a certificate of its own authority, whose file is answered beside its URL.
async fn tls_server(dir: &std::path::Path) -> (String, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    parameters.is_ca = rcgen::IsCa::NoCa;
    let root_key = rcgen::KeyPair::generate().expect("a key");
    let mut root = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).expect("signed").pem();
    let leaf = parameters.signed_by(&key, &rcgen::Issuer::new(root, root_key)).expect("signed");
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private.into())
        .expect("a certificate");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    #[allow(clippy::disallowed_methods)]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0; 16384]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    let path = dir.join("ca.pem");
    std::fs::write(&path, root_pem).expect("written");
    (format!("https://localhost:{port}/"), path.display().to_string())
}

#[tokio::test]
async fn only_who_is_trusted_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let (url, ca) = tls_server(dir.path()).await;
    deliver(&webhook(&format!("{{url: '{url}', http_config: {{tls_config: {{ca_file: '{ca}'}}}}}}")))
        .await
        .expect("told");
    let failure = deliver(&webhook(&format!("url: '{url}'"))).await.expect_err("not trusted");
    assert_eq!(failure.retry, Retry::Later);
    assert!(failure.message.contains("certificate"), "{failure}");

    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").expect("written");
    let yaml = format!("{{url: '{url}', http_config: {{tls_config: {{ca_file: '{}'}}}}}}", empty.display());
    let problem = Webhook::build(&serde_yaml::from_str(&yaml).expect("valid YAML")).err().expect("a problem");
    assert_eq!(problem.path, "http_config.tls_config.ca_file");
}
