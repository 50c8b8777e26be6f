//! The daemon as a process, as it is released: how fast it is there, and what it weighs in the demo.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use memsentry::model::Stopwatch;

use super::http;
use super::stats::median;
use super::table::{Peer, Table};

/// Resident memory of prometheus, alertmanager, blackbox, sql and postgres exporters together, as measured before
/// this project began.
const STACK_MB: f64 = 138.0;

/// Seconds that the demo runs before its memory is read.
const DEMO: u64 = 40;

const CONFIG: &str = "\
targets:
  - name: nobody
    service: {url: 'http://127.0.0.1:9', token_file: token}
web: {listen: 'ADDRESS'}
store: {path: memsentry.db}
route: {receiver: nobody}
receivers: [{name: nobody}]
";

/// What to say where there is no [`binary`].
pub const MISSING: &str = "no memsentry beside this program (scripts/bench builds it)";

/// The memsentry beside this program, if it was built.
pub fn binary() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let path = own.ancestors().nth(2)?.join("memsentry");
    path.exists().then_some(path)
}

pub fn measure(table: &mut Table, folder: &Path) {
    let Some(binary) = binary() else {
        println!("{MISSING}: start to first /metrics and resident memory are left out");
        return;
    };
    let starts: Vec<f64> = (0..7).filter_map(|_| start(&binary, folder)).collect();
    table.row("start to first /metrics", "ms", median(&starts), None);
    if let Some(megabytes) = demo_memory(&binary) {
        let peer = Peer { name: "stack of five, measured before", figure: STACK_MB, aim: None };
        table.row("resident memory in the demo, with its mail and webhook sinks", "MB", megabytes, Some(peer));
    }
}

fn start(binary: &Path, folder: &Path) -> Option<f64> {
    let folder = folder.join("daemon");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).ok()?;
    let address = super::free_address();
    fs::write(folder.join("memsentry.yaml"), CONFIG.replace("ADDRESS", &address)).ok()?;
    fs::write(folder.join("token"), "token").ok()?;
    let watch = Stopwatch::start();
    let mut child = Command::new(binary)
        .current_dir(&folder)
        .args(["run", "--config", "memsentry.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut took = None;
    while took.is_none() && watch.elapsed() < Duration::from_secs(5) {
        took = http::get(&address, "/metrics").map(|_| watch.elapsed().as_secs_f64() * 1000.0);
        sleep(Duration::from_micros(200));
    }
    end(&mut child);
    took
}

/// Runs the demo and reads from `/metrics` what it weighs.
fn demo_memory(binary: &Path) -> Option<f64> {
    let mut child = Command::new(binary)
        .args(["demo", "--for", &format!("{}s", DEMO + 15)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let lines = BufReader::new(child.stderr.take()?).lines().map_while(Result::ok);
    let (sender, addresses) = std::sync::mpsc::channel();
    // Reads on to the end, or the demo would block once the pipe is full.
    std::thread::spawn(move || {
        for line in lines.filter(|line| line.contains("its metrics")) {
            let _ = sender.send(line.split_once("http://").map(|(_, url)| url.trim_end_matches("/metrics").to_owned()));
        }
    });
    let address = addresses.recv_timeout(Duration::from_secs(60)).ok().flatten()?;
    sleep(Duration::from_secs(DEMO));
    let metrics = http::get(&address, "/metrics");
    end(&mut child);
    http::value(&metrics?, "memsentry_resident_memory_bytes").map(|bytes| bytes / 1e6)
}

/// Asks it to end, as a person would, so that it takes its Postgres along.
pub fn end(child: &mut Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}
