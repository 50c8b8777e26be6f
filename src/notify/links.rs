//! Where a person goes from a message: memsentry's own pages, by the address under which they are seen from outside.
//!
//! Each answers an empty text where that address is unknown.

use std::fmt::Write;

use crate::model::labels::ALERT_NAME;
use crate::model::{Labels, Matcher};

/// The last runs and failures of a probe.
#[must_use]
pub fn probe(external_url: &str, target: &str, probe: &str) -> String {
    below(external_url, &format!("/probes/{}/{}", percent(target), percent(probe)))
}

/// The form for a silence that matches exactly these labels.
#[must_use]
pub fn silence(external_url: &str, labels: &Labels) -> String {
    let matchers: Vec<String> = labels.iter().map(|(name, value)| Matcher::equal(name, value).to_string()).collect();
    below(external_url, &format!("/silences/new?filter={}", percent(&format!("{{{}}}", matchers.join(",")))))
}

/// The page on which one takes an alert over.
#[must_use]
pub fn acknowledge(external_url: &str, fingerprint: &str) -> String {
    below(external_url, &format!("/alerts/{fingerprint}/acknowledge"))
}

/// The alerts of this name on the page of all alerts.
#[must_use]
pub fn alert(external_url: &str, labels: &Labels) -> String {
    match labels.get(ALERT_NAME) {
        Some(_) => below(external_url, "/alerts"),
        None => String::new(),
    }
}

fn below(external_url: &str, path: &str) -> String {
    if external_url.is_empty() { String::new() } else { format!("{external_url}{path}") }
}

/// Any text as one part of a path or one value of a query.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
