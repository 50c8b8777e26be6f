//! A daemon as the pages see it: some targets, some alerts, a refused reload.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as StdDuration;

use crate::metrics::{Definition, Registry, flatten};
use crate::model::task::{BoxFuture, Task};
use crate::model::{Clock, Duration, Timestamp};
use crate::notify::{self, Notify};
use crate::runbooks::Runbooks;
use crate::tsdb::{self, Tsdb};

use super::super::*;
use super::{sample_rules, sample_runs};
use crate::rules::GroupView;

/// Monday morning, ten past three.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_403_403_000);

static DEPTH: Definition = Definition::gauge("chat_memory_queue_depth", "Depth.", &["target"]);
static AGE: Definition = Definition::gauge("chat_memory_queue_oldest_age_seconds", "Age.", &["target", "status"]);
static OUTBOX: Definition = Definition::gauge("memsentry_outbox_entries", "Outbox.", &[]);
static STORE: Definition = Definition::gauge("memsentry_store_up", "Store.", &[]);
static START: Definition = Definition::gauge("memsentry_start_timestamp_seconds", "Start.", &[]);

/// What a test can change.
#[derive(Default)]
pub(crate) struct Sample {
    pub(crate) ready: AtomicBool,
    pub(crate) refuse_reload: AtomicBool,
    pub(crate) reloads: Mutex<u32>,
    pub(crate) quiet: bool,
}

impl View for Sample {
    fn not_ready(&self) -> Vec<String> {
        if self.ready.load(Ordering::SeqCst) { Vec::new() } else { vec!["rules: no evaluation yet".into()] }
    }

    fn targets(&self) -> Vec<Target> {
        let probes = |names: &[&str], seconds| {
            let plan = |name: &&str| ProbePlan { name: (*name).into(), interval: Duration::from_secs(seconds) };
            names.iter().map(plan).collect()
        };
        vec![
            Target {
                name: "production".into(),
                url: "https://memory.example".into(),
                probes: probes(&["health", "retrieval", "roundtrip"], 15),
            },
            Target {
                name: "staging".into(),
                url: "http://10.0.0.7:8000".into(),
                probes: probes(&["health", "roundtrip"], 60),
            },
        ]
    }

    fn rule_groups(&self) -> Vec<GroupView> {
        sample_rules::groups(self.quiet)
    }

    fn runbooks(&self) -> std::sync::Arc<Runbooks> {
        std::sync::Arc::new(Runbooks::load(None).expect("the shipped ones are right"))
    }

    fn config(&self) -> ConfigState {
        let problem = "memsentry.yaml:14:13: probes[2].interval: 4s is not longer than its timeout, 5s".into();
        ConfigState {
            file: "/etc/memsentry/memsentry.yaml".into(),
            loaded_at: Some(NOW - StdDuration::from_secs(187_000)),
            last_reload: (!self.quiet)
                .then(|| Reload { at: NOW - StdDuration::from_secs(600), problems: vec![problem] }),
        }
    }

    fn reload(&self) -> BoxFuture<Result<(), Vec<String>>> {
        *self.reloads.lock().expect("not poisoned") += 1;
        let refuse = self.refuse_reload.load(Ordering::SeqCst);
        Box::pin(async move { if refuse { Err(vec!["memsentry.yaml:1:1: it is empty".into()]) } else { Ok(()) } })
    }
}

/// Sources with values in the registry and in the store.
pub(crate) async fn sources(view: Sample) -> (Sources, std::sync::Arc<Sample>, Vec<Task>) {
    let registry = Registry::new();
    let tsdb = Tsdb::new(&tsdb::Settings::default(), &registry);
    let none: &[&str] = &[];
    #[allow(clippy::cast_precision_loss)]
    let started = (NOW.millis() / 1000 - 190_000) as f64;
    registry.gauge(&DEPTH).with_label_values(&["production"]).set(214.0);
    registry.gauge(&DEPTH).with_label_values(&["staging"]).set(0.0);
    registry.gauge(&AGE).with_label_values(&["production", "pending_summarization"]).set(763.0);
    registry.gauge(&OUTBOX).with_label_values(none).set(1.0);
    registry.gauge(&STORE).with_label_values(none).set(1.0);
    registry.gauge(&START).with_label_values(none).set(started);
    for i in (0..60u64).rev() {
        let mut batch = Vec::new();
        flatten(&registry.gather(), |labels, value| batch.push((labels, value)));
        tsdb.append(NOW - StdDuration::from_secs(i * 5), batch);
    }
    let view = std::sync::Arc::new(view);
    let limits = crate::promql::Limits {
        max_samples: 100_000,
        timeout: Duration::from_secs(10),
        lookback: Duration::from_secs(300),
    };
    let history = sample_runs::history(view.quiet);
    let clock = Clock::manual(NOW);
    let settings = "{route: {receiver: oncall, group_by: [alertname]}, receivers: [{name: oncall}, {name: other}]}";
    let settings: notify::Settings = serde_yaml::from_str(settings).expect("valid");
    let prepared = notify::Prepared::new(&settings, "http://memsentry.test", view.runbooks()).expect("valid");
    let (notify, tasks) = Notify::in_memory(prepared, clock.clone(), &registry).await;
    let started_at = NOW - StdDuration::from_secs(190_000);
    let shown = std::sync::Arc::clone(&view) as _;
    let loads = Loads::new(&registry);
    (Sources { clock, registry, tsdb, limits, history, notify, loads, started_at, view: shown }, view, tasks)
}
