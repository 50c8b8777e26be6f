//! The Alertmanager API: alerts in and out, silences, and everything that can be wrong with a request.

use serde_json::{Value, json};

use super::*;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn post(served: &Served, path: &str, body: &Value) -> Answer {
    served.send("POST", path, &JSON, &body.to_string()).await
}

/// A silence of one hour from now on; `with` goes over it.
fn silence(with: Value) -> Value {
    let mut silence = json!({
        "matchers": [{"name": "alertname", "value": "A", "isRegex": false}],
        "startsAt": NOW.rfc3339(),
        "endsAt": (NOW + StdDuration::from_secs(3600)).rfc3339(),
        "createdBy": "me",
        "comment": "work",
    });
    for (name, value) in with.as_object().expect("an object") {
        silence[name] = value.clone();
    }
    silence
}

/// The daemon has read what was stored once silences can be made.
pub(super) async fn ready() -> Served {
    let served = Served::start(Sample::default()).await;
    for _ in 0..1000 {
        let probe = silence(json!({"matchers": []}));
        if post(&served, "/api/v2/silences", &probe).await.code != 503 {
            let bad = silence(json!({"id": "nobody"}));
            if post(&served, "/api/v2/silences", &bad).await.code == 404 {
                return served;
            }
        }
        tokio::time::sleep(StdDuration::from_millis(5)).await;
    }
    panic!("it never becomes ready");
}

async fn make(served: &Served, with: Value) -> String {
    let answer = post(served, "/api/v2/silences", &silence(with)).await;
    assert_eq!(answer.code, 200, "{}", answer.body);
    answer.json()["silenceID"].as_str().expect("an id").to_owned()
}

pub(super) async fn fire(served: &Served, alerts: &[&str]) {
    let alerts: Vec<Value> = alerts.iter().map(|name| json!({"labels": {"alertname": name, "job": "x"}})).collect();
    assert_eq!(post(served, "/api/v2/alerts", &json!(alerts)).await.code, 200);
}

