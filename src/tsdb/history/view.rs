//! Old samples for queries.
//!
//! Evaluation does not wait for a disk. A handle made by [`Tsdb::with_history`] notes which chunks a query would
//! have needed; [`Tsdb::fetch`] reads them, through the cache, and the query is evaluated again. Chunks that
//! were read stay with the handle, so nothing can vanish between reading and evaluating.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Timestamp;
use crate::store::StoreError;

use super::super::chunk::Chunk;
use super::super::head::HeadSeries;
use super::super::{State, Tsdb, as_float};
use super::Keeper;
use super::block::BLOCK_MILLIS;

/// Most chunks that one query may need: some 70 million samples, beyond what a query may hold.
const MOST_CHUNKS: usize = 100_000;

/// Series asked for in one read.
const GROUP: usize = 500;

/// A sample may be older than the beginning of its block by less than this.
const EARLY_MILLIS: i64 = 60_000;

/// A chunk's block and series.
type Key = (i64, i64);

/// Why old samples could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// More than one query may read.
    #[error("query would read more than {MOST_CHUNKS} hours of one series each from the sample history")]
    TooMuch,
    /// The file cannot be read now.
    #[error("older samples cannot be read now: {0}")]
    Store(#[from] StoreError),
}

/// What one query read, and what it lacks.
#[derive(Debug, Default)]
pub(in crate::tsdb) struct View(Mutex<Chunks>);

#[derive(Debug, Default)]
struct Chunks {
    read: HashMap<Key, Option<Chunk>>,
    missing: BTreeSet<Key>,
}

impl View {
    fn chunks(&self) -> MutexGuard<'_, Chunks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chunks of a series from `from` to `to` that memory has let go, oldest first. They may reach into what
    /// memory holds.
    pub(in crate::tsdb) fn old_chunks(
        &self,
        state: &State,
        series: &HeadSeries,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<Chunk> {
        let held = series.first();
        if held.is_some_and(|held| held <= from) {
            return Vec::new();
        }
        // Memory may let go of more before the query comes again.
        let soon = held.map_or(i64::MAX, |held| held.millis().saturating_add(BLOCK_MILLIS));
        let Some(blocks) = state.ledger.as_ref().and_then(|ledger| ledger.blocks_of(series)) else {
            return Vec::new();
        };
        let mut old = Vec::new();
        let mut chunks = self.chunks();
        for block in blocks {
            let first = block.first.millis().saturating_sub(EARLY_MILLIS);
            if block.last < from || first > to.millis() || first > soon {
                continue;
            }
            match chunks.read.get(&(block.id, series.id)) {
                Some(chunk) => old.extend(chunk.clone()),
                None if chunks.missing.len() <= MOST_CHUNKS => {
                    chunks.missing.insert((block.id, series.id));
                }
                None => {}
            }
        }
        old
    }
}

impl Tsdb {
    /// A handle for one query that may look back farther than memory reaches.
    #[must_use]
    pub fn with_history(&self) -> Self {
        Self(Arc::clone(&self.0), Some(Arc::default()))
    }

    /// Reads what the evaluation over this handle lacked. Answers whether there was anything: then evaluate again.
    ///
    /// # Errors
    /// The query needs too much, or the file cannot be read. The answer so far rests on less than was asked for.
    pub async fn fetch(&self) -> Result<bool, FetchError> {
        let (Some(view), Some(keeper)) = (&self.1, self.0.keeper.get()) else { return Ok(false) };
        let missing = {
            let mut chunks = view.chunks();
            if chunks.missing.len() + chunks.read.len() > MOST_CHUNKS {
                return Err(FetchError::TooMuch);
            }
            std::mem::take(&mut chunks.missing)
        };
        let (firsts, most_bytes) = {
            let state = self.read();
            let blocks = state.ledger.iter().flat_map(|ledger| &ledger.blocks);
            let firsts: HashMap<i64, Timestamp> = blocks.map(|block| (block.id, block.first)).collect();
            (firsts, state.settings.cache_bytes)
        };
        let mut unknown: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (block, series) in &missing {
            // A block that was forgotten meanwhile has no samples any more.
            let known =
                firsts.get(block).map_or(Some(None), |first| keeper.cache().get((*block, *first, *series), most_bytes));
            match known {
                Some(chunk) => {
                    view.chunks().read.insert((*block, *series), chunk);
                }
                None => unknown.entry(*block).or_default().push(*series),
            }
        }
        for (block, series) in unknown {
            let Some(first) = firsts.get(&block) else { continue };
            for group in series.chunks(GROUP) {
                let mut read = read_chunks(keeper, (block, *first), group).await?;
                for id in group {
                    let chunk = read.remove(id);
                    keeper.cache().put((block, *first, *id), chunk.clone(), most_bytes);
                    view.chunks().read.insert((block, *id), chunk);
                }
            }
        }
        keeper.cached.set(as_float(keeper.cache().bytes()));
        Ok(!missing.is_empty())
    }
}

async fn read_chunks(
    keeper: &Keeper,
    (block, first): (i64, Timestamp),
    series: &[i64],
) -> Result<HashMap<i64, Chunk>, FetchError> {
    let rows = keeper.store.history_chunks(block, Some(series)).await?;
    let mut read = HashMap::with_capacity(rows.len());
    for row in rows {
        let first = Timestamp::from_millis(first.millis().saturating_add(row.offset));
        match Chunk::from_bytes(first, row.count, row.data) {
            Ok(chunk) => {
                read.insert(row.series, chunk);
            }
            Err(error) => {
                keeper.damaged.inc();
                tracing::warn!(block, series = row.series, %error, "a chunk of the sample history is left out");
            }
        }
    }
    Ok(read)
}
