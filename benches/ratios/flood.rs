//! Ten thousand alerts at once, each told alone: how long until the last webhook has arrived, and what the daemon weighs
//! then. Real daemon, real file, one webhook on loopback; the alerts come by the API, as from a Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use memsentry::model::Stopwatch;
use serde_json::{Value, json};

use super::table::Table;
use super::{daemon, http};

/// How many.
const ALERTS: usize = 10_000;
/// Longest wait for the last.
const PATIENCE: Duration = Duration::from_secs(300);

const CONFIG: &str = "\
targets:
  - name: nobody
    service: {url: 'http://127.0.0.1:9', token_file: token}
store: {path: memsentry.db}
web: {listen: 'LISTEN'}
route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1m}
receivers: [{name: hook, webhook_configs: [{url_file: url}]}]
";

pub fn measure(table: &mut Table, folder: &Path) {
    let Some((seconds, before, after)) = flood(&folder.join("flood")) else {
        println!("{}, or not all alerts arrived: the flood of {ALERTS} alerts is left out", daemon::MISSING);
        return;
    };
    table.row(&format!("{ALERTS} alerts at once, each told alone: time to the last webhook"), "s", seconds, None);
    table.row(&format!("{ALERTS} alerts at once: memory above the {before:.0} MB before"), "MB", after - before, None);
}

/// Seconds to the last webhook; the daemon's resident megabytes before and after.
fn flood(folder: &Path) -> Option<(f64, f64, f64)> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).ok()?;
    let arrived: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let hook = receiver(&arrived);
    let address = super::free_address();
    fs::write(folder.join("memsentry.yaml"), CONFIG.replace("LISTEN", &address)).ok()?;
    fs::write(folder.join("token"), "token").ok()?;
    fs::write(folder.join("url"), format!("http://{hook}/")).ok()?;
    let mut child = Command::new(daemon::binary()?)
        .current_dir(folder)
        .args(["run", "--config", "memsentry.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let result = poured(&address, &arrived);
    daemon::end(&mut child);
    result
}

/// A webhook that answers 200 at once and remembers which alerts it was told; its address.
fn receiver(arrived: &Arc<Mutex<BTreeSet<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let arrived = Arc::clone(arrived);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let arrived = Arc::clone(&arrived);
            std::thread::spawn(move || receive(stream, &arrived));
        }
    });
    address
}

/// All requests of one connection.
fn receive(mut stream: TcpStream, arrived: &Mutex<BTreeSet<String>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut requests = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let header = line.to_ascii_lowercase();
            length = header.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap_or(0));
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let names = body["alerts"].as_array().into_iter().flatten().filter_map(|alert| alert["labels"]["n"].as_str());
        arrived.lock().expect("no panic").extend(names.map(str::to_owned));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
}

fn poured(address: &str, arrived: &Mutex<BTreeSet<String>>) -> Option<(f64, f64, f64)> {
    let weight = || {
        let bytes = http::value(&http::get(address, "/metrics")?, "memsentry_resident_memory_bytes")?;
        Some(bytes / 1e6)
    };
    // Time to start, and for the rules to be heard once.
    sleep(Duration::from_secs(20));
    let before = weight()?;
    let alert = |n: usize| {
        json!({"labels": {"alertname": "Flood", "n": n.to_string(), "severity": "warning"},
                                  "annotations": {"summary": format!("number {n} of many")}})
    };
    let body: Vec<Value> = (0..ALERTS).map(alert).collect();
    let body = serde_json::to_vec(&body).ok()?;
    let watch = Stopwatch::start();
    http::post(address, "/api/v2/alerts", "Content-Type: application/json\r\n", &body)?;
    let (mut most, mut all) = (before, false);
    while !all && watch.elapsed() < PATIENCE {
        all = arrived.lock().expect("no panic").len() >= ALERTS;
        most = weight().map_or(most, |now| now.max(most));
        sleep(Duration::from_millis(20));
    }
    all.then(|| (watch.elapsed().as_secs_f64(), before, most))
}
