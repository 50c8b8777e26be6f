//! From the scrape that sees a fault to the webhook at the receiver: the whole daemon, real sockets, real disk.
//!
//! In each round something new is at fault, so each is a new alert in a new alert group, with `for: 0s` and
//! `group_wait: 0s`. An alert's start is the time of the scrape that it was seen in, at memsentry; the peers are asked for
//! their metrics by this program, which notes when. Prometheus and Alertmanager do the same in the same run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use memsentry::model::{Clock, Timestamp};
use serde_json::Value;

use super::stats::{median, percentile};
use super::table::{Peer, Table};
use super::{daemon, http};

/// Faults that are waited for.
const ROUNDS: usize = 60;
/// What the issue asks for, in milliseconds.
const AIM: f64 = 20.0;

const RULES: &str = "groups: [{name: bench, rules: [{alert: Fault, expr: METRIC == WRONG}]}]\n";

const OURS: &str = "\
targets:
  - name: main
    service: {url: 'http://SERVICE', token_file: token, requests_per_minute: 100000}
probes: [{kind: health, interval: 1s, timeout: 400ms}]
scrape: {interval: 1s}
rules: {files: [rules.yml], evaluation_interval: 1s}
store: {path: memsentry.db}
web: {listen: 'LISTEN'}
route: {receiver: hook, group_by: [dependency], group_wait: 0s, group_interval: 1m}
receivers: [{name: hook, webhook_configs: [{url_file: url}]}]
";

const PROMETHEUS: &str = "\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs: [{job_name: service, static_configs: [{targets: ['SERVICE']}]}]
alerting: {alertmanagers: [{static_configs: [{targets: ['LISTEN']}]}]}
";

const ALERTMANAGER: &str = "\
route: {receiver: hook, group_by: [dependency], group_wait: 0s, group_interval: 1m}
receivers: [{name: hook, webhook_configs: [{url: 'HOOK'}]}]
";

/// Processes that end with this value.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(daemon::end);
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}

/// When each fault arrived for the first time, and since when it was at fault as the notification tells.
#[derive(Clone, Default)]
struct Arrived(Arc<Mutex<BTreeMap<String, (Timestamp, Timestamp)>>>);

impl Arrived {
    /// A receiver for webhooks; its URL.
    fn listen(&self) -> String {
        let arrived = self.clone();
        let address = http::serve("text/plain", move |body| {
            arrived.take(body, now());
            String::new()
        });
        format!("http://{address}/")
    }

    fn take(&self, body: &[u8], at: Timestamp) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
        for alert in body["alerts"].as_array().into_iter().flatten().filter(|alert| alert["status"] == "firing") {
            let since = alert["startsAt"].as_str().and_then(Timestamp::parse_rfc3339);
            if let (Some(name), Some(since)) = (alert["labels"]["dependency"].as_str(), since) {
                self.0.lock().expect("no panic").entry(name.to_owned()).or_insert((at, since));
            }
        }
    }

    /// Milliseconds per fault, once there are enough; the first few find everything cold and do not count.
    fn wait(&self, seen_at: impl Fn(&str, Timestamp) -> Option<Timestamp>) -> Vec<f64> {
        for _ in 0..ROUNDS * 4 {
            sleep(Duration::from_millis(500));
            if self.0.lock().expect("no panic").len() >= ROUNDS + 3 {
                break;
            }
        }
        let arrived = self.0.lock().expect("no panic");
        let mut all: Vec<(Timestamp, f64)> = arrived
            .iter()
            .filter_map(|(name, (at, since))| Some((*at, (at.seconds() - seen_at(name, *since)?.seconds()) * 1e3)))
            .collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().skip(3).map(|(_, took)| took).collect()
    }
}

