//! What the web server tells about itself.

use crate::metrics::Definition;

/// Requests answered.
pub static REQUESTS: Definition = Definition::counter(
    "memsentry_http_requests_total",
    "HTTP requests answered by memsentry, by route (the pattern of its path) and status code.",
    &["route", "code"],
);

/// Connections open now.
pub static CONNECTIONS: Definition =
    Definition::gauge("memsentry_http_connections", "HTTP connections to memsentry that are open.", &[]);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&REQUESTS, &CONNECTIONS];
