//! Shows the run on the page and among the metrics of a running daemon: its progress, once a second.
//!
//! No daemon is no trouble, and said once. What is not pushed on time is left out, because the next word replaces it.

use std::cell::Cell;
use std::convert::Infallible;
use std::path::Path;

use serde_json::json;

use crate::commands::remote::{Failure, Remote, Where};

use super::measure::Now;
use super::output;
use super::plan::Plan;

/// Where the daemon takes it.
const PATH: &str = "/api/v1/memsentry/load";

/// The way to the daemon, if there is one.
pub(super) struct Push {
    remote: Option<Remote>,
    target: String,
    run: String,
    scenario: &'static str,
    said: Cell<bool>,
}

impl Push {
    pub(super) fn new(plan: &Plan, daemon: Option<&str>, config: &Path) -> Self {
        Self {
            remote: Where::of(daemon, config).remote().ok(),
            target: plan.target.clone(),
            run: plan.run_id.clone(),
            scenario: plan.scenario.name,
            said: Cell::new(false),
        }
    }

    /// Pushes what is new, for ever.
    pub(super) async fn watch(&self, mut now: Now) -> Infallible {
        let Some(remote) = &self.remote else { return std::future::pending().await };
        loop {
            now.changed().await;
            let word = json!({
                "target": self.target, "run": self.run, "scenario": self.scenario, "progress": now.get(),
            });
            let pushed = remote.post(PATH, &word).await;
            if let Err(failure) = pushed
                && !self.said.replace(true)
            {
                output::talk(&match failure {
                    Failure::Unreachable { at, .. } => {
                        format!("note: no daemon answers at {at}, so that none shows this run")
                    }
                    other => format!("note: the daemon does not show this run: {other}"),
                });
            }
        }
    }
}
