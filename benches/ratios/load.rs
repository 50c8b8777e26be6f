//! Load generators beside each other: the same trivial server, pinned to one core, and each generator to the other.
//!
//! The server is this program again. It notes how long it takes for each request, so that what a generator says about
//! latency can be held against who knows. Rounds take turns, so that a busy neighbour disturbs all alike.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use memsentry::model::Stopwatch;
use memsentry::traffic::histogram;

use super::http;
use super::stats::median;
use super::table::{Peer, Table};

/// By which this program knows that it is to be the server.
pub const SERVER: &str = "--trivial-server";

/// Many short rounds: what disturbs comes and goes within seconds, and each round has all generators in it.
const ROUNDS: usize = 15;
const LENGTH: &str = "1s";
const CONNECTIONS: &str = "64";
/// Requests a second where the rate is fixed, how long, and how often.
const RATE: &str = "1000";
const STEADY_LENGTH: &str = "4s";
const STEADY_ROUNDS: usize = 5;

pub fn measure(table: &mut Table, folder: &Path) {
    std::fs::create_dir_all(folder).expect("the target folder can be written");
    let server = Server::start("0");
    let config = configuration(folder, &server.address);
    let ours = |further: &[&str]| memsentry(&config, further);
    let url = format!("http://{}/health", server.address);
    let mut rates: Vec<(&str, Vec<f64>)> = Vec::new();
    for _ in 0..ROUNDS {
        let closed = ["--closed", CONNECTIONS, "--duration", LENGTH, "--max-rate", "10000000"];
        let figures = [
            ("memsentry", ours(&closed).map(|report| report["sent"]["rate"].as_f64().unwrap_or(f64::NAN))),
            ("wrk", printed("wrk", &["-t1", "-c", CONNECTIONS, "-d", LENGTH, &url])),
            ("hey", printed("hey", &["-z", LENGTH, "-c", CONNECTIONS, &url])),
            (
                "oha",
                oha(&["-z", LENGTH, "-c", CONNECTIONS, &url])
                    .and_then(|said| said["summary"]["requestsPerSec"].as_f64()),
            ),
        ];
        for (name, figure) in figures {
            let Some(figure) = figure else { continue };
            match rates.iter_mut().find(|(known, _)| *known == name) {
                Some((_, all)) => all.push(figure),
                None => rates.push((name, vec![figure])),
            }
        }
    }
    drop(server);
    let per_request = |name: &str| rates.iter().find(|(known, _)| *known == name).map(|(_, all)| 1e6 / median(all));
    let mine = per_request("memsentry").expect("memsentry load runs");
    for (name, aim) in [("oha", Some(1.0)), ("wrk", None), ("hey", None)] {
        let peer = per_request(name).map(|figure| Peer { name, figure, aim });
        table.row(&format!("load, 64 connections, one core, each request ({name})"), "µs", mine, peer);
    }
    accuracy(table, &config, folder);
}

/// How far the 99th percentile at a fixed rate is from what the server's own log says.
fn accuracy(table: &mut Table, config: &Path, folder: &Path) {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..STEADY_ROUNDS {
        let server = Server::start("5");
        configuration(folder, &server.address);
        let report =
            memsentry(config, &["--profile", "soak", "--rate", RATE, "--duration", STEADY_LENGTH, "--max-rate", RATE]);
        let report = report.expect("memsentry load runs");
        let quantiles = report["sent"]["steps"][0]["latency"]["quantiles"].as_array().expect("quantiles").clone();
        let p99 = quantiles.iter().find(|kept| kept["q"] == 0.99).and_then(|kept| kept["value"].as_f64());
        mine.push((p99.expect("a percentile") - server.logged()).abs() * 1e6);

        let server = Server::start("5");
        let url = format!("http://{}/health", server.address);
        let arguments = ["-z", STEADY_LENGTH, "-c", CONNECTIONS, "-q", RATE, "--latency-correction", url.as_str()];
        let p99 = oha(&arguments).and_then(|said| said["latencyPercentiles"]["p99"].as_f64());
        theirs.extend(p99.map(|p99| (p99 - server.logged()).abs() * 1e6));
    }
    let peer = (!theirs.is_empty()).then(|| Peer { name: "oha", figure: median(&theirs), aim: None });
    table.row("load, error of the 99th percentile at 1000 a second", "µs", median(&mine), peer);
}

fn configuration(folder: &Path, address: &str) -> PathBuf {
    let file = folder.join("load.yaml");
    let text = format!(
        "targets:\n  - {{name: trivial, service: {{url: 'http://{address}', token_file: load.token}}}}\n\
         web: {{listen: '127.0.0.1:1'}}\n"
    );
    std::fs::write(folder.join("load.token"), "token").expect("written");
    std::fs::write(&file, text).expect("written");
    file
}

/// A program on the core that generators share.
fn pinned(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program).stderr(Stdio::null());
    command
}

fn memsentry(config: &Path, further: &[&str]) -> Option<serde_json::Value> {
    let mut command = pinned(env!("CARGO_BIN_EXE_memsentry"));
    command.args(["load", "--scenario", "health", "--yes", "--json", "--config"]).arg(config).args(further);
    serde_json::from_slice(&command.output().ok()?.stdout).ok()
}

/// What follows `Requests/sec:`.
fn printed(program: &str, arguments: &[&str]) -> Option<f64> {
    let output = pinned(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split("Requests/sec:").nth(1)?.split_whitespace().next()?.parse().ok()
}

fn oha(arguments: &[&str]) -> Option<serde_json::Value> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/oha");
    let program = if own.exists() { own } else { PathBuf::from("oha") };
    let output = pinned(program).args(["--no-tui", "--output-format", "json"]).args(arguments).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// The server as a process on the other core.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(delay: &str) -> Self {
        let program = std::env::current_exe().expect("our own program");
        let mut command = Command::new("taskset");
        command.args(["-c", "1"]).arg(program).args([SERVER, delay]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("taskset is here (Debian package util-linux)");
        let mut address = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut address).expect("its address");
        Self { child, address: address.trim().to_owned() }
    }

    /// The 99th percentile of its own log, in seconds.
    fn logged(&self) -> f64 {
        http::get(&self.address, "/log").and_then(|text| text.trim().parse().ok()).expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed; waits `delay` milliseconds in each request.
pub fn serve(delay: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("bound"));
        let log = Arc::new(Mutex::new(histogram()));
        if delay > 0 {
            // Its log is to say when a request was there, not when an idle core has noticed, so this one never idles.
            tokio::spawn(async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
        }
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let log = Arc::clone(&log);
            let service = service_fn(move |request| answer(request, Arc::clone(&log), delay));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    log: Arc<Mutex<Histogram<u64>>>,
    delay: u64,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/log" {
        #[allow(clippy::cast_precision_loss)]
        let p99 = log.lock().expect("not poisoned").value_at_quantile(0.99) as f64 / 1e6;
        return Ok(Response::new(Full::new(Bytes::from(p99.to_string()))));
    }
    if delay > 0 {
        let watch = Stopwatch::start();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let micros = u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX);
        log.lock().expect("not poisoned").saturating_record(micros);
    }
    Ok(Response::new(Full::new(Bytes::from_static(br#"{"status":"healthy"}"#))))
}
