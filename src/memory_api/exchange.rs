//! One request with its answer as a person sees it later: redacted, bounded, with the time of each phase.

use std::time::Duration as StdDuration;

use serde::{Serialize, Serializer};

use crate::model::Timestamp;

/// A typed answer and the record of how it came.
#[derive(Debug, Clone)]
pub struct Exchange<T> {
    /// What the service said.
    pub value: T,
    /// The exchange behind it.
    pub record: ExchangeRecord,
}

/// What was asked and answered. Holds neither tokens nor passwords.
#[derive(Debug, Clone, Serialize)]
pub struct ExchangeRecord {
    /// When the request began.
    pub at: Timestamp,
    /// HTTP method.
    pub method: &'static str,
    /// Path without the configured prefix.
    pub path: String,
    /// HTTP status, once there was an answer.
    pub status: Option<u16>,
    /// Our `X-Request-ID`, which is also the trace id of `traceparent`; the service's own logs have it.
    pub request_id: String,
    /// The service's `X-Request-ID`, where it answered with another than ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_request_id: Option<String>,
    /// Seconds that the service says it took (`X-Process-Time`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_seconds: Option<f64>,
    /// Where the time went.
    pub timings: Timings,
    /// Start of the answer's body, redacted; at most 1024 bytes.
    pub body_excerpt: String,
}

/// How long each phase of a request took. A phase that did not happen is `None`: a kept connection needs
/// neither DNS, connecting nor TLS.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Timings {
    /// Finding the host's addresses.
    #[serde(rename = "dns_seconds", serialize_with = "optional_seconds")]
    pub dns: Option<StdDuration>,
    /// Connecting.
    #[serde(rename = "connect_seconds", serialize_with = "optional_seconds")]
    pub connect: Option<StdDuration>,
    /// The TLS handshake.
    #[serde(rename = "tls_seconds", serialize_with = "optional_seconds")]
    pub tls: Option<StdDuration>,
    /// From sending the request to the head of the answer.
    #[serde(rename = "first_byte_seconds", serialize_with = "optional_seconds")]
    pub first_byte: Option<StdDuration>,
    /// From the head to the end of the body.
    #[serde(rename = "transfer_seconds", serialize_with = "optional_seconds")]
    pub transfer: Option<StdDuration>,
    /// The whole request.
    #[serde(rename = "total_seconds", serialize_with = "seconds")]
    pub total: StdDuration,
}

impl Timings {
    /// The phases in order with their label values.
    #[must_use]
    pub fn phases(&self) -> [(&'static str, Option<StdDuration>); 5] {
        [
            ("dns", self.dns),
            ("connect", self.connect),
            ("tls", self.tls),
            ("first_byte", self.first_byte),
            ("transfer", self.transfer),
        ]
    }
}

fn seconds<S: Serializer>(duration: &StdDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[allow(clippy::ref_option)] // serde hands the field over as it is
fn optional_seconds<S: Serializer>(duration: &Option<StdDuration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_some(&duration.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}
