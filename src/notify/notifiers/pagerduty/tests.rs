//! Against a server that answers as PagerDuty does.

use super::super::fixture::{self, bodies, build, deliver, nobody, notification, over, server};
use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn duty(url: &str, more: &str) -> PagerDuty {
    build(&format!("{{routing_key: {KEY}, url: '{url}'{more}}}"))
}

#[tokio::test]
async fn the_end_resolves_what_the_beginning_triggered() {
    let (url, seen) =
        server(202, &[], r#"{"status": "success", "message": "Event processed", "dedup_key": "x"}"#).await;
    let duty = duty(&url, "");
    deliver(&duty, &notification()).await.expect("taken");
    deliver(&duty, &over()).await.expect("taken");
    let [trigger, resolve] = <[Json; 2]>::try_from(bodies(&seen)).expect("two events");
    assert_eq!((&trigger["event_action"], &resolve["event_action"]), (&json!("trigger"), &json!("resolve")));
    assert_eq!((&trigger["routing_key"], &trigger["dedup_key"]), (&json!(KEY), &resolve["dedup_key"]));
    assert_eq!(trigger["dedup_key"], dedup_key("{}:{alertname=\"QueueDepthHigh\"}"));
    assert_eq!(trigger["dedup_key"].as_str().map(str::len), Some(64));
    let payload = &trigger["payload"];
    assert_eq!((&payload["severity"], &payload["source"]), (&json!("warning"), &json!("main")));
    assert_eq!(payload["timestamp"], "2026-11-23T02:14:00.000Z");
    assert!(payload["summary"].as_str().is_some_and(|text| text.starts_with("[WARNING] main: QueueDepthHigh")));
    let details = &payload["custom_details"];
    assert_eq!((&details["num_firing"], &details["num_resolved"]), (&json!("1"), &json!("1")));
    assert_eq!((&trigger["client"], &trigger["client_url"]), (&json!("memsentry"), &json!("http://m")));
}

#[tokio::test]
async fn texts_details_links_and_images_are_the_users() {
    let (url, seen) = server(202, &[], "").await;
    let more = ", severity: '{{ .CommonLabels.severity }}x', class: deep, component: '', \
                details: {labels: '{{ .CommonLabels | toJson }}', firing: gone}, \
                links: [{href: '{{ .ExternalURL }}/x', text: X}], images: [{src: 'https://i', alt: chart}, {src: ''}]";
    deliver(&duty(&url, more), &notification()).await.expect("taken");
    let event = &bodies(&seen)[0];
    let payload = &event["payload"];
    assert_eq!((&payload["severity"], &payload["class"]), (&json!("error"), &json!("deep")));
    assert!(payload.get("component").is_none());
    assert_eq!(payload["custom_details"]["labels"]["alertname"], "QueueDepthHigh");
    assert_eq!(payload["custom_details"]["firing"], "gone");
    assert_eq!(event["links"], json!([{"href": "http://m/x", "text": "X"}]));
    assert_eq!(event["images"], json!([{"src": "https://i", "alt": "chart"}]));
}

#[tokio::test]
async fn an_event_that_is_too_large_loses_its_details_and_nothing_else() {
    let (url, seen) = server(202, &[], "").await;
    let details: Vec<String> = (0..9).map(|number| format!("d{number}: {}", "x".repeat(60_000))).collect();
    let duty = duty(&url, &format!(", details: {{{}}}", details.join(", ")));
    deliver(&duty, &notification()).await.expect("taken");
    let event = &bodies(&seen)[0];
    assert_eq!(event["payload"]["custom_details"].as_object().map(Map::len), Some(1));
    assert!(event["payload"]["custom_details"]["error"].as_str().is_some_and(|text| text.contains("512.0 KB")));
    assert_eq!(event["event_action"], "trigger");
}

#[tokio::test]
async fn every_answer_has_its_meaning_and_none_shows_the_key() {
    use FailureReason::{ClientError, RateLimited, ServerError};
    let bad = r#"{"status": "invalid event", "message": "0123456789abcdef0123456789abcdef", "errors": ["x"]}"#;
    for (status, headers, body, reason, retry) in [
        (400, &[][..], bad, ClientError, Retry::Never),
        (404, &[][..], "", ClientError, Retry::Never),
        (429, &[][..], "", RateLimited, Retry::After(REST)),
        (429, &[("retry-after", "7")][..], "", RateLimited, Retry::After(StdDuration::from_secs(7))),
        (500, &[][..], "", ServerError, Retry::Later),
        (503, &[][..], "", ServerError, Retry::Later),
    ] {
        let (url, _) = server(status, headers, body).await;
        let failure = deliver(&duty(&url, ""), &notification()).await.expect_err("not taken");
        assert_eq!((failure.reason, failure.retry), (reason, retry), "{status}");
        assert!(!failure.message.contains(KEY), "{failure}");
    }
    let (url, _) = server(0, &[], "").await;
    let failure = deliver(&duty(&url, ", timeout: 50ms"), &notification()).await.expect_err("no answer");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Timeout, Retry::Later));
    let failure = deliver(&duty(&nobody(), ""), &notification()).await.expect_err("nobody");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Other, Retry::Later));
}

#[test]
fn a_key_of_the_wrong_length_is_a_mistake_and_not_shown() {
    let problems = fixture::problems::<PagerDuty>("routing_key: sh0rt");
    assert!(
        problems[0].starts_with("routing_key: an integration key has 32 characters, this one has 5"),
        "{problems:?}"
    );
    let settings: Settings = serde_yaml::from_str(&format!("routing_key: {KEY}")).expect("valid YAML");
    assert!(settings.send_resolved && !format!("{settings:?}").contains(KEY));
}
