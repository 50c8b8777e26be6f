//! Tells some receivers again what fires, on a clock of their own, outside the messages about groups.
//!
//! An Alertmanager takes an alert for over when it does not hear of it for a while. What is told is what the dispatcher
//! knows at the moment, so it is right again after a restart. A refresh is not kept: the next one says more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use futures_util::future::join_all;

use crate::model::task::Task;
use crate::model::{Clock, Timestamp};

use super::metrics::Metrics;
use super::notifiers::{Failure, FailureReason, Notifier};
use super::outbox::Outbox;
use super::queue::Address;

/// How often it looks whose turn it is.
const LOOK: StdDuration = StdDuration::from_secs(1);
/// Longest refresh, whatever the notifier says about itself.
const LONGEST: StdDuration = StdDuration::from_secs(330);

/// The alerts that a notifier of a receiver believes to fire, and that do.
pub(super) type Firing = Box<dyn Fn(&Address, Timestamp) -> Vec<super::message::Told> + Send + Sync>;

/// The task that refreshes who wants it.
pub(super) fn task(outbox: &Outbox, firing: Firing, clock: &Clock, metrics: &Metrics) -> Task {
    let (outbox, clock, metrics) = (outbox.clone(), clock.clone(), metrics.clone());
    let keep_alive = Arc::new(KeepAlive { outbox, firing, clock, metrics });
    Task::new("keep_alive", move || {
        let keep_alive = Arc::clone(&keep_alive);
        async move { keep_alive.run().await }
    })
}

struct KeepAlive {
    outbox: Outbox,
    firing: Firing,
    clock: Clock,
    metrics: Metrics,
}

impl KeepAlive {
    /// Works until it is cancelled.
    async fn run(&self) {
        let mut last = BTreeMap::new();
        loop {
            tokio::time::sleep(LOOK).await;
            self.refresh_due(&mut last).await;
        }
    }

    /// Refreshes those whose turn it is, all at once.
    async fn refresh_due(&self, last: &mut BTreeMap<Address, Timestamp>) {
        let now = self.clock.now();
        let mut due: Vec<(Address, Arc<dyn Notifier>)> = Vec::new();
        for (address, notifier, every) in self.outbox.refreshed() {
            // A clock that was set back must not silence anybody.
            let waits = last.get(&address).is_some_and(|last| *last <= now && now.since(*last) < every);
            if !waits {
                last.insert(address.clone(), now);
                due.push((address, notifier));
            }
        }
        last.retain(|address, _| due.iter().any(|(other, _)| other == address) || self.outbox.knows(address));
        join_all(due.into_iter().map(|(address, notifier)| self.refresh(address, notifier, now))).await;
    }

    async fn refresh(&self, address: Address, notifier: Arc<dyn Notifier>, now: Timestamp) {
        let firing = (self.firing)(&address, now);
        let result = tokio::time::timeout(LONGEST, notifier.refresh(&firing, now)).await;
        let result = result.unwrap_or_else(|_| Err(Failure::later(FailureReason::Timeout, "the refresh never ended")));
        let labels = [address.0.as_str(), address.1.as_str()];
        self.metrics.refreshes.with_label_values(&labels).inc();
        if let Err(failure) = result {
            self.metrics.refresh_failures.with_label_values(&labels).inc();
            let [receiver, notifier] = labels;
            tracing::warn!(receiver, notifier, error = failure.message, "what fires could not be told again");
        }
    }
}
