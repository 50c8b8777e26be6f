//! Figures as ratios: we and others do the same work in one run on one machine. `scripts/bench` runs it.
//!
//! Absolute figures depend on the machine and on who else uses it; ratios of medians much less. Writes below the
//! target folder only. A name as argument (`rules`, `storage`, `exposition`, `probe`, `daemon`) measures that part.
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
mod http;
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

/// Samples of Prometheus that lie ahead of the start: five minutes.
const AHEAD: u64 = 60;

fn main() {
    // Cargo passes `--bench`.
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|name| name == part);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    let mut table = Table::default();
    let needs_peer = wanted("rules") || wanted("exposition");
    let peer = if needs_peer { Prometheus::start(&folder) } else { None };
    match &peer {
        Some(peer) => println!("peer: Prometheus {}", peer.version()),
        None if needs_peer => println!("no prometheus here (Debian package prometheus): no ratios for rules"),
        None => {}
    }
    if wanted("rules") {
        compare_rules(&mut table, peer.as_ref());
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
    println!();
    table.print();
}

fn compare_rules(table: &mut Table, peer: Option<&Prometheus>) {
    let sources = workload::sources();
    let history = i64::try_from(HISTORY).unwrap_or_default() * INTERVAL;
    let origin = Clock::system().now().millis() / INTERVAL * INTERVAL - history;
    let mut theirs = std::collections::BTreeMap::new();
    if let Some(peer) = peer {
        peer.write(&sources, origin, 0, HISTORY + AHEAD);
        theirs = peer.evaluate(false, "1s", 20);
        theirs.extend(peer.evaluate(true, "3s", 24));
        peer.evaluate(true, "1h", 1);
    }
    let mut ours = Ours::load(&sources, origin, HISTORY);
    let mut micros = ours.evaluate(&sources, false, 250, 1);
    micros.extend(ours.evaluate(&sources, true, 20, 13));
    let names = workload::KINDS.iter().map(|kind| kind.name).chain(["mix"]);
    for name in names {
        let what = match name {
            "recorded" => "rate of 500 series, written back, per rule".to_owned(),
            "mix" => format!("mix of {} rules, per rule", workload::MIXED_RULES),
            kind => format!("{} over 500 series, per rule", kind.replace('_', " ")),
        };
        let peer = theirs.get(name).map(|figure| Peer { name: "Prometheus", figure: *figure, aim: Some(AIM) });
        table.row(&what, "µs", micros.get(name).copied().unwrap_or(f64::NAN), peer);
    }
}

/// A loopback address on which nobody listens.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a free port").to_string()
}
