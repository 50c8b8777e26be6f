//! Debian's Prometheus with the workload in its head block, evaluating the workload's rules.
//!
//! Samples come by remote write, so they lie where scraped samples would: in the chunks of the head, not in blocks
//! on disk. While rules are evaluated, a new sample of every series comes when its time has come.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use memsentry::model::{Clock, Stopwatch};

use super::stats::processor_time_of;
use super::workload::{self, INTERVAL, Source};
use super::{http, remote_write};

/// What one rule costs.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Microseconds of processor time, of all threads, collecting garbage included.
    pub processor: f64,
    /// Microseconds of the fastest evaluation of the group, shared out among its rules.
    pub fastest: f64,
}

/// A running Prometheus; ends when dropped.
pub struct Prometheus {
    child: Child,
    address: String,
    folder: PathBuf,
    origin: i64,
    /// Number of the next sample to be written.
    next: Cell<u64>,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts it with an empty store below `folder`; `None` where there is none on this machine. The first sample of
    /// every series is at `origin`, in milliseconds since the epoch.
    pub fn start(folder: &Path, origin: i64) -> Option<Self> {
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
        let prometheus = Self { child, address, folder, origin, next: Cell::new(0) };
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
            metrics.lines().find_map(|line| line.strip_prefix("prometheus_build_info{")?.split_once(",version=\""));
        found.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown").to_owned()
    }

    /// Writes every sample whose time has come and that it does not have yet.
    pub fn feed(&self, sources: &[Source]) {
        let at = |n: u64| self.origin + i64::try_from(n).expect("few samples") * INTERVAL;
        let now = Clock::system().now().millis();
        while at(self.next.get()) <= now {
            // All series advance together: what lags an hour behind the newest sample would be refused.
            let first = self.next.get();
            let until = (first..first + 50).take_while(|n| at(*n) <= now).last().unwrap_or(first);
            let series = sources
                .iter()
                .map(|source| (&source.labels, (first..=until).map(|n| (at(n), source.value(n))).collect()));
            let body = remote_write::body(series);
            http::post(&self.address, "/api/v1/write", remote_write::HEADERS, &body).expect("samples are taken");
            self.next.set(until + 1);
        }
    }

    /// Processor seconds that pass in a second while it takes samples and evaluates nothing.
    pub fn idle(&self, sources: &[Source]) -> f64 {
        self.load_rules("groups: []\n");
        sleep(Duration::from_secs(2));
        let (watch, before) = (Stopwatch::start(), processor_time_of(self.child.id()));
        for _ in 0..10 {
            sleep(Duration::from_millis(500));
            self.feed(sources);
        }
        (processor_time_of(self.child.id()) - before) / watch.elapsed().as_secs_f64()
    }

    /// Evaluates a group of the workload for `seconds`, given what it uses while idle.
    pub fn evaluate(&self, sources: &[Source], group: &str, (interval, seconds): (&str, u64), idle: f64) -> Cost {
        self.load_rules(&workload::rule_file(group, interval));
        let label = format!("{{rule_group=\"rules.yml;{group}\"}}");
        let of = |metrics: &str, metric: &str| http::value(metrics, &format!("prometheus_{metric}{label}"));
        let look = || {
            let metrics = http::get(&self.address, "/metrics").unwrap_or_default();
            let evaluated = of(&metrics, "rule_evaluations_total").unwrap_or(0.0);
            (evaluated, of(&metrics, "rule_group_last_duration_seconds").filter(|took| *took > 0.0))
        };
        // The first evaluation warms what the others find warm.
        let mut waited = 0;
        while look().0 < 1.0 && waited < 100 {
            sleep(Duration::from_millis(200));
            waited += 1;
        }
        let (watch, before, (first, _)) = (Stopwatch::start(), processor_time_of(self.child.id()), look());
        let mut fastest = f64::INFINITY;
        while watch.elapsed() < Duration::from_secs(seconds) {
            sleep(Duration::from_millis(500));
            self.feed(sources);
            fastest = look().1.unwrap_or(f64::INFINITY).min(fastest);
        }
        let (last, _) = look();
        let used = processor_time_of(self.child.id()) - before - idle * watch.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let rules = workload::rules_in(group) as f64;
        Cost { processor: used * 1e6 / (last - first), fastest: fastest * 1e6 / rules }
    }

    fn load_rules(&self, rules: &str) {
        fs::write(self.folder.join("rules.yml"), rules).expect("a writable folder");
        http::post(&self.address, "/-/reload", "", &[]).expect("the rules are fine");
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
