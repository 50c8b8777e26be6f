//! Old samples for queries.
//!
//! Memory holds the newest hours, and rules look at nothing else. A handle made by [`Tsdb::with_history`] also reads the
//! file, a few series at a time and through the cache, when their samples are asked for; who evaluates over such a
//! handle waits for the disk.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::model::Timestamp;
use crate::store::{StoreError, StoredChunk};

use super::super::chunk::{DamagedChunk, Unread};
use super::super::{Tsdb, as_float};
use super::Keeper;
use super::ledger::Block;

/// Bytes of a chunk in the cache, estimated.
const CHUNK_BYTES: usize = 512;

/// A chunk's block and series.
type Key = (i64, i64);

/// What is known of chunks: that there is none, too.
type Known = HashMap<Key, Option<Unread>>;

/// What one query needs to read the file.
#[derive(Debug)]
pub(in crate::tsdb) struct View {
    runtime: Handle,
    trouble: OnceLock<StoreError>,
}

/// Chunks of one series.
pub(in crate::tsdb) struct Wanted<'a> {
    pub(in crate::tsdb) series: i64,
    pub(in crate::tsdb) blocks: &'a [Block],
}

impl Tsdb {
    /// A handle for one query that may look back farther than memory reaches. To be made inside the runtime, and used
    /// where a thread may wait, such as in `spawn_blocking`; inside the runtime its use panics.
    #[must_use]
    pub fn with_history(&self) -> Self {
        let view = Handle::try_current().ok().map(|runtime| View { runtime, trouble: OnceLock::new() });
        Self(Arc::clone(&self.0), view.map(Arc::new))
    }

    /// Why the file could not be read through this handle; its answers lack older samples then.
    #[must_use]
    pub fn trouble(&self) -> Option<&StoreError> {
        self.1.as_ref()?.trouble.get()
    }

    /// The chunks of each that is wanted, oldest first. After the first failure nothing more is read. `of` is how many
    /// chunks the query needs in all: where that is more than the cache has room for, they would only drive out each
    /// other.
    pub(in crate::tsdb) fn read_chunks(&self, wanted: &[Wanted<'_>], of: usize) -> Vec<Vec<Unread>> {
        let nothing = || wanted.iter().map(|_| Vec::new()).collect();
        let (Some(view), Some(keeper)) = (&self.1, self.0.keeper.get()) else { return nothing() };
        if wanted.iter().all(|one| one.blocks.is_empty()) {
            return nothing();
        }
        let most_bytes = self.read().settings.cache_bytes;
        let keeps = of.saturating_mul(CHUNK_BYTES) <= most_bytes / 2;
        let (mut known, series, blocks) = keeper.look_up(wanted, most_bytes);
        if !series.is_empty() && view.trouble.get().is_none() {
            let store = keeper.store.clone();
            let read = async move { store.history_chunks_of(&blocks, &series).await };
            match view.wait(read) {
                Ok(rows) => {
                    let rows = rows.into_iter().map(|row| ((row.block, row.series), row)).collect();
                    keeper.take_in(wanted, rows, &mut known, keeps.then_some(most_bytes));
                }
                Err(error) => {
                    let _ = view.trouble.set(error);
                }
            }
        }
        let mut take =
            |one: &Wanted<'_>| one.blocks.iter().filter_map(|block| known.remove(&(block.id, one.series))?).collect();
        wanted.iter().map(&mut take).collect()
    }

    /// Counts a chunk of the file that cannot be read, and says so.
    pub(in crate::tsdb) fn leave_out(&self, series: i64, error: DamagedChunk) {
        if let Some(keeper) = self.0.keeper.get() {
            keeper.damaged.inc();
        }
        tracing::warn!(series, %error, "a chunk of the sample history is left out");
    }
}

impl View {
    /// Has the runtime do something and waits for it.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, waiting) = oneshot::channel();
        self.runtime.spawn(async move {
            let _ = done.send(work.await);
        });
        waiting.blocking_recv().unwrap_or_else(|_| Err(StoreError("the daemon ends".to_owned())))
    }
}

impl Keeper {
    /// What the cache knows of the chunks, and the series and blocks of the others.
    fn look_up(&self, wanted: &[Wanted<'_>], most_bytes: usize) -> (Known, BTreeSet<i64>, BTreeSet<i64>) {
        let (mut known, mut series, mut blocks) = (Known::new(), BTreeSet::new(), BTreeSet::new());
        let mut cache = self.cache();
        for (one, block) in each(wanted) {
            if let Some(chunk) = cache.get((block.id, block.first, one.series), most_bytes) {
                known.insert((block.id, one.series), chunk);
            } else {
                series.insert(one.series);
                blocks.insert(block.id);
            }
        }
        (known, series, blocks)
    }

    /// Adds what was read to what is known, and to the cache if that takes it; what was not there is not there.
    fn take_in(
        &self,
        wanted: &[Wanted<'_>],
        mut rows: HashMap<Key, StoredChunk>,
        known: &mut Known,
        cached: Option<usize>,
    ) {
        let mut cache = self.cache();
        for (one, block) in each(wanted) {
            let key = (block.id, one.series);
            if known.contains_key(&key) {
                continue;
            }
            let chunk = rows.remove(&key).map(|row| {
                let first = Timestamp::from_millis(block.first.millis().saturating_add(row.offset));
                Unread { first, count: row.count, data: row.data }
            });
            if let Some(most_bytes) = cached {
                cache.put((block.id, block.first, one.series), chunk.clone(), most_bytes);
            }
            known.insert(key, chunk);
        }
        self.cached.set(as_float(cache.bytes()));
    }
}

/// Every chunk that is wanted, by its series and its block.
fn each<'w>(wanted: &'w [Wanted<'w>]) -> impl Iterator<Item = (&'w Wanted<'w>, &'w Block)> {
    wanted.iter().flat_map(|one| one.blocks.iter().map(move |block| (one, block)))
}
