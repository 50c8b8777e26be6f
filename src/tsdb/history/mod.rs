//! The durable history of samples, in the store's file.
//!
//! After each scrape one row goes to the journal. Once an hour's worth is there, each series' samples of that
//! hour become one chunk of a block, and the journal begins anew. Memory keeps the newest hours, so rules never
//! wait for the disk; older chunks are read for queries (`view`). If the file fails, memory goes on alone, and
//! what the file lacks of it is written once it works again (`restore`). See `docs/decisions/0010-sample-history-as-journal-and-hourly-blocks.md`.

mod block;
mod cache;
mod journal;
mod ledger;
mod restore;
mod view;

use std::sync::{Mutex, PoisonError};
use std::time::Duration as StdDuration;

use prometheus::{Counter, Gauge};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics::Registry;
use crate::model::Timestamp;
use crate::model::task::Task;
use crate::store::{HistoryWrite, Store, StoreError};

use super::{Tsdb, as_float, metrics};

use self::cache::Cache;
use self::journal::Journal;
pub(super) use self::ledger::{Block, Ledger};
pub(super) use self::view::{View, Wanted};

/// Longest wait for the history at start; past it the daemon begins without.
const START_WAIT: StdDuration = StdDuration::from_secs(5);

/// What carries samples to the file and back.
pub(super) struct Keeper {
    store: Store,
    wake: Notify,
    /// The journal's state; `None` until the file was read, and again once a write failed or was cut off.
    journal: tokio::sync::Mutex<Option<Journal>>,
    cache: Mutex<Cache>,
    up: Gauge,
    stored: Gauge,
    cached: Gauge,
    written: Counter,
    damaged: Counter,
}

impl Keeper {
    fn new(store: Store, registry: &Registry) -> Self {
        let none: &[&str] = &[];
        Self {
            store,
            wake: Notify::new(),
            journal: tokio::sync::Mutex::new(None),
            cache: Mutex::default(),
            up: registry.gauge(&metrics::HISTORY_UP).with_label_values(none),
            stored: registry.gauge(&metrics::HISTORY_BYTES).with_label_values(none),
            cached: registry.gauge(&metrics::CACHE_BYTES).with_label_values(none),
            written: registry.counter(&metrics::HISTORY_WRITTEN).with_label_values(none),
            damaged: registry.counter(&metrics::HISTORY_DAMAGED).with_label_values(none),
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // What a panic leaves behind is at worst counted wrongly.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tsdb {
    /// Takes over what `store` holds of earlier runs and writes what comes to it, once only. Never fails: without
    /// the file, or if it does not answer in time, it goes on in memory. `now` tells whether the clock was set
    /// back in between. Gives back the task that writes; it ends by `cancel`.
    pub async fn keep_history(
        &self,
        store: Store,
        registry: &Registry,
        now: Timestamp,
        cancel: CancellationToken,
    ) -> Task {
        if self.0.keeper.set(Keeper::new(store, registry)).is_ok() {
            self.write().ledger = Some(Ledger::default());
            if tokio::time::timeout(START_WAIT, self.persist_at(Some(now))).await.is_err() {
                tracing::error!("the sample history could not be read in time, going on without");
            }
        }
        let tsdb = self.clone();
        Task::new("history", move || {
            let (tsdb, cancel) = (tsdb.clone(), cancel.clone());
            async move {
                let Some(keeper) = tsdb.0.keeper.get() else { return };
                loop {
                    tokio::select! {
                        () = cancel.cancelled() => return,
                        () = keeper.wake.notified() => {}
                    }
                    tsdb.persist().await;
                }
            }
        })
    }

    /// Has what was appended written soon, without waiting. To be called at the end of each round.
    pub fn flush(&self) {
        if let Some(keeper) = self.0.keeper.get() {
            keeper.wake.notify_one();
        }
    }

    /// Writes what was appended and waits for it. Failures are counted and logged, and met by going on in memory.
    pub async fn persist(&self) {
        self.persist_at(None).await;
    }

    async fn persist_at(&self, started_at: Option<Timestamp>) {
        let Some(keeper) = self.0.keeper.get() else { return };
        let mut slot = keeper.journal.lock().await;
        // Taken out, so that a write that is cut off leaves none behind and the file is read again.
        let journal = slot.take();
        let was_up = journal.is_some();
        match self.write_due(keeper, journal, started_at).await {
            Ok(journal) => {
                *slot = Some(journal);
                keeper.up.set(1.0);
                if !was_up {
                    tracing::info!("the sample history is written");
                }
            }
            Err(error) => {
                keeper.up.set(0.0);
                if was_up || started_at.is_some() {
                    tracing::error!(%error, "the sample history cannot be written, going on in memory");
                }
                self.with_ledger(Ledger::detach);
            }
        }
        let stored = self.read().ledger.as_ref().map_or(0, Ledger::bytes);
        keeper.stored.set(as_float(stored));
    }

    async fn write_due(
        &self,
        keeper: &Keeper,
        journal: Option<Journal>,
        started_at: Option<Timestamp>,
    ) -> Result<Journal, StoreError> {
        let is_attached = self.read().ledger.as_ref().is_some_and(|ledger| ledger.attached);
        let mut journal = match journal {
            Some(journal) if is_attached => journal,
            _ => self.restore(keeper, started_at).await?,
        };
        self.write_waiting(keeper, &mut journal).await?;
        let is_full = self.block_is_full();
        if is_full {
            self.close_block(keeper, &mut journal).await?;
        }
        // Two at a time, so that a clock that was set years ahead for a while does not cost all of the history.
        for _ in 0..2 {
            let Some(forget) = self.block_to_forget(is_full) else { break };
            self.put(keeper, HistoryWrite { forget: Some(forget), ..HistoryWrite::default() }).await?;
            self.with_ledger(|ledger| ledger.blocks.retain(|block| block.id != forget));
        }
        Ok(journal)
    }

    /// Writes samples that wait into the journal.
    async fn write_waiting(&self, keeper: &Keeper, journal: &mut Journal) -> Result<(), StoreError> {
        let Some(mut due) = self.with_ledger(Ledger::take).flatten() else { return Ok(()) };
        if due.batches.iter().any(|batch| !batch.samples.is_empty()) {
            due.write.journal = Some(journal.encode(&mut due.batches, due.first));
        }
        self.put(keeper, due.write).await
    }

    async fn put(&self, keeper: &Keeper, mut write: HistoryWrite) -> Result<(), StoreError> {
        let shift = write.shift;
        write.expected = self.read().ledger.as_ref().and_then(Ledger::expected);
        let witness = write.blocks.last().map(|block| block.id);
        let bytes = write.journal.as_ref().map_or(0, Vec::len);
        let bytes = bytes + write.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>();
        let result = keeper.store.write_history(write).await;
        match &result {
            Ok(()) => {
                keeper.written.inc_by(as_float(bytes));
                self.with_ledger(|ledger| ledger.witness = witness.or(ledger.witness));
            }
            Err(_) => {
                self.with_ledger(|ledger| ledger.shift = ledger.shift.saturating_add(shift));
            }
        }
        result
    }

    fn with_ledger<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> Option<T> {
        self.write().ledger.as_mut().map(change)
    }
}

#[cfg(test)]
mod tests;
