//! Silences through the whole program: at the terminal, over the API, across reloads, restarts and crashes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Config, Daemon, Webhook, closed_port, http, memsentry, until};

/// The watched service is not what these tests are about.
fn nowhere() -> String {
    format!("http://127.0.0.1:{}", closed_port())
}

/// No rule fires: alerts come from outside.
const NO_RULES: &str = "groups: [{name: none, rules: [{record: 'a:b', expr: vector(1)}]}]";

async fn start(webhook: &Webhook) -> Daemon {
    let daemon = Daemon::start(&Config::new(&nowhere()).with_webhook(webhook).with_rules(NO_RULES)).await;
    ready(&daemon).await;
    daemon
}

/// Silences can be made once the stored ones were read; the rules were heard once they were evaluated.
async fn ready(daemon: &Daemon) {
    until("stored silences to be read", || async {
        let answer = http().post(format!("{}/api/v2/silences", daemon.url())).json(&json!({"id": "x"})).send().await;
        answer.ok().filter(|answer| answer.status() != 503)
    })
    .await;
    daemon.evaluations(1).await;
}

async fn fire(daemon: &Daemon, names: &[&str]) {
    let alerts: Vec<Value> = names.iter().map(|name| json!({"labels": {"alertname": name, "job": "it"}})).collect();
    let answer = http().post(format!("{}/api/v2/alerts", daemon.url())).json(&alerts).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

async fn make(daemon: &Daemon, alert: &str, seconds: u64) -> String {
    let now = jiff::Timestamp::now();
    let end = now + Duration::from_secs(seconds);
    let silence = json!({
        "matchers": [{"name": "alertname", "value": alert, "isRegex": false}],
        "startsAt": now.to_string(), "endsAt": end.to_string(), "createdBy": "it", "comment": "c",
    });
    let answer = http().post(format!("{}/api/v2/silences", daemon.url())).json(&silence).send().await.expect("answers");
    assert_eq!(answer.status(), 200);
    answer.json::<Value>().await.expect("JSON")["silenceID"].as_str().expect("an id").to_owned()
}

async fn get(daemon: &Daemon, path: &str) -> Value {
    serde_json::from_str(&daemon.get(path).await).expect("JSON")
}

/// The names of the alerts that this silence silences.
async fn silenced_by(daemon: &Daemon, id: &str) -> Vec<String> {
    let alerts = get(daemon, "/api/v2/alerts").await;
    let of = |alert: &&Value| alert["status"]["silencedBy"].as_array().is_some_and(|ids| ids.contains(&json!(id)));
    let name = |alert: &Value| alert["labels"]["alertname"].as_str().expect("a name").to_owned();
    let mut names: Vec<String> = alerts.as_array().expect("a list").iter().filter(of).map(name).collect();
    names.sort();
    names
}

/// `memsentry silence …` against the daemon: exit code, standard output, standard error.
fn silence(daemon: &Daemon, arguments: &[&str]) -> (i32, String, String) {
    let output = memsentry(&[&["silence"], arguments, &["--url", daemon.url()]].concat());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_silenced_alert_is_not_told_until_its_silence_is_over() {
    let webhook = Webhook::start().await;
    let daemon = start(&webhook).await;
    let id = make(&daemon, "Quiet", 3600).await;
    fire(&daemon, &["Quiet"]).await;
    fire(&daemon, &["Loud"]).await;
    webhook.told("Loud", "firing").await;
    // A reload keeps it.
    daemon.hang_up();
    daemon.becomes("changes(memsentry_config_reload_success_timestamp_seconds[1m]) > bool 0", 1.0).await;
    fire(&daemon, &["LoudToo"]).await;
    webhook.told("LoudToo", "firing").await;
    assert!(!webhook.pages().iter().any(|page| page.alert() == "Quiet"), "{}", daemon.log());
    daemon.becomes("memsentry_silences{state=\"active\"}", 1.0).await;

    let (code, out, told) = silence(&daemon, &["expire", &id]);
    assert_eq!((code, out.trim()), (0, id.as_str()), "{told}");
    webhook.told("Quiet", "firing").await;
    daemon.becomes("memsentry_silences{state=\"expired\"}", 1.0).await;
    let log = daemon.log();
    for line in ["silence made", "silence holds", "silence ended early"] {
        assert!(log.lines().any(|l| l.contains(line) && l.contains(&id)), "{line} in {log}");
    }
}

#[tokio::test]
async fn a_silence_that_was_promised_survives_kill_9_at_once() {
    let webhook = Webhook::start().await;
    let mut daemon = start(&webhook).await;
    let mut made = Vec::new();
    for round in 0..6 {
        made.push(make(&daemon, &format!("Quiet{round}"), 3600).await);
        daemon.kill();
        daemon.start_again().await;
        ready(&daemon).await;
        let silences = get(&daemon, "/api/v2/silences").await;
        let ids: Vec<&str> = silences.as_array().expect("a list").iter().filter_map(|s| s["id"].as_str()).collect();
        assert!(made.iter().all(|id| ids.contains(&id.as_str())) && ids.len() == made.len(), "{round}: {silences}");
    }
    // An end is promised too.
    let (code, _, told) = silence(&daemon, &["expire", &made[0]]);
    daemon.kill();
    assert_eq!(code, 0, "{told}");
    daemon.start_again().await;
    ready(&daemon).await;
    fire(&daemon, &["Quiet0", "Quiet1"]).await;
    webhook.told("Quiet0", "firing").await;
    assert_eq!(silenced_by(&daemon, &made[1]).await, ["Quiet1"]);
    daemon.terminate().await;
    daemon.start_again().await;
    ready(&daemon).await;
    assert!(!webhook.pages().iter().any(|page| page.alert() == "Quiet1"), "{}", daemon.log());
}

#[tokio::test]
async fn the_terminals_preview_counts_what_is_then_silenced() {
    let webhook = Webhook::start().await;
    let daemon = start(&webhook).await;
    fire(&daemon, &["Disk", "DiskToo", "Other"]).await;
    let add = |more: &[&str]| silence(&daemon, &[&["add", "--comment", "work", "--author", "ann"], more].concat());

    let (code, out, told) = add(&["alertname=~Disk.*", "--dry-run", "--json"]);
    let preview: Value = serde_json::from_str(&out).expect(&told);
    assert_eq!((code, &preview["count"], &preview["silenceID"]), (0, &json!(2), &Value::Null), "{told}");
    assert_eq!(get(&daemon, "/api/v2/silences").await, json!([]), "a dry run makes none");

    for (matchers, count) in [(vec!["alertname=~Disk.*"], 2), (vec!["Disk"], 1), (vec!["job=it"], 3), (vec!["x=y"], 0)]
    {
        let (code, out, told) = add(&[&["--json", "--duration", "2h"], matchers.as_slice()].concat());
        let made: Value = serde_json::from_str(&out).expect(&told);
        assert_eq!((code, &made["count"]), (0, &json!(count)), "{told}");
        assert_eq!(made["alerts"].as_array().map(Vec::len), Some(count));
        let id = made["silenceID"].as_str().expect("an id");
        assert_eq!(silenced_by(&daemon, id).await.len(), count, "{matchers:?}");
        let words = ["it silences no alert", "it silences 1 alert ", "it silences 2 alerts", "it silences 3 alerts"];
        assert!(told.contains(words[count]), "{told}");
    }
    let (code, out, told) = add(&["Disk"]);
    assert_eq!((code, out.trim().len()), (0, 36), "standard output is the id alone: {told}");

    for (arguments, why) in [
        (vec!["alertname=~.+"], "matches everything"),
        (vec!["alertname=~("], "not a regular expression"),
        (vec!["a=b", "c"], "one of =, !=, =~, !~ is expected"),
        (vec!["a=b", "--end", "tomorrow"], "--end is not a time"),
        (vec!["a=b", "--end", "2020-01-01T00:00:00Z"], "over at 2020"),
        (vec!["a=b", "--comment", " "], "cannot be used multiple times"),
    ] {
        let (code, out, told) = add(&arguments);
        assert!(code == 2 && out.is_empty() && told.contains(why), "{arguments:?}: {code} {told}");
    }
    assert_eq!(add(&["alertname=~.+", "--force"]).0, 0);
}

#[tokio::test]
async fn the_terminal_lists_ends_and_takes_over_silences() {
    let webhook = Webhook::start().await;
    let (old, new) = (start(&webhook).await, start(&webhook).await);
    let id = make(&old, "A", 3600).await;
    let over = make(&old, "B", 3600).await;
    assert_eq!(silence(&old, &["expire", &over]).0, 0);
    let (code, out, _) = silence(&old, &["query"]);
    assert!(code == 0 && out.lines().count() == 1 && out.contains(&id) && out.contains("alertname=\"A\""), "{out}");
    let (_, out, _) = silence(&old, &["query", "--expired"]);
    assert!(out.contains(&over) && out.contains("expired, ended "), "{out}");
    assert_eq!(silence(&old, &["query", "alertname=C"]).1, "");
    let (code, out, told) = silence(&old, &["expire", "nobody", &id, "--json"]);
    let result: Value = serde_json::from_str(&out).expect(&told);
    assert_eq!((code, result), (1, json!({"ended": [id], "unknown": ["nobody"]})));

    // From one daemon to another, by way of a file.
    let kept = make(&old, "C", 3600).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("silences.json");
    let all = get(&old, "/api/v2/silences").await;
    std::fs::write(&file, all.to_string()).expect("written");
    fire(&new, &["C"]).await;
    let path = file.to_str().expect("UTF-8");
    let (code, out, told) = silence(&new, &["import", path]);
    assert!(code == 0 && told.contains("1 made or changed, 2 over by now and left out, 0 refused"), "{told}");
    assert!(told.contains("{alertname=\"C\"} silences 1 alert that fires now"), "{told}");
    assert_eq!(silenced_by(&new, out.trim()).await, ["C"]);
    // The daemon that knows it changes it in place.
    assert_eq!(silence(&old, &["import", path]).1.trim(), kept);
    std::fs::write(&file, r#"[{"matchers": [], "endsAt": "2099-01-01T00:00:00Z"}]"#).expect("written");
    let (code, _, told) = silence(&new, &["import", path]);
    assert!(code == 1 && told.contains("error: silence 0: at least one matcher required"), "{told}");
    for bad in ["", "{}", "[1]"] {
        std::fs::write(&file, bad).expect("written");
        assert_eq!(silence(&new, &["import", path]).0, 2, "{bad}");
    }
    assert_eq!(silence(&new, &["import", "/nowhere"]).0, 2);
}
