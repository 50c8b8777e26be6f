//! Debian's Prometheus with the workload in its head block, evaluating the workload's rules.
//!
//! Samples come by remote write, so they lie where scraped samples would: in the chunks of the head, not in blocks
//! on disk. They reach a little into the future, so that there is a fresh one at every evaluation.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::stats::median;
use super::workload::{self, INTERVAL, KINDS, Source};
use super::{http, remote_write};

/// A running Prometheus; ends when dropped.
pub struct Prometheus {
    child: Child,
    address: String,
    folder: PathBuf,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts it with an empty store below `folder`; `None` where there is none on this machine.
    pub fn start(folder: &Path) -> Option<Self> {
        let folder = folder.join("prometheus");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a writable target folder");
        fs::write(folder.join("prometheus.yml"), "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n")
            .expect("a writable target folder");
        fs::write(folder.join("rules.yml"), "groups: []\n").expect("a writable target folder");
        let address = super::free_address();
        let child = Command::new("prometheus")
            .current_dir(&folder)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .args(["--web.enable-remote-write-receiver", "--web.enable-lifecycle"])
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let prometheus = Self { child, address, folder };
        let ready = (0..300).any(|_| {
            sleep(Duration::from_millis(100));
            http::get(&prometheus.address, "/-/ready").is_some()
        });
        ready.then_some(prometheus)
    }

    /// Its version, as it tells it.
    pub fn version(&self) -> String {
        let metrics = http::get(&self.address, "/metrics").unwrap_or_default();
        let found =
            metrics.lines().find_map(|line| line.strip_prefix("prometheus_build_info{")?.split_once("version=\""));
        found.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown").to_owned()
    }

    /// Writes samples `first` to `last` of every source; sample 0 is at `origin`.
    pub fn write(&self, sources: &[Source], origin: i64, first: u64, last: u64) {
        // All series advance together: what lags an hour behind the newest sample would be refused.
        for from in (first..=last).step_by(50) {
            let until = last.min(from + 49);
            let series = sources.iter().map(|source| {
                let at = |n: u64| origin + i64::try_from(n).expect("few samples") * INTERVAL;
                (&source.labels, (from..=until).map(|n| (at(n), source.value(n))).collect())
            });
            let body = remote_write::body(series);
            http::post(&self.address, "/api/v1/write", remote_write::HEADERS, &body).expect("samples are taken");
        }
    }

    /// Evaluates the rules for `seconds` and answers with the microseconds that a rule takes, by group.
    pub fn evaluate(&self, mixed: bool, interval: &str, seconds: u32) -> BTreeMap<String, f64> {
        fs::write(self.folder.join("rules.yml"), workload::rule_file(mixed, interval)).expect("a writable folder");
        http::post(&self.address, "/-/reload", "", &[]).expect("the rules are fine");
        let groups: Vec<&str> = if mixed { vec!["mix"] } else { KINDS.iter().map(|kind| kind.name).collect() };
        let mut seen: BTreeMap<String, BTreeMap<u64, f64>> = BTreeMap::new();
        for _ in 0..seconds * 4 {
            sleep(Duration::from_millis(250));
            let metrics = http::get(&self.address, "/metrics").unwrap_or_default();
            for name in &groups {
                let label = format!("{{rule_group=\"rules.yml;{name}\"}}");
                let of = |metric: &str| http::value(&metrics, &format!("prometheus_rule_group_{metric}{label}"));
                let (Some(at), Some(took)) = (of("last_evaluation_timestamp_seconds"), of("last_duration_seconds"))
                else {
                    continue;
                };
                if took > 0.0 {
                    seen.entry((*name).to_owned()).or_default().insert(at.to_bits(), took);
                }
            }
        }
        let micros = |name: &str, took: &BTreeMap<u64, f64>| {
            // The first evaluation warms what the others find warm.
            let took: Vec<f64> = took.values().skip(1).copied().collect();
            #[allow(clippy::cast_precision_loss)]
            let rules = workload::rules_in(name) as f64;
            median(&took) * 1e6 / rules
        };
        seen.iter().map(|(name, took)| (name.clone(), micros(name, took))).collect()
    }

    /// Nanoseconds per series that a GET of its own `/metrics` takes, and how many series there are.
    pub fn exposition(&self) -> (f64, usize) {
        super::exposition::over_http(&self.address)
    }

    /// Resident memory in bytes, as it tells it.
    pub fn memory(&self) -> f64 {
        let metrics = http::get(&self.address, "/metrics").unwrap_or_default();
        http::value(&metrics, "process_resident_memory_bytes").unwrap_or(f64::NAN)
    }
}
