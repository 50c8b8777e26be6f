//! Where a person goes from a message: memsentry's own pages, by the address under which they are seen from outside.
//!
//! Each answers an empty text where that address is unknown.

use std::fmt::Write;

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

/// The page on which one takes alerts over, by their fingerprints or names.
#[must_use]
pub fn acknowledge<'a>(external_url: &str, alerts: impl IntoIterator<Item = &'a str>) -> String {
    let alerts: Vec<String> = alerts.into_iter().map(|alert| format!("alert={}", percent(alert))).collect();
    below(external_url, &format!("/acknowledge?{}", alerts.join("&")))
}

/// What happened to an alert so far.
#[must_use]
pub fn history(external_url: &str, fingerprint: &str) -> String {
    below(external_url, &format!("/alerts/history?alert={}", percent(fingerprint)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_label_holds_the_address_stays_one() {
        let home = "https://watch.example";
        let labels = Labels::from_pairs([("alertname", "A"), ("x", "a\"b & c/ü")]);
        assert_eq!(
            silence(home, &labels),
            "https://watch.example/silences/new?filter=%7Balertname%3D%22A%22%2Cx%3D%22a%5C%22b%20%26%20c%2F%C3%BC%22%7D"
        );
        assert_eq!(probe(home, "a/b", "c d"), "https://watch.example/probes/a%2Fb/c%20d");
        assert_eq!(acknowledge(home, ["1f", "2"]), "https://watch.example/acknowledge?alert=1f&alert=2");
        assert_eq!(history(home, "1f"), "https://watch.example/alerts/history?alert=1f");
        assert_eq!(probe("", "a", "b"), "");
    }
}