async fn names(served: &Served, query: &str) -> Vec<String> {
    let answer = served.get(&format!("/api/v2/alerts{query}")).await;
    assert_eq!(answer.code, 200, "{query}: {}", answer.body);
    let alerts = answer.json();
    let alerts = alerts.as_array().expect("a list");
    let mut names: Vec<String> =
        alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_alert_that_was_posted_comes_back_as_alertmanager_writes_it() {
    let served = ready().await;
    let end = NOW + StdDuration::from_secs(600);
    let posted = json!([{
        "labels": {"alertname": "A", "empty": ""},
        "annotations": {"summary": "s"},
        "startsAt": "2026-11-22T00:00:00.5Z",
        "endsAt": end.rfc3339(),
        "generatorURL": "http://prometheus/graph",
    }]);
    assert_eq!(post(&served, "/api/v2/alerts", &posted).await.code, 200);
    let expected = json!([{
        "labels": {"alertname": "A"},
        "annotations": {"summary": "s"},
        "startsAt": "2026-11-22T00:00:00.500Z",
        "endsAt": end.rfc3339(),
        "updatedAt": NOW.rfc3339(),
        "generatorURL": "http://prometheus/graph",
        "fingerprint": crate::model::Labels::from_pairs([("alertname", "A")]).fingerprint().to_string(),
        "receivers": [{"name": "oncall"}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }]);
    assert_eq!(served.get("/api/v2/alerts").await.json(), expected);
    let groups = served.get("/api/v2/alerts/groups").await.json();
    assert_eq!(groups[0]["alerts"], expected);
    assert_eq!((&groups[0]["receiver"]["name"], &groups[0]["labels"]["alertname"]), (&json!("oncall"), &json!("A")));
}

#[tokio::test]
async fn what_narrows_a_list_of_alerts_narrows_it() {
    let served = ready().await;
    fire(&served, &["A", "B", "C"]).await;
    let id = make(&served, json!({})).await;
    for (query, wanted) in [
        ("", vec!["A", "B", "C"]),
        ("?silenced=false", vec!["B", "C"]),
        ("?active=false", vec!["A"]),
        ("?active=false&silenced=false", vec![]),
        ("?unprocessed=false&inhibited=false&muted=false", vec!["A", "B", "C"]),
        ("?filter=alertname%3DB", vec!["B"]),
        ("?filter=alertname%3D~%22A%7CB%22&filter=alertname!%3DB", vec!["A"]),
        ("?filter=%7Balertname%3DB%2Cjob%3Dx%7D", vec!["B"]),
        ("?receiver=onc.*", vec!["A", "B", "C"]),
        ("?receiver=onc", vec![]),
        ("?receiver_matchers=name%3Dother", vec![]),
    ] {
        assert_eq!(names(&served, query).await, wanted, "{query}");
    }
    let silenced = served.get("/api/v2/alerts?active=false").await.json();
    assert_eq!(
        silenced[0]["status"],
        json!({"state": "suppressed", "silencedBy": [id], "inhibitedBy": [], "mutedBy": []})
    );
    for query in ["?filter=%3D", "?receiver=(", "?active=maybe", "?filter=a%3D~(", "?receiver_matchers=x"] {
        for path in ["/api/v2/alerts", "/api/v2/alerts/groups"] {
            let answer = served.get(&format!("{path}{query}")).await;
            assert_eq!(answer.code, 400, "{path}{query}: {}", answer.body);
            assert!(answer.json().is_string(), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn of_a_batch_with_mistakes_the_rest_is_taken_in_and_the_mistakes_are_named_and_counted() {
    let served = ready().await;
    let batch = json!([
        {"labels": {"alertname": "Good"}},
        {"labels": {}},
        {"labels": {"alertname": ""}},
        {"annotations": {}},
        {"labels": {"alertname": 7}},
        {"labels": {"alertname": "T"}, "startsAt": "yesterday"},
        {"labels": {"alertname": "T"}, "startsAt": "2026-11-23T00:00:00Z", "endsAt": "2026-11-22T00:00:00Z"},
        {"labels": {"": "x"}},
        {"labels": {"alertname": "x".repeat(70_000)}},
        {"labels": {"alertname": "GoodToo"}, "startsAt": "0001-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00.000Z"},
        {"labels": {"alertname": "Over"}, "endsAt": "2026-01-01T00:00:00Z"},
    ]);
    let answer = post(&served, "/api/v2/alerts", &batch).await;
    assert_eq!(answer.code, 400);
    let said = answer.json().as_str().expect("text").to_owned();
    for part in [
        "alert 1: at least one label",
        "alert 2: at least",
        "alert 3: missing field `labels`",
        "alert 4: ",
        "alert 5: startsAt: \"yesterday\"",
        "alert 6: start time",
        "alert 7: a label without",
        "alert 8: 7",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert_eq!(names(&served, "").await, ["Good", "GoodToo"], "what is over and unknown is no news");
    let page = served.get("/metrics").await.body;
    for line in [
        "memsentry_alerts_invalid_total 8\n",
        "memsentry_alerts_received_total{status=\"firing\"} 2\n",
        "memsentry_alerts_received_total{status=\"resolved\"} 1\n",
    ] {
        assert!(page.contains(line), "{line}");
    }
    for body in ["", "{}", "[", "null", "[7"] {
        assert_eq!(served.send("POST", "/api/v2/alerts", &JSON, body).await.code, 400, "{body}");
    }
}

#[tokio::test]
async fn a_named_end_holds_against_one_that_follows_from_a_time_out() {
    let served = ready().await;
    let end = |seconds| (NOW + StdDuration::from_secs(seconds)).rfc3339();
    let labels = json!({"alertname": "A"});
    let ends = async |body: Value| {
        assert_eq!(post(&served, "/api/v2/alerts", &json!([body])).await.code, 200);
        served.get("/api/v2/alerts").await.json()[0]["endsAt"].as_str().unwrap_or("over").to_owned()
    };
    assert_eq!(ends(json!({"labels": labels})).await, end(300));
    assert_eq!(ends(json!({"labels": labels, "endsAt": end(900)})).await, end(900));
    assert_eq!(ends(json!({"labels": labels})).await, end(900));
    assert_eq!(ends(json!({"labels": labels, "endsAt": end(100)})).await, end(900), "the later of two named ends");
    assert_eq!(ends(json!({"labels": labels, "endsAt": NOW.rfc3339()})).await, "over");
}

#[tokio::test]
async fn a_silence_is_made_shown_changed_and_ended() {
    let served = ready().await;
    let annotated = json!({"annotations": {"ticket": "OPS-1"}, "matchers": [
        {"name": "alertname", "value": "A|B", "isRegex": true},
        {"name": "job", "value": "y", "isRegex": false, "isEqual": false},
    ]});
    let id = make(&served, annotated.clone()).await;
    let shown = served.get(&format!("/api/v2/silence/{id}")).await.json();
    let mut expected = silence(annotated);
    expected["id"] = json!(id);
    expected["updatedAt"] = json!(NOW.rfc3339());
    expected["status"] = json!({"state": "active"});
    expected["matchers"][0]["isEqual"] = json!(true);
    assert_eq!(shown, expected);
    assert_eq!(served.get("/api/v2/silences").await.json(), json!([expected]));

    // What was got may be sent back.
    let mut longer = shown;
    longer["endsAt"] = json!((NOW + StdDuration::from_secs(7200)).rfc3339());
    assert_eq!(post(&served, "/api/v2/silences", &longer).await.json()["silenceID"], json!(id));

    for _ in 0..2 {
        assert_eq!(served.send("DELETE", &format!("/api/v2/silence/{id}"), &[], "").await.code, 200);
        let state = served.get(&format!("/api/v2/silence/{id}")).await.json()["status"]["state"].clone();
        assert_eq!(state, "expired");
    }
    let again = post(&served, "/api/v2/silences", &longer).await.json()["silenceID"].clone();
    assert_ne!(again, json!(id));
    for (query, count) in [
        ("", 2),
        ("?expired=false", 1),
        ("?active=false&pending=false", 1),
        ("?filter=alertname%3D~%22A%7CB%22", 2),
        ("?filter=alertname%3DA", 0),
        ("?creator=me", 2),
        ("?creator=you", 0),
    ] {
        let answer = served.get(&format!("/api/v2/silences{query}")).await.json();
        assert_eq!(answer.as_array().map(Vec::len), Some(count), "{query}");
    }
}

#[tokio::test]
async fn a_silence_that_is_wrong_is_refused_with_every_reason() {
    let served = ready().await;
    let matcher = |name: &str, value: &str, regex: bool| json!([{"name": name, "value": value, "isRegex": regex}]);
    for (body, code, parts) in [
        (json!({}), 400, vec!["startsAt is required", "endsAt is required", "createdBy is", "comment is", "matcher"]),
        (json!([]), 400, vec!["is required"]),
        (json!("x"), 400, vec!["not a silence"]),
        (silence(json!({"startsAt": "now"})), 400, vec!["startsAt: \"now\" is not a time"]),
        (silence(json!({"endsAt": NOW.rfc3339()})), 400, vec!["start time must be before end time"]),
        (silence(json!({"endsAt": "2026-01-01T00:00:00Z"})), 400, vec!["before end time", "in the past"]),
        (silence(json!({"matchers": []})), 400, vec!["at least one matcher required"]),
        (silence(json!({"matchers": matcher("a", "(", true)})), 400, vec!["not a regular expression"]),
        (silence(json!({"matchers": matcher("", "x", false)})), 400, vec!["no label name"]),
        (silence(json!({"matchers": matcher("a", ".*", true)})), 400, vec!["must not match the empty string"]),
        (silence(json!({"comment": "x".repeat(70_000)})), 400, vec!["bytes of text"]),
        (silence(json!({"id": "b1f7b9c4-0000-4000-8000-000000000000"})), 404, vec!["not found"]),
    ] {
        let answer = post(&served, "/api/v2/silences", &body).await;
        assert_eq!(answer.code, code, "{body}: {}", answer.body);
        let said = answer.json().as_str().expect("text").to_owned();
        for part in parts {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    assert_eq!(served.get("/api/v2/silences").await.json(), json!([]));
    assert_eq!(served.send("DELETE", "/api/v2/silence/nobody", &[], "").await.code, 404);
    assert_eq!(served.send("POST", "/api/v2/silences", &JSON, &"x".repeat(300_000)).await.code, 413);
}

#[tokio::test]
async fn status_and_receivers_have_what_clients_ask_for() {
    let served = ready().await;
    let status = served.get("/api/v2/status").await.json();
    assert_eq!(status["cluster"], json!({"status": "disabled", "peers": []}));
    let version = status["versionInfo"]["version"].as_str().expect("a version");
    assert!(version.starts_with("0.28.0+memsentry."), "{version}");
    for field in ["revision", "branch", "buildUser", "buildDate", "goVersion"] {
        assert!(status["versionInfo"][field].is_string(), "{field}");
    }
    let page = served.get("/metrics").await.body;
    assert!(page.contains(&format!("alertmanager_build_info{{version=\"{version}\"}} 1\n")));
    let original = status["config"]["original"].as_str().expect("text");
    assert!(original.contains("receiver: \"oncall\"") && original.contains("- name: \"other\""), "{original}");
    assert_eq!(served.get("/api/v2/receivers").await.json(), json!([{"name": "oncall"}, {"name": "other"}]));
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let served = ready().await;
    let id = make(&served, json!({})).await;
    let body = silence(json!({})).to_string();
    for foreign in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        for (method, path) in [
            ("POST", "/api/v2/silences".to_owned()),
            ("POST", "/api/v2/alerts".to_owned()),
            ("DELETE", format!("/api/v2/silence/{id}")),
        ] {
            let answer = served.send(method, &path, &[foreign], &body).await;
            assert_eq!(answer.code, 403, "{foreign:?} {method} {path}");
        }
    }
    let silences = served.get("/api/v2/silences").await.json();
    assert_eq!((silences.as_array().map(Vec::len), &silences[0]["status"]["state"]), (Some(1), &json!("active")));
    // A query is no change; Grafana may send it from the browser.
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", "http://grafana.example")];
    assert_eq!(served.send("POST", "/api/v1/query", &form, "query=1").await.code, 200);
}
