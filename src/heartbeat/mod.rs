//! A dead man's switch: pings an address outside for as long as the whole loop goes round, so that its silence is noticed.
//!
//! [`vitals`] judges, purely, whether every part made its turn: probes ran, rules were evaluated, the dispatcher and the
//! outbox came round, the store writes. If one did not there is no ping, a log line and a gauge say which, and whoever
//! waits for the ping raises the alarm. What the parts say comes from `app`, which knows them.

mod metrics;
mod ping;
mod settings;
pub mod vitals;

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::metrics::Registry;
use crate::model::task::Task;
use crate::model::{Clock, Problem, Stopwatch};

pub use metrics::DEFINITIONS;
pub use settings::{Method, Settings};
pub use vitals::{Missing, Part, Turn, Vitals};

use metrics::Metrics;
use ping::Ping;

/// Reads how the parts of the loop stand. Called once for each ping, so it neither blocks nor takes long.
pub type Look = Arc<dyn Fn() -> Vitals + Send + Sync>;

/// A checked heartbeat whose files were read; nothing can fail any more when it is put into force.
pub struct Heartbeat {
    settings: Settings,
    ping: Ping,
}

struct Beating {
    heartbeat: Heartbeat,
    look: Look,
    clock: Clock,
    metrics: Metrics,
    /// What was missing at the last beat, so that it is logged once.
    said: Mutex<Vec<Part>>,
}

impl Heartbeat {
    /// Checks settings and sets up the client.
    ///
    /// # Errors
    /// Everything that is wrong, with paths below `heartbeat`.
    pub fn new(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let ping = Ping::new(settings).map_err(|problem| vec![*problem])?;
        Ok(Self { settings: settings.clone(), ping })
    }

    /// The task that beats until `cancel`.
    #[must_use]
    pub fn task(self, look: Look, clock: Clock, registry: &Registry, cancel: CancellationToken) -> Task {
        let metrics = Metrics::new(registry);
        let beating = Arc::new(Beating { heartbeat: self, look, clock, metrics, said: Mutex::default() });
        Task::new("heartbeat", move || {
            let (beating, cancel) = (Arc::clone(&beating), cancel.clone());
            async move { beating.run(cancel).await }
        })
    }
}

impl Beating {
    async fn run(&self, cancel: CancellationToken) {
        loop {
            let watch = Stopwatch::start();
            let pinged = self.beat().await;
            // What is missing may come any moment; so the first ping follows the first turn of everything.
            let pause =
                if pinged { self.heartbeat.settings.interval.std() } else { self.heartbeat.settings.patience() };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep_until(watch.started() + pause) => {}
            }
        }
    }

    /// Looks, and pings if nothing is missing. Answers whether the other side took the ping.
    async fn beat(&self) -> bool {
        let missing = (self.look)().missing(self.clock.now());
        self.metrics.missing(&missing);
        self.say(&missing);
        if !missing.is_empty() {
            return false;
        }
        match self.heartbeat.ping.send().await {
            Ok(()) => {
                self.metrics.succeeded(self.clock.now());
                true
            }
            Err(error) => {
                self.metrics.failed("ping");
                tracing::warn!(error, "the heartbeat was not taken");
                false
            }
        }
    }

    fn say(&self, missing: &[Missing]) {
        let mut parts: Vec<Part> = missing.iter().map(|missing| missing.part).collect();
        parts.dedup();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said == parts {
            return;
        }
        for Missing { part, what } in missing {
            tracing::error!(part = part.as_str(), what, "no heartbeat: the loop is not complete");
        }
        if parts.is_empty() {
            tracing::info!("the loop is complete, the heartbeat goes on");
        }
        *said = parts;
    }
}

#[cfg(test)]
mod tests;
