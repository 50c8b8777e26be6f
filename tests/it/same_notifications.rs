//! Real daemons agree: the same samples and rules, through Prometheus and Alertmanager and through memsentry, tell a
//! webhook the same. Twenty alerts, grouped three ways, some inhibited, some silenced.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::peers::installed;
use crate::stage::{Config, Daemon, Door, Process, Webhook, closed_port, http, shared_reference, until};

const TARGETS: [&str; 4] = ["main", "t2", "t3", "t4"];

/// Five alerts for each target that does not answer. The labels are the target's alone, so that what a scrape adds to
/// the series makes no difference. `Down` outlives `Slow`, which it inhibits: Alertmanager would otherwise tell the end
/// of `Slow`, of which nobody was told.
const RULES: &str = "
groups:
  - name: fast
    interval: 200ms
    rules:
      - {alert: Down, expr: 'max by (target) (chat_memory_up) == 0', keep_firing_for: 3s, labels: {severity: page}}
      - {alert: Slow, expr: 'max by (target) (chat_memory_up) == 0', labels: {severity: warn}}
      - {alert: Stale, expr: 'max by (target) (chat_memory_up) == 0', labels: {severity: warn}, annotations: {summary: '{{ $labels.target }}'}}
      - {alert: Noise, expr: 'max by (target) (chat_memory_up) == 0', labels: {severity: warn}}
      - {alert: Info, expr: 'max by (target) (chat_memory_up) == 0', labels: {severity: info}}
";

/// Taken by both as it stands.
const ROUTE: &str = "{receiver: oncall, group_by: [target], group_wait: 500ms, group_interval: 1s, repeat_interval: 4h, routes: [\
    {matchers: ['severity=\"info\"'], group_by: [alertname]}, \
    {match_re: {severity: 'warn|never'}, matchers: ['target!=\"nowhere\"', 'alertname=~\"No.*\"']}]}";
const INHIBIT: &str =
    "[{source_matchers: [alertname=Down], target_matchers: ['alertname=~\"Slow|Down\"'], equal: [target]}]";

/// What one daemon told: for each group, message by message, the alerts with their states.
type Told = BTreeMap<String, Vec<BTreeSet<String>>>;

fn told(webhook: &Webhook) -> Told {
    let mut told = Told::new();
    for page in webhook.taken() {
        let alerts = page.body["alerts"].as_array().expect("alerts").iter();
        let alert = |alert: &Value| format!("{} {}", alert["status"].as_str().unwrap_or_default(), alert["labels"]);
        let key = page.body["groupKey"].as_str().expect("a key").to_owned();
        told.entry(key).or_default().push(alerts.map(alert).collect());
    }
    told
}

/// The last thing each group's receiver was told of each of a target's alerts: how many of them have this state.
fn standing(webhook: &Webhook, target: &str, status: &str) -> usize {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for page in webhook.taken() {
        for alert in page.body["alerts"].as_array().into_iter().flatten().filter(|a| a["labels"]["target"] == target) {
            last.insert(alert["labels"].to_string(), alert["status"].as_str().unwrap_or_default().to_owned());
        }
    }
    last.values().filter(|state| *state == status).count()
}

struct Both {
    ours: Webhook,
    theirs: Webhook,
}

impl Both {
    /// Waits until both told of all four alerts of a target that are not inhibited.
    async fn told(&self, target: &str, status: &str) {
        for (who, webhook) in [("memsentry", &self.ours), ("Alertmanager", &self.theirs)] {
            let what = format!("{who} to tell that {target} is {status}; told: {:#?}", told(webhook));
            until(&what, || async { (standing(webhook, target, status) == 4).then_some(()) }).await;
        }
        // Between two steps both have looked at every group once more, so that the next step finds them alike.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
}

/// Debian's daemons; the folder holds their files.
struct Theirs {
    alertmanager: String,
    prometheus: String,
    _processes: [Process; 2],
    _folder: tempfile::TempDir,
}

fn start_theirs(daemon: &Daemon, webhook: &Webhook) -> Theirs {
    let folder = tempfile::tempdir().expect("a folder");
    let (am, prom) = (closed_port(), closed_port());
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    let receivers = json!([{"name": "oncall", "webhook_configs": [{"url": webhook.url}]}]);
    write("alertmanager.yml", &format!("route: {ROUTE}\ninhibit_rules: {INHIBIT}\nreceivers: {receivers}\n"));
    write("rules.yml", RULES);
    let config = json!({
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [format!("127.0.0.1:{am}")]}]}]},
        "scrape_configs": [{"job_name": "memsentry",
            "static_configs": [{"targets": [daemon.url().trim_start_matches("http://")]}]}],
    });
    write("prometheus.yml", &config.to_string());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let start = |command: &mut Command| {
        Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
    };
    let alertmanager = start(Command::new("prometheus-alertmanager").args([
        format!("--config.file={}", file("alertmanager.yml")),
        format!("--storage.path={}", file("silences")),
        format!("--web.listen-address=127.0.0.1:{am}"),
        "--cluster.listen-address=".to_owned(),
    ]));
    let prometheus = start(Command::new("prometheus").args([
        format!("--config.file={}", file("prometheus.yml")),
        format!("--storage.tsdb.path={}", file("data")),
        format!("--web.listen-address=127.0.0.1:{prom}"),
    ]));
    Theirs {
        alertmanager: format!("http://127.0.0.1:{am}"),
        prometheus: format!("http://127.0.0.1:{prom}"),
        _processes: [alertmanager, prometheus],
        _folder: folder,
    }
}

