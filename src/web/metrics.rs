//! What the web server tells about itself.

use crate::metrics::{Definition, Kind};

/// Requests answered.
pub static REQUESTS: Definition = Definition {
    name: "memsentry_http_requests_total",
    help: "HTTP requests answered by memsentry, by route (the pattern of its path) and status code.",
    kind: Kind::Counter,
    labels: &["route", "code"],
};

/// Connections open now.
pub static CONNECTIONS: Definition = Definition {
    name: "memsentry_http_connections",
    help: "HTTP connections to memsentry that are open.",
    kind: Kind::Gauge,
    labels: &[],
};

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&REQUESTS, &CONNECTIONS];
