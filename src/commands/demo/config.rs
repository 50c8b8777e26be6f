//! Writes the demo's configuration: a real file, as a user would write it, with shorter times.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use regex::{Captures, Regex};

use crate::model::Duration;
use crate::rules::SHIPPED;

use super::reference::Addresses;

/// The reference service's synthetic user; see `reference/README.md`.
const EMAIL: &str = "probe@example.com";
const PASSWORD: &str = "memsentry-demo";

/// Writes configuration, secrets and rules into `folder` and answers with the configuration's path.
pub(super) fn write(
    folder: &Path,
    service: &Addresses,
    smtp: SocketAddr,
    webhook_url: &str,
    speed: u32,
) -> Result<PathBuf> {
    let write = |name: &str, text: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    };
    write("password", PASSWORD)?;
    write("database-url", &service.database_url)?;
    write("webhook-url", webhook_url)?;
    write("alerts.yaml", &faster(SHIPPED, speed)?)?;
    let api_url = &service.api_url;
    let listen = free_address()?;
    let config = format!(
        "\
instance: memsentry-demo
targets:
  - name: demo
    service:
      url: {api_url}
      login: {{email: {EMAIL}, password_file: password}}
      requests_per_minute: 90
    database:
      url_file: database-url
      interval: 1s
      timeout: 800ms
      cleanup: true
probes:
  - {{kind: health, interval: 4s, timeout: 2s}}
  - {{kind: retrieval, interval: 4s, timeout: 2s}}
  - {{kind: roundtrip, interval: 5s, timeout: 4s}}
scrape: {{interval: 500ms}}
store: {{path: memsentry.db}}
rules: {{files: [alerts.yaml], evaluation_interval: 1s}}
slos: []
web: {{listen: '{listen}'}}
route:
  receiver: oncall
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
receivers:
  - name: oncall
    webhook_configs:
      - url_file: webhook-url
    email_configs:
      - {{to: oncall@example.com, from: memsentry@example.com, smarthost: '{smtp}', tls: none}}
"
    );
    write("memsentry.yaml", &config)
}

/// The usual address, or another one if somebody listens there. Known before the start, because links in messages
/// hold it.
fn free_address() -> Result<SocketAddr> {
    let free = |address: &str| -> std::io::Result<SocketAddr> { TcpListener::bind(address)?.local_addr() };
    free("127.0.0.1:9464").or_else(|_| free("127.0.0.1:0")).context("no free port on the loopback address")
}

/// The shipped rules with every time in them divided by `speed`: `for`, intervals and ranges, not thresholds.
fn faster(rules: &str, speed: u32) -> Result<String> {
    // A value that is one time, or what stands in the brackets of a range or subquery.
    let place =
        Regex::new(r"(?m)^\s*(?:- )?(?:for|keep_firing_for|interval): [0-9a-z]+$|\[[0-9a-z]+(?::[0-9a-z]*)?\]")?;
    let time = Regex::new(r"\b[0-9]+[a-z][0-9a-z]*")?;
    let divided = |found: &Captures<'_>| {
        let told = &found[0];
        told.parse::<Duration>().map_or_else(|_| told.to_owned(), |time| Duration::from(time.std() / speed).to_string())
    };
    let shorter = place.replace_all(rules, |found: &Captures<'_>| time.replace_all(&found[0], divided).into_owned());
    Ok(shorter.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_a_rule_is_divided_and_thresholds_stay() {
        let rules = "- alert: X\n  expr: rate(a[5m]) > 2 and sum_over_time(b[10m:1m]) > 300\n  for: 1m\n  x: for 5m\n";
        let faster = faster(rules, 20).expect("a valid expression");
        assert_eq!(
            faster,
            "- alert: X\n  expr: rate(a[15s]) > 2 and sum_over_time(b[30s:3s]) > 300\n  for: 3s\n  x: for 5m\n"
        );
    }
}
