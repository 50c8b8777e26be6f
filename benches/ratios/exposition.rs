//! The text format and the scrape of the own registry, beside the `prometheus` crate's encoder and client_golang.

use memsentry::metrics::{Definition, Kind, Registry, buckets, write_text};
use memsentry::model::Timestamp;
use memsentry::scrape::Scraper;
use memsentry::tsdb::{Settings, Tsdb};
use prometheus::{Encoder, TextEncoder};

use super::stats::{median, nanos, timed};
use super::table::{Peer, Table};
use super::workload::INTERVAL;
use super::{http, prometheus::Prometheus};

static REQUESTS: Definition = Definition {
    name: "chat_memory_requests_total",
    help: "Requests.",
    kind: Kind::Counter,
    labels: &["target", "route"],
};
static DURATION: Definition = Definition {
    name: "chat_memory_request_duration_seconds",
    help: "Time that a request took.",
    kind: Kind::Histogram(buckets::REQUEST),
    labels: &["target", "route"],
};

const TARGETS: usize = 20;
const ROUTES: [&str; 5] = ["health", "login", "conversations", "memory_update", "memory"];

/// 100 counters and 100 histograms of 13 buckets: 1,700 series.
fn registry() -> Registry {
    let registry = Registry::new();
    let (requests, duration) = (registry.counter(&REQUESTS), registry.histogram(&DURATION));
    for target in 0..TARGETS {
        let target = format!("target-{target}");
        for route in ROUTES {
            requests.with_label_values(&[target.as_str(), route]).inc_by(17.0);
            (0..50).for_each(|n| duration.with_label_values(&[target.as_str(), route]).observe(f64::from(n) / 70.0));
        }
    }
    registry
}

pub fn measure(table: &mut Table, peer: Option<&Prometheus>) {
    let registry = registry();
    let series = http::series_in(&write_text(&registry.gather()));
    #[allow(clippy::cast_precision_loss)]
    let per_series = |nanos: f64| nanos / series as f64;

    let ours = per_series(nanos(100, || write_text(&registry.gather())));
    let theirs = prometheus::Registry::new();
    theirs.register(Box::new(registry.counter(&REQUESTS))).expect("a fresh registry");
    theirs.register(Box::new(registry.histogram(&DURATION))).expect("a fresh registry");
    let encoded = per_series(nanos(100, || {
        let mut out = Vec::new();
        TextEncoder::new().encode(&theirs.gather(), &mut out).map(|()| out)
    }));
    table.row(
        "exposition, per series",
        "ns",
        ours,
        Some(Peer { name: "prometheus crate", figure: encoded, aim: None }),
    );
    if let Some(peer) = peer {
        let (figure, _) = peer.exposition();
        let name = "client_golang, over HTTP";
        table.row("exposition, per series", "ns", ours, Some(Peer { name, figure, aim: None }));
    }

    let tsdb = Tsdb::new(&Settings::default(), &Registry::new());
    let mut scraper = Scraper::new(registry, tsdb);
    let mut at = Timestamp::from_millis(1_700_000_000_000);
    let scrape = nanos(300, || {
        at = Timestamp::from_millis(at.millis() + INTERVAL);
        scraper.scrape(at);
    });
    table.row("scrape into the store, per series", "ns", per_series(scrape), None);
}

/// Nanoseconds per series of a GET of `/metrics`, and how many series there are.
pub fn over_http(address: &str) -> (f64, usize) {
    let mut series = 0;
    let took: Vec<f64> = (0..60)
        .map(|_| {
            let (text, took) = timed(|| http::get(address, "/metrics").unwrap_or_default());
            series = http::series_in(&text);
            took.as_secs_f64() * 1e9
        })
        .collect();
    #[allow(clippy::cast_precision_loss)]
    (median(&took) / series as f64, series)
}
