//! Against servers that take alerts as Alertmanager does.

use super::super::FailureReason;
use super::super::fixture::{self, bodies, build, deliver, nobody, notification, over, server};
use super::*;

fn base(url: &str) -> &str {
    url.split("/hook").next().unwrap_or(url)
}

fn cluster(urls: &[&str], more: &str) -> Alertmanager {
    let urls: Vec<String> = urls.iter().map(|url| format!("'{}/prefix/'", base(url))).collect();
    build(&format!("{{urls: [{}]{more}}}", urls.join(", ")))
}

fn labels(alerts: &serde_json::Value) -> Vec<&str> {
    alerts.as_array().into_iter().flatten().filter_map(|alert| alert["labels"]["target"].as_str()).collect()
}

#[tokio::test]
async fn every_member_is_told_what_fires_until_when_and_what_is_over() {
    let ((one, first), (two, second)) = (server(200, &[], "").await, server(200, &[], "").await);
    let cluster = cluster(&[&one, &two], ", external_labels: {cluster: eu, severity: none}");
    deliver(&cluster, &notification()).await.expect("taken");
    assert_eq!(bodies(&first), bodies(&second));
    let alerts = &bodies(&first)[0];
    assert_eq!(labels(alerts), ["main", "spare"]);
    assert_eq!(
        alerts[0],
        serde_json::json!({
            "labels": {"alertname": "QueueDepthHigh", "severity": "warning", "target": "main", "cluster": "eu"},
            "annotations": {"for": "main", "summary": "too <much>"},
            "startsAt": "2026-11-23T02:14:00.000Z",
            // Four refreshes after the attempt.
            "endsAt": "2015-10-21T07:31:30.000Z",
            "generatorURL": "http://m/graph",
        })
    );
    assert_eq!(alerts[1]["endsAt"], "2026-11-23T02:20:00.000Z");
}

#[tokio::test]
async fn one_member_is_enough_and_the_other_learns_of_it_with_the_next_refresh() {
    let (one, seen) = server(200, &[], "").await;
    let away = nobody();
    deliver(&cluster(&[&away, &one], ""), &notification()).await.expect("one took it");
    assert_eq!(bodies(&seen).len(), 1);

    let (down, _) = server(503, &[], "").await;
    let failure = deliver(&cluster(&[&away, &down], ""), &notification()).await.expect_err("nobody took it");
    assert_eq!(failure.retry, Retry::Later);
    assert!(failure.message.contains("Connection refused") && failure.message.contains("503"), "{failure}");
    let (picky, _) = server(400, &[], "bad alert").await;
    let failure = deliver(&cluster(&[&picky], ""), &notification()).await.expect_err("refused");
    assert_eq!((failure.reason, failure.retry), (FailureReason::ClientError, Retry::Never));
    let (slow, _) = server(0, &[], "").await;
    let failure = deliver(&cluster(&[&slow], ", timeout: 50ms"), &notification()).await.expect_err("no answer");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Timeout, Retry::Later));
}

#[tokio::test]
async fn a_refresh_tells_what_fires_and_for_fifteen_minutes_what_is_over() {
    let (url, seen) = server(200, &[], "").await;
    let cluster = cluster(&[&url], "");
    assert_eq!(cluster.refresh_every(), Some(StdDuration::from_secs(60)));
    deliver(&cluster, &over()).await.expect("taken");
    let told = fixture::at("2015-10-21T07:27:30Z");
    let firing = [fixture::told("spare", None)];
    for minutes in [1, 14, 15] {
        cluster.refresh(&firing, told + StdDuration::from_secs(minutes * 60)).await.expect("taken");
    }
    let bodies = bodies(&seen);
    assert_eq!(labels(&bodies[1]), ["spare", "main"]);
    assert_eq!(bodies[1][0]["endsAt"], "2015-10-21T07:32:30.000Z");
    assert_eq!(labels(&bodies[2]), ["spare", "main"]);
    assert_eq!(labels(&bodies[3]), ["spare"]);
    // Nothing fires and nothing was over lately: nobody is asked anything.
    cluster.refresh(&[], told + StdDuration::from_secs(3600)).await.expect("nothing to do");
    assert_eq!(seen.lock().expect("unpoisoned").len(), 4);
}

#[tokio::test]
async fn what_fires_again_is_no_longer_told_as_over() {
    let (url, seen) = server(200, &[], "").await;
    let cluster = cluster(&[&url], "");
    deliver(&cluster, &over()).await.expect("taken");
    let at = fixture::at("2015-10-21T07:28:30Z");
    cluster.refresh(&[fixture::told("main", None)], at).await.expect("taken");
    assert_eq!(labels(&bodies(&seen)[1]), ["main"]);
}

#[tokio::test]
async fn many_alerts_go_in_several_requests() {
    let (url, seen) = server(200, &[], "").await;
    let many: Vec<Told> = (0..600).map(|number| fixture::told(&format!("t{number}"), None)).collect();
    cluster(&[&url], "").refresh(&many, fixture::at("2015-10-21T07:28:30Z")).await.expect("taken");
    assert_eq!(bodies(&seen).iter().map(|body| labels(body).len()).collect::<Vec<_>>(), [256, 256, 88]);
}

#[test]
fn mistakes_are_told() {
    for (yaml, told) in [
        ("{urls: []}", "urls: a cluster has at least one member"),
        ("{urls: ['http://a', 'ftp://b']}", "urls[1]: scheme \"ftp\" cannot be posted to"),
        ("{urls: ['http://a'], refresh_interval: 2h}", "refresh_interval: 2h is not between 1s and 1h"),
    ] {
        let problems = fixture::problems::<Alertmanager>(yaml);
        assert!(problems[0].starts_with(told), "{problems:?}");
    }
}
