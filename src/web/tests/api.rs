//! The HTTP API of Prometheus: envelopes, error codes, filters.

use serde_json::json;

use super::sample::Sample;
use super::served::Served;

async fn error(served: &Served, path: &str) -> (u16, String, String) {
    let answer = served.get(path).await;
    let body = answer.json();
    assert_eq!(body["status"], "error", "{path}");
    let text = |name: &str| body[name].as_str().expect("text").to_owned();
    (answer.code, text("errorType"), text("error"))
}

#[tokio::test]
async fn wrong_parameters_are_bad_data_in_the_words_of_prometheus() {
    let served = Served::start(Sample::default()).await;
    for (path, message) in [
        ("/api/v1/query?query=up&time=never", r#"invalid parameter "time": cannot parse "never" to a valid timestamp"#),
        ("/api/v1/query?query=up&timeout=1x", r#"invalid parameter "timeout": cannot parse "1x" to a valid duration"#),
        (
            "/api/v1/query_range?query=up&start=2&end=1&step=1",
            r#"invalid parameter "end": end timestamp must not be before start time"#,
        ),
        (
            "/api/v1/query_range?query=up%5B5m%5D&start=1&end=2&step=1",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, \
             must be Scalar or instant Vector",
        ),
        (
            "/api/v1/query_range?query=up&start=1&end=2&step=0",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
             Try a positive integer",
        ),
        (
            "/api/v1/query_range?query=up&start=0&end=11001&step=1",
            "exceeded maximum resolution of 11,000 points per timeseries. \
             Try decreasing the query resolution (?step=XX)",
        ),
        ("/api/v1/series", "no match[] parameter provided"),
        ("/api/v1/rules?type=other", r#"invalid parameter "type": not supported value "other""#),
    ] {
        assert_eq!(error(&served, path).await, (400, "bad_data".into(), message.into()), "{path}");
    }
}

#[tokio::test]
async fn labels_and_their_values_are_listed() {
    let served = Served::start(Sample::default()).await;
    let names = served.get("/api/v1/labels").await.json();
    assert_eq!(names["status"], "success");
    assert!(names["data"].as_array().expect("a list").contains(&json!("target")), "{names}");
    let values = served.get("/api/v1/label/target/values").await.json();
    assert_eq!(values, json!({"status": "success", "data": ["production", "staging"]}));
    let one = served.get("/api/v1/label/target/values?limit=1").await.json();
    assert_eq!(one["data"], json!(["production"]));
    assert_eq!(one["warnings"], json!(["results truncated due to limit"]));
    let past = served.get("/api/v1/label/target/values?start=0&end=1").await.json();
    assert_eq!(past["data"], json!([]));
}

#[tokio::test]
async fn metadata_gives_type_and_help() {
    let served = Served::start(Sample::default()).await;
    let all = served.get("/api/v1/metadata").await.json();
    assert!(all["data"].as_object().expect("an object").len() > 5);
    let one = served.get("/api/v1/metadata?metric=memsentry_store_up").await.json();
    assert_eq!(one["data"], json!({"memsentry_store_up": [{"type": "gauge", "help": "Store.", "unit": ""}]}));
    let two = served.get("/api/v1/metadata?limit=2&limit_per_metric=1").await.json();
    assert_eq!(two["data"].as_object().expect("an object").len(), 2);
    assert_eq!(served.get("/api/v1/metadata?limit=0").await.json()["data"], json!({}));
    let wrong = "/api/v1/metadata?limit_per_metric=few";
    let told = (400, "bad_data".into(), "limit_per_metric must be a number".into());
    assert_eq!(error(&served, wrong).await, told);
}

#[tokio::test]
async fn buildinfo_has_a_version_that_tools_understand() {
    let served = Served::start(Sample::default()).await;
    let version = served.get("/api/v1/status/buildinfo").await.json()["data"]["version"].clone();
    assert!(version.as_str().expect("text").starts_with("3."), "{version}");
}

#[tokio::test]
async fn alerts_are_listed_with_state_time_and_value() {
    let served = Served::start(Sample::default()).await;
    let body = served.get("/api/v1/alerts").await.json();
    let alerts = body["data"]["alerts"].as_array().expect("a list");
    assert_eq!(alerts.len(), 4);
    assert_eq!(
        alerts[0],
        json!({
            "labels": {"alertname": "QueueDepthHigh", "severity": "warning", "target": "production"},
            "annotations": {"summary": "214 entries wait in the queue of production"},
            "state": "firing",
            "activeAt": "2026-11-23T03:01:03.000Z",
            "value": "2.14e+02",
        })
    );
}

fn names(body: &serde_json::Value) -> Vec<Vec<&str>> {
    let groups = body["data"]["groups"].as_array().expect("a list");
    let rules = groups.iter().map(|group| group["rules"].as_array().expect("a list"));
    rules.map(|rules| rules.iter().map(|rule| rule["name"].as_str().expect("text")).collect()).collect()
}

#[tokio::test]
async fn rules_are_filtered() {
    let served = Served::start(Sample::default()).await;
    let recording = "target:updates:rate5m";
    for (query, expected) in [
        ("", vec![vec!["QueueDepthHigh", "WorkerStalled", "UpdateSlow", recording], vec!["Watchdog", "StoreDown"]]),
        ("type=record", vec![vec![recording]]),
        ("rule_name[]=StoreDown&rule_name[]=UpdateSlow", vec![vec!["UpdateSlow"], vec!["StoreDown"]]),
        ("rule_group%5B%5D=memsentry", vec![vec!["Watchdog", "StoreDown"]]),
        ("file[]=other.yaml", vec![]),
        ("group_limit=1", vec![vec!["QueueDepthHigh", "WorkerStalled", "UpdateSlow", recording]]),
    ] {
        let body = served.get(&format!("/api/v1/rules?{query}")).await.json();
        assert_eq!(names(&body), expected, "{query}");
    }
    let first = served.get("/api/v1/rules?group_limit=1").await.json();
    let token = first["data"]["groupNextToken"].as_str().expect("a token").to_owned();
    let second = served.get(&format!("/api/v1/rules?group_limit=1&group_next_token={token}")).await.json();
    assert_eq!(names(&second), [vec!["Watchdog", "StoreDown"]]);
    assert!(second["data"].get("groupNextToken").is_none());
}

#[tokio::test]
async fn a_rule_shows_how_it_stands() {
    let served = Served::start(Sample::default()).await;
    let body = served.get("/api/v1/rules?rule_name[]=StoreDown&exclude_alerts=true").await.json();
    let rule = &body["data"]["groups"][0]["rules"][0];
    for (name, value) in [
        ("state", json!("inactive")),
        ("health", json!("err")),
        ("lastError", json!("found duplicate series for the match group {}")),
        ("duration", json!(300.0)),
        ("type", json!("alerting")),
        ("lastEvaluation", json!("2026-11-23T03:09:59.000Z")),
    ] {
        assert_eq!(rule[name], value, "{name}");
    }
}

#[tokio::test]
async fn an_instant_query_answers_with_a_vector_by_get_and_by_form() {
    let served = Served::start(Sample::default()).await;
    let expected = json!({
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [{
                "metric": {"__name__": "chat_memory_queue_depth", "target": "production"},
                "value": [1_795_403_403, "214"],
            }],
        },
    });
    let by_get = served.get("/api/v1/query?query=chat_memory_queue_depth%3E100").await;
    assert_eq!((by_get.code, by_get.header("content-type")), (200, Some("application/json")));
    assert_eq!(by_get.json(), expected);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let by_form = served.send("POST", "/api/v1/query", &form, "query=chat_memory_queue_depth%3E100").await;
    assert_eq!(by_form.json(), expected);
    // The form goes before the query string.
    let both = served.send("POST", "/api/v1/query?query=1", &form, "query=2").await.json();
    assert_eq!(both["data"], json!({"resultType": "scalar", "result": [1_795_403_403, "2"]}));
}

#[tokio::test]
async fn a_range_query_answers_with_a_matrix_and_is_cut_to_its_limit() {
    let served = Served::start(Sample::default()).await;
    let path = "/api/v1/query_range?query=chat_memory_queue_depth&start=1795403383&end=1795403403.5&step=10s&limit=1";
    let body = served.get(path).await.json();
    let result = body["data"]["result"].as_array().expect("a list");
    assert_eq!((body["data"]["resultType"].as_str(), result.len()), (Some("matrix"), 1));
    assert_eq!(body["warnings"], json!(["results truncated due to limit"]));
    let times = result[0]["values"].as_array().expect("a list").iter().map(|point| point[0].as_i64());
    let expected = [1_795_403_383, 1_795_403_393, 1_795_403_403].map(Some);
    assert_eq!(times.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_query_tells_what_it_took_where_it_is_asked() {
    let served = Served::start(Sample::default()).await;
    let path = "/api/v1/query?query=memsentry_store_up";
    assert!(served.get(path).await.json()["data"].get("stats").is_none());
    let some = served.get(&format!("{path}&stats=true")).await.json()["data"]["stats"].clone();
    assert_eq!(some["samples"], json!({"totalQueryableSamples": 1, "peakSamples": 1}));
    for name in ["evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime", "execQueueTime"] {
        let seconds = some["timings"][name].as_f64().expect(name);
        assert!(seconds >= 0.0 && seconds <= some["timings"]["execTotalTime"].as_f64().expect("all"), "{some}");
    }
    let range = "/api/v1/query_range?query=count_over_time(memsentry_store_up%5B12s%5D)\
        &start=1795403393&end=1795403403&step=5s&stats=all";
    let all = served.get(range).await.json()["data"].clone();
    let counts = all["result"][0]["values"].as_array().expect("three").iter().map(|point| {
        json!([point[0].as_f64().expect("time"), point[1].as_str().expect("a count").parse::<u64>().expect("a count")])
    });
    let counts: Vec<_> = counts.collect();
    assert_eq!(all["stats"]["samples"]["totalQueryableSamplesPerStep"], json!(counts), "{all}");
}

#[tokio::test]
async fn queries_that_cannot_be_read_or_answered_have_their_codes() {
    let served = Served::start(Sample::default()).await;
    let (code, kind, message) = error(&served, "/api/v1/query?query=sum(").await;
    assert_eq!((code, kind.as_str()), (400, "bad_data"));
    assert!(message.starts_with(r#"invalid parameter "query": 1:5: parse error: "#), "{message}");
    let many_to_many = "chat_memory_queue_depth%20*%20on()%20chat_memory_queue_depth";
    let (code, kind, message) = error(&served, &format!("/api/v1/query?query={many_to_many}")).await;
    assert_eq!((code, kind.as_str()), (422, "execution"), "{message}");
    let everything = "/api/v1/query_range?query=%7B__name__%3D~%22.%2B%22%7D&start=1795403123&end=1795403403&step=0.03";
    let (code, kind, message) = error(&served, everything).await;
    assert_eq!((code, kind.as_str()), (422, "execution"), "{message}");
    let hurried = everything.replace("0.03", "0.1") + "&timeout=1ms";
    let (code, kind, message) = error(&served, &hurried).await;
    assert_eq!((code, kind.as_str(), message.as_str()), (503, "timeout", "query timed out after 1ms"));
}

#[tokio::test]
async fn series_are_found_by_any_of_several_selectors() {
    let served = Served::start(Sample::default()).await;
    let path = "/api/v1/series?match[]=memsentry_store_up&match[]=%7Btarget%3D%22staging%22%7D";
    let body = served.get(path).await.json();
    assert_eq!(
        body["data"],
        json!([{"__name__": "chat_memory_queue_depth", "target": "staging"}, {"__name__": "memsentry_store_up"}])
    );
    for wrong in ["sum(up)", "up[5m]", "up%20offset%205m", "%7B%7D", "%7Ba%3D~%22(%22%7D"] {
        let (code, kind, _) = error(&served, &format!("/api/v1/series?match[]={wrong}")).await;
        assert_eq!((code, kind.as_str()), (400, "bad_data"), "{wrong}");
    }
}
