//! `health`: asks the service how it is, and publishes what it says about each of its dependencies.
//!
//! A weak signal by contract: cached, and mostly a check that settings are present. It tells whether the service
//! answers at all; whether memory works is for `roundtrip` to find out.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use crate::metrics::Gauge;
use crate::model::Duration;

use super::kind::{Probe, Target};
use super::metrics::{DEPENDENCY_UP, UP};
use super::outcome::{Failure, Outcome, Reason};
use super::run::Run;

/// Dependencies beyond these are ignored: their names become label values, and the service chooses them.
const MOST_DEPENDENCIES: usize = 32;
const LONGEST_NAME: usize = 64;

const ASK: &str = "ask";
const VERIFY: &str = "verify";

/// The probe.
pub struct Health {
    target: String,
    up: Gauge,
    dependency_up: Gauge,
    /// Dependencies whose series exist.
    known: Mutex<BTreeSet<String>>,
}

/// It has no settings of its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthSettings {}

impl Probe for Health {
    const NAME: &'static str = "health";
    const ABOUT: &'static str = "asks the service and each of its dependencies for their health";
    const STEPS: &'static [&'static str] = &[ASK, VERIFY];
    const INTERVAL: Duration = Duration::from_secs(15);
    const TIMEOUT: Duration = Duration::from_secs(5);
    const REQUESTS: u32 = 0;
    type Settings = HealthSettings;

    fn new(_settings: HealthSettings, _name: &str, target: &Target) -> Self {
        Self {
            target: target.client.name().to_owned(),
            up: target.registry.gauge(&UP),
            dependency_up: target.registry.gauge(&DEPENDENCY_UP),
            known: Mutex::default(),
        }
    }

    async fn run(&self, run: &mut Run) -> Result<(), Failure> {
        run.begin(ASK);
        let answer = run.client().health().await;
        let health = run.took(answer)?;
        run.begin(VERIFY);
        let states: Vec<(String, bool)> = health
            .services
            .iter()
            .take(MOST_DEPENDENCIES)
            .map(|(name, state)| (name.chars().take(LONGEST_NAME).collect(), is_healthy(state)))
            .collect();
        for (name, _) in states.iter().filter(|(_, healthy)| !healthy) {
            run.remark(format!("the service calls its dependency {name} unhealthy"));
        }
        self.publish(&states);
        match health.status.as_str() {
            "healthy" | "ok" | "degraded" => run.end(Ok(())),
            other => {
                let other: String = other.chars().take(LONGEST_NAME).collect();
                run.end(Err((Reason::Mismatch, format!("the service calls itself {other:?}"))))
            }
        }
    }

    fn settle(&self, outcome: &Outcome) {
        let answered = match &outcome.failure {
            None => true,
            Some(failure) if failure.reason.says_nothing() => return,
            Some(failure) => failure.reason == Reason::Mismatch,
        };
        self.up.with_label_values(&[&self.target]).set(if answered { 1.0 } else { 0.0 });
        if !answered {
            // Nobody tells us about them now; the last word would be stale.
            self.publish(&[]);
        }
    }
}

impl Health {
    fn publish(&self, states: &[(String, bool)]) {
        for (name, healthy) in states {
            self.dependency_up.with_label_values(&[&self.target, name]).set(if *healthy { 1.0 } else { 0.0 });
        }
        let now: BTreeSet<String> = states.iter().map(|(name, _)| name.clone()).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.difference(&now) {
            let _ = self.dependency_up.remove_label_values(&[&self.target, gone]);
        }
        *known = now;
    }
}

/// Deployments write it as text, as a flag, or as an object with a `status`.
fn is_healthy(state: &Value) -> bool {
    match state {
        Value::Bool(healthy) => *healthy,
        Value::String(text) => {
            ["healthy", "ok", "up", "configured", "connected"].iter().any(|good| text.eq_ignore_ascii_case(good))
        }
        Value::Object(fields) => fields.get("status").is_some_and(is_healthy),
        _ => false,
    }
}
