//! What the daemon weighs over a week of history: 1,000 series at one sample in 5 s.
//!
//! `examples/history_load.rs` makes the file, in a process of its own. The daemon goes on with it, scrapes itself every
//! second and evaluates the shipped rules and rules over all of those series. Then whole weeks are asked for.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use memsentry::model::{Clock, Stopwatch};

use super::table::Table;
use super::{daemon, http};

const CONFIG: &str = "\
targets:
  - name: nobody
    service: {url: 'http://127.0.0.1:9', token_file: token}
scrape: {interval: 1s}
rules: {files: [alerts.yaml, rules.yml], evaluation_interval: 1s}
web: {listen: 'ADDRESS'}
store: {path: memsentry.db}
route: {receiver: nobody}
receivers: [{name: nobody}]
";

/// Rules that look at every series of the file, far back.
const RULES: &str = "\
groups:
  - name: week
    rules:
      - {alert: Threshold, expr: '{__name__=~\"chat_memory_metric_.*\"} > 1e12'}
      - {alert: Rate, expr: 'rate({__name__=~\"chat_memory_metric_.*\"}[5m]) > 1e12'}
      - {alert: Hour, expr: 'sum by (target) (increase({__name__=~\"chat_memory_metric_.*\"}[1h])) > 1e12'}
";

/// Over the whole week: one series, the fifty of one name, all thousand, each as a graph would ask.
const QUERIES: &[&str] = &[
    "chat_memory_metric_0{le=\"7\"}",
    "rate(chat_memory_metric_1[1h])",
    "sum by (target) (rate(chat_memory_metric_2[1h]))",
    "sum(chat_memory_metric_3)",
    "max_over_time(chat_memory_metric_4{le=~\"1.*\"}[6h])",
    "sum by (target) ({__name__=~\"chat_memory_metric_1.*\"})",
];

/// Ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        daemon::end(&mut self.0);
    }
}

pub fn measure(table: &mut Table, folder: &Path) {
    let folder = folder.join("memory");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a writable target folder");
    let Some(binary) = daemon::binary() else {
        println!("{}: the memory of a daemon with a week of history is left out", daemon::MISSING);
        return;
    };
    let loader = binary.with_file_name("examples").join("history_load");
    let made = Command::new(loader).current_dir(&folder).args(["1000", "7", "5", "memsentry.db"]).output();
    let Some(made) = made.ok().filter(|made| made.status.success()) else {
        println!("no history could be made: cargo build --profile dist --example history_load");
        return;
    };
    println!("{}", String::from_utf8_lossy(&made.stdout).trim_end());
    let address = super::free_address();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a writable target folder");
    write("memsentry.yaml", &CONFIG.replace("ADDRESS", &address));
    write("alerts.yaml", memsentry::rules::SHIPPED);
    write("rules.yml", RULES);
    write("token", "token");
    let mut command = Command::new(binary);
    let command = command.current_dir(&folder).args(["run", "--config", "memsentry.yaml"]);
    // As the systemd unit and the Dockerfile have it.
    let command = command.env("MALLOC_ARENA_MAX", "2").env("MALLOC_TRIM_THRESHOLD_", "131072");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("memsentry beside this program");
    let running = Running(child);
    while http::get(&address, "/-/ready").is_none() {
        sleep(Duration::from_millis(50));
    }
    let mut row = |when: &str| {
        let label = |what: &str| format!("daemon with 7 days of 1,000 series: resident {what}{when}");
        table.row(&label(""), "MB", megabytes(running.0.id(), "VmRSS:"), None);
        table.row(&label("at most, "), "MB", megabytes(running.0.id(), "VmHWM:"), None);
    };
    row("after the start");
    sleep(Duration::from_secs(40));
    row("after 40 rounds of rules");
    let (end, week) = (Clock::system().now().millis() / 1000, 7 * 86_400);
    for query in QUERIES.iter().cycle().take(QUERIES.len() * 3) {
        let watch = Stopwatch::start();
        let form = format!("query={}&start={}&end={end}&step=600", escaped(query), end - week);
        let header = "Content-Type: application/x-www-form-urlencoded\r\n";
        let answer = http::post(&address, "/api/v1/query_range", header, form.as_bytes());
        let told = answer.map_or("no answer".to_owned(), |answer| format!("{:.1} kB", answer.len() as f64 / 1e3));
        println!("{query}: {told}, {:.0} ms, resident {:.1} MB", watch.elapsed().as_secs_f64() * 1e3, {
            megabytes(running.0.id(), "VmRSS:")
        });
    }
    row("after queries over 7 days");
}

fn escaped(query: &str) -> String {
    query
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A line of the process's status, given in kB there.
fn megabytes(process: u32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.split_whitespace().next()?.parse::<f64>().ok());
    found.unwrap_or(f64::NAN) * 1024.0 / 1e6
}
