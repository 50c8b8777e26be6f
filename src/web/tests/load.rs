//! A load run in another process is shown while it speaks.

use serde_json::{Value, json};

use super::sample::Sample;
use super::served::Served;
use crate::traffic::Progress;

const PATH: &str = "/api/v1/memsentry/load";

fn word(target: &str) -> Value {
    let progress = Progress { rate: 199.5, limited: 3, ..Progress::default() };
    json!({"target": target, "run": "load-1", "scenario": "update", "progress": progress})
}

#[tokio::test]
async fn a_run_on_a_known_target_is_on_the_page_among_the_metrics_and_in_the_api() {
    let served = Served::start(Sample::default()).await;
    let answer = served.send("POST", PATH, &[], &word("production").to_string()).await;
    assert_eq!(answer.code, 200, "{}", answer.body);
    assert!(served.get("/").await.body.contains("load-1: update, 199.5 a second"));
    assert!(served.get("/metrics").await.body.contains("memsentry_load_rate{target=\"production\"} 199.5\n"));
    assert_eq!(served.get(PATH).await.json()["data"]["loads"][0]["run"], "load-1");
}

#[tokio::test]
async fn what_is_unknown_too_long_or_from_another_site_is_refused() {
    let served = Served::start(Sample::default()).await;
    let mut strange = word("production");
    strange["more"] = json!(1);
    let mut long = word("production");
    long["run"] = "x".repeat(101).into();
    let mut huge = word("production");
    huge["run"] = "x".repeat(9_000).into();
    for (body, code) in [(word("elsewhere"), 404), (strange, 400), (long, 400), (huge, 413)] {
        assert_eq!(served.send("POST", PATH, &[], &body.to_string()).await.code, code, "{body}");
    }
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(served.send("POST", PATH, &foreign, &word("production").to_string()).await.code, 403);
    assert_eq!(served.get(PATH).await.json()["data"]["loads"], json!([]));
}
