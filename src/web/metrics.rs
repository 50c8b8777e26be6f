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

/// Alerts of others.
pub static ALERTS_RECEIVED: Definition = Definition::counter(
    "memsentry_alerts_received_total",
    "Alerts that others posted to the Alertmanager API, by status.",
    &["status"],
);

/// Alerts of others that are wrong.
pub static ALERTS_INVALID: Definition = Definition::counter(
    "memsentry_alerts_invalid_total",
    "Alerts posted to the Alertmanager API that were not valid and not taken in.",
    &[],
);

/// The version of Alertmanager's API, under the name by which its clients look for it.
pub static API_VERSION: Definition = Definition::gauge(
    "alertmanager_build_info",
    "1; the version of Alertmanager whose API memsentry speaks, for clients such as karma that look for it here.",
    &["version"],
);

/// Every metric of this module.
pub static DEFINITIONS: &[&Definition] = &[&REQUESTS, &CONNECTIONS, &ALERTS_RECEIVED, &ALERTS_INVALID, &API_VERSION];