fn spawn(folder: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<Child> {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

fn fresh(folder: &Path, name: &str) -> std::path::PathBuf {
    let folder = folder.join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a writable target folder");
    folder
}

pub fn measure(table: &mut Table, folder: &Path) {
    let Some(ours) = ours(&fresh(folder, "latency")) else {
        println!("{}: the time from fault to webhook is left out", daemon::MISSING);
        return;
    };
    let theirs = theirs(&fresh(folder, "latency-peers"));
    let peer = |figure: fn(&[f64]) -> f64| {
        let figure = theirs.as_deref().map(figure)?;
        Some(Peer { name: "Prometheus and Alertmanager", figure, aim: None })
    };
    let p99 = |all: &[f64]| percentile(all, 0.99);
    assert!(ours.len() >= ROUNDS, "only {} of {ROUNDS} faults were told", ours.len());
    println!("fault to webhook: {} rounds, aim: median under {AIM} ms", ours.len());
    table.row("from the scrape that sees a fault to the webhook, median", "ms", median(&ours), peer(median));
    table.row("from the scrape that sees a fault to the webhook, 99th percentile", "ms", p99(&ours), peer(p99));
}

/// At each answer of the service another of its dependencies is at fault.
fn ours(folder: &Path) -> Option<Vec<f64>> {
    let (arrived, count) = (Arrived::default(), AtomicU64::new(0));
    let service = http::serve("application/json", move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        format!(r#"{{"status": "degraded", "services": {{"d{number}": "unhealthy"}}}}"#)
    });
    let address = super::free_address();
    fs::write(folder.join("memsentry.yaml"), OURS.replace("SERVICE", &service).replace("LISTEN", &address)).ok()?;
    fs::write(folder.join("rules.yml"), RULES.replace("METRIC", "chat_memory_dependency_up").replace("WRONG", "0"))
        .ok()?;
    fs::write(folder.join("token"), "token").ok()?;
    fs::write(folder.join("url"), arrived.listen()).ok()?;
    let mut check = Command::new(daemon::binary()?);
    let checked = check.current_dir(folder).args(["check", "--config", "memsentry.yaml"]).output().ok()?;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let daemon = spawn(folder, daemon::binary()?, &["run", "--config", "memsentry.yaml"])?;
    let _running = Running(vec![daemon]);
    Some(arrived.wait(|_, since| Some(since)))
}

/// At each scrape another fault is there.
fn theirs(folder: &Path) -> Option<Vec<f64>> {
    let arrived = Arrived::default();
    let scraped: Arc<Mutex<Vec<Timestamp>>> = Arc::default();
    let answers = Arc::clone(&scraped);
    let service = http::serve("text/plain; version=0.0.4", move |_| {
        let mut scraped = answers.lock().expect("no panic");
        scraped.push(now());
        format!("fault{{dependency=\"d{}\"}} 1\n", scraped.len() - 1)
    });
    let (prometheus, alertmanager) = (super::free_address(), super::free_address());
    let write = |name: &str, text: String| fs::write(folder.join(name), text).ok();
    write("prometheus.yml", PROMETHEUS.replace("SERVICE", &service).replace("LISTEN", &alertmanager))?;
    write("rules.yml", RULES.replace("METRIC", "fault").replace("WRONG", "1"))?;
    write("alertmanager.yml", ALERTMANAGER.replace("HOOK", &arrived.listen()))?;
    let listen = format!("--web.listen-address={alertmanager}");
    let paths = ["--config.file=alertmanager.yml", "--storage.path=alerts", "--cluster.listen-address="];
    let mut running =
        Running(vec![spawn(folder, "prometheus-alertmanager", &[&listen, paths[0], paths[1], paths[2]])?]);
    let listen = format!("--web.listen-address={prometheus}");
    let paths = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"];
    running.0.push(spawn(folder, "prometheus", &[&listen, paths[0], paths[1]])?);
    let number = |name: &str| name.strip_prefix('d')?.parse::<usize>().ok();
    Some(arrived.wait(|name, _| scraped.lock().expect("no panic").get(number(name)?).copied()))
}
