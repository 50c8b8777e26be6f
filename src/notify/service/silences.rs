//! The edge of silences, and what pages and tools see of alerts.
//!
//! A change is planned, stored, and only then applied and answered: what was promised survives a crash. One change at a
//! time, so that what is applied is what was stored last.

use std::sync::Arc;

use crate::metrics::Registry;
use crate::model::task::Task;
use crate::model::{Clock, Labels, Timestamp};
use crate::store::{Store, StoreError, Table};

use super::super::history::{self, Event};
use super::super::silence::{Draft, Planned, Refusal, Silence, SilenceState};
use super::super::views::{AlertView, GroupView};
use super::{Inner, Notify, Prepared};

/// Why a silence was not made or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SilenceError {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The stored silences are still being read; soon they will have been.
    #[error("the stored silences are still being read, try again in a few seconds")]
    NotReady,
    /// It could not be stored, and so it does not hold.
    #[error("the silence could not be stored and does not hold; it may come into force at the next start: {0}")]
    NotStored(#[from] StoreError),
}

impl Notify {
    /// One that keeps everything in memory, for who only looks at pages.
    pub async fn in_memory(prepared: Prepared, clock: Clock, registry: &Registry) -> (Self, Vec<Task>) {
        let (store, writer) = Store::open(None, registry).await;
        let (notify, mut tasks) = Self::new(prepared, store, clock, registry);
        tasks.push(writer);
        (notify, tasks)
    }

    /// Makes a silence or changes one. It is on disk when this answers with its id.
    ///
    /// # Errors
    /// It was refused, it could not be stored, or the stored ones were not read yet.
    pub async fn set_silence(&self, draft: &Draft) -> Result<String, SilenceError> {
        let new_id = uuid::Uuid::new_v4().to_string();
        let _one_at_a_time = self.0.changing.lock().await;
        self.0.ready()?;
        let now = self.0.clock.now();
        let planned = self.0.dispatcher().silences.plan(draft, &new_id, now)?;
        let id = planned.id.clone();
        let event = match &draft.id {
            None => "silence made",
            Some(old) if *old == id => "silence changed",
            Some(_) => "silence replaced",
        };
        self.0.keep(planned, event).await?;
        Ok(id)
    }

    /// Ends a silence; one that is over already stays as it is.
    ///
    /// # Errors
    /// There is none with this id, it could not be stored, or the stored ones were not read yet.
    pub async fn end_silence(&self, id: &str) -> Result<(), SilenceError> {
        let _one_at_a_time = self.0.changing.lock().await;
        self.0.ready()?;
        let now = self.0.clock.now();
        let planned = self.0.dispatcher().silences.plan_end(id, now)?;
        match planned {
            Some(planned) => self.0.keep(planned, "silence ended early").await,
            None => Ok(()),
        }
    }

    /// Every silence: active ones first, the next to end before the others; then those that begin next; then those
    /// that ended last.
    #[must_use]
    pub fn silences(&self) -> Vec<(Arc<Silence>, SilenceState)> {
        let now = self.0.clock.now();
        let dispatcher = self.0.dispatcher();
        let mut all: Vec<_> =
            dispatcher.silences.iter().map(|silence| (Arc::clone(silence), silence.state(now))).collect();
        drop(dispatcher);
        all.sort_by_key(|(silence, state)| {
            let order = match state {
                SilenceState::Active => silence.ends_at.millis(),
                SilenceState::Pending => silence.starts_at.millis(),
                SilenceState::Expired => -silence.ends_at.millis(),
            };
            (*state, order)
        });
        all
    }

    /// The silence with this id.
    #[must_use]
    pub fn silence(&self, id: &str) -> Option<(Arc<Silence>, SilenceState)> {
        let silence = Arc::clone(self.0.dispatcher().silences.get(id)?);
        let state = silence.state(self.0.clock.now());
        Some((silence, state))
    }

    /// Until when alerts with these labels are silenced, if they are.
    #[must_use]
    pub fn silenced_until(&self, labels: &Labels) -> Option<Timestamp> {
        let dispatcher = self.0.dispatcher();
        let ids = dispatcher.silences.silencing(labels, self.0.clock.now());
        ids.iter().filter_map(|id| dispatcher.silences.get(id)).map(|silence| silence.ends_at).max()
    }

