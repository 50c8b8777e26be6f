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

use super::super::chunk::Chunk;
use super::super::{Tsdb, as_float};
use super::Keeper;
use super::ledger::BlockKey;

/// What one query needs to read the file.
#[derive(Debug)]
pub(in crate::tsdb) struct View {
    runtime: Handle,
    trouble: OnceLock<StoreError>,
}

/// Chunks of one series.
pub(in crate::tsdb) struct Wanted<'a> {
    pub(in crate::tsdb) series: i64,
    pub(in crate::tsdb) blocks: &'a [BlockKey],
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

    /// Chunks by series, oldest first. After the first failure nothing more is read.
    pub(in crate::tsdb) fn read_chunks(&self, wanted: &[Wanted<'_>]) -> HashMap<i64, Vec<Chunk>> {
        let (Some(view), Some(keeper)) = (&self.1, self.0.keeper.get()) else { return HashMap::new() };
        let most_bytes = self.read().settings.cache_bytes;
        let mut known: HashMap<(i64, i64), Option<Chunk>> = HashMap::new();
        let (mut series, mut blocks) = (BTreeSet::new(), BTreeSet::new());
        for one in wanted {
            for block in one.blocks {
                if let Some(chunk) = keeper.cache().get((block.id, block.first, one.series), most_bytes) {
                    known.insert((block.id, one.series), chunk);
                } else {
                    series.insert(one.series);
                    blocks.insert(block.id);
                }
            }
        }
        if !series.is_empty() && view.trouble.get().is_none() {
            let store = keeper.store.clone();
            let read = async move { store.history_chunks_of(&blocks, &series).await };
            match view.wait(read) {
                Ok(rows) => {
                    let rows = rows.into_iter().map(|row| ((row.block, row.series), row)).collect();
                    keeper.take_in(wanted, rows, &mut known, most_bytes);
                }
                Err(error) => {
                    let _ = view.trouble.set(error);
                }
            }
        }
        let of =
            |one: &Wanted<'_>| one.blocks.iter().filter_map(|block| known.remove(&(block.id, one.series))?).collect();
        let mut of = of;
        wanted.iter().map(|one| (one.series, of(one))).collect()
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
    /// Adds what was read to what is known, and to the cache; what was not there is not there.
    fn take_in(
        &self,
        wanted: &[Wanted<'_>],
        mut rows: HashMap<(i64, i64), StoredChunk>,
        known: &mut HashMap<(i64, i64), Option<Chunk>>,
        most_bytes: usize,
    ) {
        for one in wanted {
            for block in one.blocks {
                let key = (block.id, one.series);
                if known.contains_key(&key) {
                    continue;
                }
                let chunk = rows.remove(&key).and_then(|row| self.unpacked(row, block.first));
                self.cache().put((block.id, block.first, one.series), chunk.clone(), most_bytes);
                known.insert(key, chunk);
            }
        }
        self.cached.set(as_float(self.cache().bytes()));
    }

    fn unpacked(&self, row: StoredChunk, block: Timestamp) -> Option<Chunk> {
        let first = Timestamp::from_millis(block.millis().saturating_add(row.offset));
        let chunk = Chunk::from_bytes(first, row.count, row.data);
        chunk
            .inspect_err(|error| {
                self.damaged.inc();
                tracing::warn!(row.block, row.series, %error, "a chunk of the sample history is left out");
            })
            .ok()
    }
}
