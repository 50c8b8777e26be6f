//! Figures as ratios: we and others do the same work in one run on one machine. `scripts/bench` runs it.
//!
//! Absolute figures depend on the machine and on who else uses it; ratios, of processor time above all, much less. Writes below the
//! target folder only. A name as argument (`rules`, `storage`, `exposition`, `probe`, `daemon`,
//! `latency`, `memory`, `load`) measures that part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods
)]
#![allow(missing_docs)]

mod daemon;
mod exposition;
mod flood;
mod http;
mod latency;
mod load;
mod memory;
mod probe;
mod prometheus;
mod remote_write;
mod rules;
mod stats;
mod storage;
mod table;
mod workload;

use std::net::TcpListener;
use std::path::Path;

use memsentry::model::Clock;

use prometheus::Prometheus;
use rules::Ours;
use table::{Peer, Table};
use workload::INTERVAL;

/// What rule evaluation is to be at least, against Prometheus.
const AIM: f64 = 5.0;

/// Samples before the first evaluation: 70 minutes.
const HISTORY: u64 = 840;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != load::SERVER).skip(1);
    if let Some(delay) = arguments.next() {
        return load::serve(delay.parse().expect("milliseconds"));
    }
    // Cargo passes `--bench`.
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|name| name == part);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    let mut table = Table::default();
    let needs_peer = wanted("rules") || wanted("exposition");
    let history = i64::try_from(HISTORY).unwrap_or_default() * INTERVAL;
    let origin = Clock::system().now().millis() / INTERVAL * INTERVAL - history;
    let peer = if needs_peer { Prometheus::start(&folder, origin) } else { None };
    match &peer {
        Some(peer) => println!("peer: Prometheus {}", peer.version()),
        None if needs_peer => println!("no prometheus here (Debian package prometheus): no ratios for rules"),
        None => {}
    }
    if wanted("rules") {
        compare_rules(&mut table, peer.as_ref(), origin);
    }
    if wanted("exposition") {
        exposition::measure(&mut table, peer.as_ref());
    }
    if let Some(peer) = &peer {
        println!("resident memory of Prometheus with this workload: {:.0} MB", peer.memory() / 1e6);
    }
    drop(peer);
    if wanted("storage") {
        storage::measure(&mut table);
    }
    if wanted("probe") {
        probe::measure(&mut table);
    }
    if wanted("daemon") {
        daemon::measure(&mut table, &folder);
    }
    if wanted("flood") {
        flood::measure(&mut table, &folder);
    }
    if wanted("latency") {
        latency::measure(&mut table, &folder);
    }
    if wanted("memory") {
        memory::measure(&mut table, &folder);
    }
    if wanted("load") {
        load::measure(&mut table, &folder);
    }
    println!();
    table.print();
}

fn compare_rules(table: &mut Table, peer: Option<&Prometheus>, origin: i64) {
    let sources = workload::sources();
    let mut theirs = Vec::new();
    if let Some(peer) = peer {
        peer.feed(&sources);
        let idle = peer.idle(&sources);
        for group in workload::groups() {
            let beat = if group == workload::MIX { ("4s", 24) } else { ("1s", 10) };
            theirs.push(peer.evaluate(&sources, group, beat, idle));
        }
        peer.idle(&sources);
    }
    let mut ours = Ours::load(&sources, origin, HISTORY);
    for (i, name) in workload::groups().into_iter().enumerate() {
        // Either way over more than two fills of a tail.
        let (ticks, stride) = if name == workload::MIX { (20, 13) } else { (50, 5) };
        let ours = ours.evaluate(&sources, name, ticks, stride);
        let what = match name {
            "recorded" => "rate of 500 series, written back".to_owned(),
            workload::MIX => format!("mix of {} rules", workload::MIXED_RULES),
            kind => match kind.strip_prefix("one_") {
                Some(kind) => format!("{} over 10 series", kind.replace('_', " ")),
                None => format!("{} over 500 series", kind.replace('_', " ")),
            },
        };
        let peer = |figure: fn(&prometheus::Cost) -> f64| {
            let figure = theirs.get(i).map(figure)?;
            Some(Peer { name: "Prometheus", figure, aim: Some(AIM) })
        };
        table.row(&format!("{what}: processor time per rule"), "µs", ours.processor, peer(|cost| cost.processor));
        table.row(&format!("{what}: fastest evaluation, per rule"), "µs", ours.fastest, peer(|cost| cost.fastest));
    }
}

/// A loopback address on which nobody listens.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a free port").to_string()
}
