//! What people ask for: acknowledgements, history, drills.
//!
//! An acknowledgement is planned, stored, and only then applied and answered, like a silence: what was promised survives
//! a crash.

use std::time::Duration as StdDuration;

use crate::model::Timestamp;
use crate::store::{HistoryEntry, HistoryFilter, HistoryRow, StoreError, Table};

use super::super::acknowledge::{Acknowledgement, Refused, Request};
use super::super::chronicle::Spoken;
use super::super::drill;
use super::super::history::{Event, Facts};
use super::super::route::Plan;
use super::{Inner, Notify};

/// How often the history is made shorter.
const PRUNE_EVERY: StdDuration = StdDuration::from_secs(600);

impl Notify {
    /// Somebody takes care of alerts that fire. It is on disk when this answers.
    ///
    /// # Errors
    /// Nothing was acknowledged, and why.
    pub async fn acknowledge(&self, request: &Request) -> Result<Vec<Acknowledgement>, Refused> {
        let _one_at_a_time = self.0.changing.lock().await;
        self.0.is_restored()?;
        let now = self.0.clock.now();
        let spoken = self.0.dispatcher().plan_acknowledgement(request, now)?;
        for given in &spoken.given {
            let (alert, by, comment) = (given.labels.to_string(), &given.by, &given.comment);
            let until = given.expires_at.map(Timestamp::rfc3339);
            tracing::info!(alert, by, comment, until, "alert acknowledged");
        }
        self.0.speak(spoken, now).await
    }

    /// Takes acknowledgements back.
    ///
    /// # Errors
    /// Nothing was taken back, and why.
    pub async fn withdraw_acknowledgement(&self, alerts: &[String]) -> Result<Vec<Acknowledgement>, Refused> {
        let _one_at_a_time = self.0.changing.lock().await;
        self.0.is_restored()?;
        let now = self.0.clock.now();
        let spoken = self.0.dispatcher().plan_withdrawal(alerts, now)?;
        for given in &spoken.given {
            tracing::info!(alert = given.labels.to_string(), by = given.by, "acknowledgement taken back");
        }
        self.0.speak(spoken, now).await
    }

    /// The acknowledgements that hold.
    #[must_use]
    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        let now = self.0.clock.now();
        let dispatcher = self.0.dispatcher();
        dispatcher.acknowledgements.iter().filter(|given| given.holds(now)).cloned().collect()
    }

    /// What happened, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryRow>, StoreError> {
        self.0.store.history(filter).await
    }

    /// Begins a drill of a receiver; how it goes is asked for by the id of its report.
    ///
    /// # Errors
    /// There is no such receiver, or too many drills wait.
    pub fn drill(&self, request: &drill::Request) -> Result<drill::Report, String> {
        let notifiers = self.0.outbox.notifiers();
        let prepared = drill::prepare(&self.0.dispatcher(), &notifiers, request, self.0.clock.now())?;
        tracing::info!(receiver = request.receiver, labels = prepared.report.labels.to_string(), "drill begins");
        self.0.drills.begin(prepared)
    }

    /// The last drills, the newest first.
    #[must_use]
    pub fn drill_reports(&self) -> Vec<drill::Report> {
        self.0.drills.all()
    }

    /// How a drill stands, if it is one of the last.
    #[must_use]
    pub fn drill_report(&self, id: &str) -> Option<drill::Report> {
        self.0.drills.report(id)
    }
}

impl Inner {
    fn is_restored(&self) -> Result<(), Refused> {
        if self.early().is_some() { Err(Refused::Starting) } else { Ok(()) }
    }

    /// Stores what was planned, then applies it.
    async fn speak(&self, spoken: Spoken, now: Timestamp) -> Result<Vec<Acknowledgement>, Refused> {
        let Spoken { given, set, remove, history } = &spoken;
        let stored = self.store.put_and_record(Table::NotifyAlerts, set.clone(), remove.clone(), history.clone()).await;
        stored.map_err(|error| Refused::NotStored(error.to_string()))?;
        let given = given.clone();
        self.dispatcher().spoken(spoken, now);
        self.wake.notify_one();
        Ok(given)
    }

    pub(super) fn show_acknowledgements(&self, now: Timestamp) {
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let count = self.dispatcher().acknowledgements.count(now) as f64;
        self.metrics.acknowledged.with_label_values::<&str>(&[]).set(count);
    }

    /// Starts the series of escalations at 0.
    pub(super) fn start_escalations(&self, plan: &Plan) {
        for route in plan.routes().iter().filter(|route| route.escalation.is_some()) {
            self.metrics.escalations.with_label_values(&[&route.receiver]).inc_by(0.0);
        }
    }

    pub(super) fn tell_of_escalations(&self, happened: &[HistoryEntry]) {
        for entry in happened.iter().filter(|entry| entry.event == Event::Escalated.as_str()) {
            let receiver = entry.receiver.as_deref().unwrap_or("");
            self.metrics.escalations.with_label_values(&[receiver]).inc();
            let facts = Facts::read(entry);
            let alert = facts.labels.map(|labels| labels.to_string());
            tracing::warn!(receiver, alert, because = facts.because, "alert escalated");
        }
    }

    /// Forgets what is too old, for ever.
    pub(super) async fn keep_history_short(&self) {
        loop {
            let (retention, most) = {
                let dispatcher = self.dispatcher();
                (dispatcher.plan.history.retention.std(), dispatcher.plan.history.max_entries)
            };
            if let Err(error) = self.store.prune_history(self.clock.now() - retention, most).await {
                tracing::debug!(%error, "the history could not be made shorter");
            }
            tokio::time::sleep(PRUNE_EVERY).await;
        }
    }
}