    /// The alerts that fire and whose labels are `wanted`, by fingerprint, with what keeps them from being told.
    #[must_use]
    pub fn alert_views(&self, wanted: &dyn Fn(&Labels) -> bool) -> Vec<AlertView> {
        self.0.dispatcher().alert_views(self.0.clock.now(), wanted)
    }

    /// The groups of `receiver`s with those of their alerts that fire and are `wanted`; groups without any are left out.
    #[must_use]
    pub fn group_views(&self, receiver: &dyn Fn(&str) -> bool, wanted: &dyn Fn(&Labels) -> bool) -> Vec<GroupView> {
        self.0.dispatcher().group_views(self.0.clock.now(), receiver, wanted)
    }

    /// The routes and the receivers' names as a configuration file of Alertmanager, without how receivers are reached.
    #[must_use]
    pub fn configuration(&self) -> String {
        self.0.dispatcher().plan.configuration()
    }

    /// The names of the receivers, in the order of the configuration.
    #[must_use]
    pub fn receivers(&self) -> Vec<String> {
        self.0.dispatcher().plan.receiver_names()
    }
}

impl Inner {
    fn ready(&self) -> Result<(), SilenceError> {
        if self.early().is_some() { Err(SilenceError::NotReady) } else { Ok(()) }
    }

    /// Stores what was planned, then applies it.
    async fn keep(&self, planned: Planned, event: &'static str) -> Result<(), SilenceError> {
        let (set, remove) = planned.documents();
        let now = self.clock.now();
        // One that was ended is told when it is seen to be over.
        let told = planned.set.iter().filter(|silence| silence.state(now) != SilenceState::Expired);
        let history = told.map(|silence| history::silence(now, Event::Silenced, silence)).collect();
        self.store.put_and_record(Table::Silences, set, remove, history).await?;
        for silence in planned.set.iter().filter(|silence| *silence.id == *planned.id) {
            let (id, by, comment) = (&*silence.id, &silence.created_by, &silence.comment);
            let (from, to) = (silence.starts_at.rfc3339(), silence.ends_at.rfc3339());
            tracing::info!(id, matchers = silence.matcher_text(), from, to, by, comment, "{event}");
        }
        self.dispatcher().change_silences(now, |silences| silences.apply(planned));
        self.wake.notify_one();
        Ok(())
    }

    pub(super) async fn restore_silences(&self) -> Result<(), StoreError> {
        let documents = self.store.documents(Table::Silences).await?;
        let silences = self.dispatcher().silences.restore(&documents, self.clock.now());
        if silences < documents.len() {
            tracing::error!(unreadable = documents.len() - silences, "some stored silences cannot be read");
        }
        tracing::info!(silences, "silences of an earlier run restored");
        Ok(())
    }

    /// Says which silences began or are over.
    pub(super) fn turn_silences(&self, now: Timestamp) {
        let mut dispatcher = self.dispatcher();
        for turn in dispatcher.silences.turns(now) {
            let (id, matchers) = (&*turn.silence.id, turn.silence.matcher_text());
            match turn.state {
                SilenceState::Active => tracing::info!(id, matchers, "silence holds"),
                SilenceState::Expired => {
                    tracing::info!(id, matchers, "silence is over");
                    dispatcher.chronicle.add(history::silence(now, Event::Unsilenced, &turn.silence));
                }
                SilenceState::Pending => {}
            }
        }
    }

    pub(super) async fn tidy_silences(&self, now: Timestamp) {
        let _one_at_a_time = self.changing.lock().await;
        let outlived = self.dispatcher().silences.tidy(now);
        if self.store.put(Table::Silences, Vec::new(), outlived).await.is_err() {
            // They leave with the next start, or the next tidying after it.
            tracing::debug!("old silences could not be removed");
        }
    }

    pub(super) fn show_silences(&self, now: Timestamp) {
        let dispatcher = self.dispatcher();
        for state in SilenceState::ALL {
            #[allow(clippy::cast_precision_loss)] // far below 2^53
            let count = dispatcher.silences.count(state, now) as f64;
            self.metrics.silences.with_label_values(&[state.as_str()]).set(count);
        }
    }
}