/// Silences a target; answers with the silence's URL.
async fn silence(base: &str, target: &str) -> String {
    let now = SystemTime::now();
    let time = |at: SystemTime| {
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64();
        memsentry::model::Timestamp::from_seconds(seconds).rfc3339()
    };
    let body = json!({
        "matchers": [{"name": "target", "value": target, "isRegex": false, "isEqual": true}],
        "startsAt": time(now), "endsAt": time(now + Duration::from_secs(3600)), "createdBy": "a test", "comment": "t",
    });
    let url = format!("{base}/api/v2/silences");
    let id = until("a silence", || async {
        let answer: Value = http().post(&url).json(&body).send().await.ok()?.json().await.ok()?;
        answer["silenceID"].as_str().map(str::to_owned)
    })
    .await;
    format!("{base}/api/v2/silence/{id}")
}

#[tokio::test]
async fn prometheus_with_alertmanager_and_memsentry_tell_the_same() {
    if !installed("prometheus") || !installed("prometheus-alertmanager") {
        return;
    }
    let both = Both { ours: Webhook::start().await, theirs: Webhook::start().await };
    let doors = TARGETS.map(|_| Door::before(&shared_reference().api_url));
    let mut config = Config::new(&doors[0].url()).with_rules(RULES).with_webhook(&both.ours);
    let service = |door: &Door| Config::new(&door.url()).service;
    // More targets under the first one.
    for (name, door) in TARGETS.iter().zip(&doors).skip(1) {
        config.service = format!("{}\n  - name: {name}\n    service: {}", config.service, service(door));
    }
    config.route = format!("{ROUTE}\ninhibit_rules: {INHIBIT}");
    let daemon = Daemon::start(&config).await;
    let theirs = start_theirs(&daemon, &both.theirs);
    let seen = format!("{}/api/v1/query?query=sum(chat_memory_up)", theirs.prometheus);
    until("Prometheus to see every target answer", || async {
        let answer: Value = http().get(&seen).send().await.ok()?.json().await.ok()?;
        (answer["data"]["result"][0]["value"][1] == "4").then_some(())
    })
    .await;
    let silences = [silence(daemon.url(), "t3").await, silence(&theirs.alertmanager, "t3").await];

    doors[2].close().await;
    for number in [0, 1, 3] {
        doors[number].close().await;
        both.told(TARGETS[number], "firing").await;
    }
    for url in silences {
        assert!(http().delete(&url).send().await.expect("an answer").status().is_success(), "{url}");
    }
    both.told("t3", "firing").await;
    for (door, target) in doors.iter().zip(TARGETS) {
        door.open();
        both.told(target, "resolved").await;
    }

    let (ours, theirs) = (told(&both.ours), told(&both.theirs));
    println!("{} messages about {} groups", ours.values().map(Vec::len).sum::<usize>(), ours.len());
    assert_eq!(ours, theirs, "ours on the left, theirs on the right");
    let inhibited = ours.values().flatten().flatten().find(|alert| alert.contains("Slow"));
    assert_eq!(inhibited, None, "told though inhibited");
    // The targets' on the root and on the route of `Noise`, and that of `Info`.
    assert_eq!(ours.len(), 4 + 4 + 1, "groups: {ours:#?}");
}
