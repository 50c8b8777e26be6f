//! The handle on one service's database: two lanes, two roles, and what its tables look like.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;

use crate::model::{Duration, Stopwatch};

use super::batch::{Answers, Batch};
use super::error::DatabaseError;
use super::lane::{Endpoint, Lane, Role};
use super::layout::{self, Layout};
use super::names::Names;
use super::settings::Settings;

/// How long a layout is believed.
const LAYOUT_AGE: StdDuration = StdDuration::from_secs(600);

/// Connections to one service's database: at most two, time-outs on each. Clones share them.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) instance: String,
    pub(super) names: Names,
    read: Endpoint,
    cleanup: Endpoint,
    /// For the collectors.
    collecting: Lane,
    /// For everything that probes ask.
    probing: Lane,
    /// As the reading role and as the cleaning role see it, and since when.
    layouts: [Mutex<Option<Known>>; 2],
    /// Whether the cleaning role may delete conversations: 0 no, 1 yes, 2 not known yet.
    deletable: AtomicU8,
    /// Where the next sweep goes on.
    pub(super) swept_to: Mutex<Option<String>>,
}

type Known = (Arc<Layout>, Stopwatch);

/// Which lane, as which role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Collect,
    Probe,
    Cleanup,
}

impl Database {
    /// Prepares connections without dialling. `instance` names this memsentry in the marker of synthetic data.
    #[must_use]
    pub fn new(settings: &Settings, instance: &str) -> Self {
        Self(Arc::new(Shared {
            settings: settings.clone(),
            instance: instance.to_owned(),
            names: Names::new(settings),
            read: Endpoint::new(Role::Read, &settings.url),
            cleanup: match &settings.cleanup_url {
                Some(url) => Endpoint::new(Role::Cleanup, url),
                None => Endpoint::new(Role::Read, &settings.url),
            },
            collecting: Lane::new(),
            probing: Lane::new(),
            layouts: [Mutex::new(None), Mutex::new(None)],
            deletable: AtomicU8::new(2),
            swept_to: Mutex::new(None),
        }))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Whether conversations may be removed by SQL (`cleanup: true` and the grant is there). Until the database
    /// was first asked, `cleanup: true` alone decides.
    #[must_use]
    pub fn may_clean_up(&self) -> bool {
        self.0.settings.cleanup && self.0.deletable.load(Ordering::Relaxed) != 0
    }

    /// A batch that reads under the configured time-out.
    pub(super) fn reading(&self) -> Batch {
        Batch::reading(self.0.settings.timeout)
    }

    /// Sends a batch.
    pub(super) async fn run(&self, on: Use, batch: Batch) -> Result<Answers, DatabaseError> {
        let (lane, endpoint) = match on {
            Use::Collect => (&self.0.collecting, &self.0.read),
            Use::Probe => (&self.0.probing, &self.0.read),
            Use::Cleanup => (&self.0.probing, &self.0.cleanup),
        };
        let result = lane.run(endpoint, batch, self.0.settings.timeout).await;
        if matches!(result, Err(DatabaseError::Refused(_))) {
            // Perhaps the tables are no longer what we took them for.
            for layout in &self.0.layouts {
                *layout.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
        }
        result
    }

    /// Sends one statement with parameters in the collectors' lane: they wait for their turn without harm, probes
    /// would measure the wait.
    pub(super) async fn ask_one(
        &self,
        before: String,
        statement: (String, &[Option<String>]),
        limit: Duration,
    ) -> Result<Vec<sqlx::postgres::PgRow>, DatabaseError> {
        self.0.collecting.ask_one(&self.0.read, before, statement, limit).await
    }

    /// What the tables look like to the role that asks.
    pub(super) async fn layout(&self, on: Use) -> Result<Arc<Layout>, DatabaseError> {
        let cleaning = on == Use::Cleanup;
        let slot = &self.0.layouts[usize::from(cleaning)];
        let known = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((layout, asked)) = known
            && asked.elapsed() < LAYOUT_AGE
        {
            return Ok(layout);
        }
        let mut batch = self.reading();
        layout::ask(&self.0.names, &mut batch);
        let layout = Arc::new(layout::read(&self.0.names, &self.run(on, batch).await?)?);
        if cleaning || self.0.settings.cleanup_url.is_none() {
            let deletable = layout.conversations.as_ref().is_some_and(|conversations| conversations.deletable);
            self.0.deletable.store(u8::from(deletable), Ordering::Relaxed);
        }
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&layout), Stopwatch::start()));
        Ok(layout)
    }

    /// An answer that could not be understood.
    pub(super) fn unexpected(&self, error: &sqlx::Error) -> DatabaseError {
        super::error::translate(error, self.timeout(), &self.0.read.secrets)
    }

    /// Longest time for one statement.
    pub(super) fn timeout(&self) -> Duration {
        self.0.settings.timeout
    }
}
