//! Against a real HTTP server: what is posted, and what each answer means.

use std::time::Duration as StdDuration;

use super::super::Retry;
use super::super::fixture::{self, build, nobody, notification, server};
use super::*;

fn webhook(yaml: &str) -> Webhook {
    build(yaml)
}

async fn deliver(webhook: &Webhook) -> Result<(), Failure> {
    fixture::deliver(webhook, &notification()).await
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
            "annotations": {"for": target, "summary": "too <much>"},
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
            "commonAnnotations": {"summary": "too <much>"},
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
        "307 Temporary Redirect: this redirect is not followed, it leads to http://elsewhere/x?token=[redacted]"
    );
    assert_eq!(seen.lock().expect("unpoisoned").len(), 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_or_is_not_there_is_tried_again() {
    let (url, _) = server(0, &[], "").await;
    let failure = deliver(&webhook(&format!("{{url: '{url}', timeout: 50ms}}"))).await.expect_err("no answer");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Timeout, Retry::Later));
    assert_eq!(failure.message, "no answer within 50ms");

    let failure = deliver(&webhook(&format!("url: '{}'", nobody()))).await.expect_err("nobody");
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

#[tokio::test]
async fn a_body_of_the_users_own_is_posted_with_its_templates_filled_in() {
    let (url, seen) = server(200, &[], "").await;
    let payload = "{text: '{{ .CommonLabels.alertname }} is {{ .Status }}', n: 1, labels: '{{ .CommonLabels | toJson }}', \
                   firing: '{{ .Alerts.Firing | len }}', each: ['{{ range .Alerts }}{{ .Labels.target }} {{ end }}', true]}";
    deliver(&webhook(&format!("{{url: '{url}', payload: {payload}}}"))).await.expect("delivered");
    assert_eq!(
        fixture::bodies(&seen)[0],
        serde_json::json!({
            "text": "QueueDepthHigh is firing",
            "n": 1,
            "labels": {"alertname": "QueueDepthHigh", "severity": "warning"},
            "firing": 1,
            "each": ["main spare ", true],
        })
    );
    deliver(&webhook(&format!("{{url: '{url}', payload: '{{{{ .Status }}}}!'}}"))).await.expect("delivered");
    let seen = seen.lock().expect("unpoisoned");
    let (headers, body) = &seen[1];
    assert_eq!(
        (body.as_str(), &headers["content-type"]),
        ("firing!", &"text/plain; charset=utf-8".parse().expect("a value"))
    );
}

#[tokio::test]
async fn a_template_that_fails_only_now_leaves_its_error_in_its_place() {
    let (url, seen) = server(200, &[], "").await;
    let payload = "{good: '{{ .Status }}', bad: '{{ slice .Receiver 0 6 | len }}{{ if eq .Receiver \"oncall\" }}{{ .Status.x }}{{ end }}'}";
    deliver(&webhook(&format!("{{url: '{url}', payload: {payload}}}"))).await.expect("delivered");
    let body = &fixture::bodies(&seen)[0];
    assert_eq!(body["good"], "firing");
    assert!(body["bad"].as_str().is_some_and(|text| text.starts_with("<error expanding template: ")), "{body}");
}

#[test]
fn a_template_that_cannot_work_is_a_mistake_with_its_place() {
    let problems = fixture::problems::<Webhook>("{url: 'http://a', payload: {a: [x, '{{ .Nothing }}']}}");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("payload.a[1]: the template fails on a sample message: "), "{problems:?}");
    let wrong = serde_yaml::from_str::<Settings>("{url: 'http://a', payload: {a: '{{ nofunction }}'}}").err();
    let wrong = wrong.expect("refused").to_string();
    assert!(wrong.contains("a: the template has a mistake at 1:4") && wrong.contains("nofunction"), "{wrong}");
}
