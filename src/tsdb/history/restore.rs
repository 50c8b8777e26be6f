//! Reads the file at start, and again whenever it comes back after a failure.
//!
//! What the file holds of the newest hours is laid before what memory holds. Samples that only memory has are
//! then written as a block, so both agree again, whichever file it now is: the same, an older or an empty one.

use std::collections::BTreeMap;

use crate::model::Timestamp;
use crate::store::{HistoryWrite, StoreError, StoredBlock, StoredChunk};

use super::super::Tsdb;
use super::super::chunk::Chunk;
use super::super::head::HeadSeries;
use super::journal::Journal;
use super::ledger::{Block, Ledger, read_labels};
use super::{Keeper, as_float};

/// How far before the present samples are put that lie ahead of the clock at start.
const BEHIND_MILLIS: i64 = 1000;

/// What was read.
struct Found {
    series: BTreeMap<i64, HeadSeries>,
    blocks: Vec<Block>,
    open: Option<(i64, Timestamp)>,
    next_id: i64,
    /// State of the journal after its last row; `None` if a row is damaged.
    journal: Option<Journal>,
    damaged: u64,
}

impl Tsdb {
    /// Makes file and memory agree; answers with the state of the journal to go on with.
    pub(super) async fn restore(&self, keeper: &Keeper, started_at: Option<Timestamp>) -> Result<Journal, StoreError> {
        // The first write tells whether there is a file, and comes behind all that the writer has yet to do.
        let shift = self.with_ledger(|ledger| {
            ledger.detach();
            ledger.witness = None;
            std::mem::take(&mut ledger.shift)
        });
        self.put(keeper, HistoryWrite { shift: shift.unwrap_or(0), ..HistoryWrite::default() }).await?;
        keeper.cache().clear();
        let found = self.find(keeper).await?;
        keeper.damaged.inc_by(as_float(found.damaged));
        let is_whole = found.journal.is_some();
        let (was_empty, mut journal) = self.adopt(found, started_at);
        if was_empty && is_whole {
            return Ok(journal);
        }
        self.write_waiting(keeper, &mut journal).await?;
        self.close_block(keeper, &mut journal).await?;
        Ok(journal)
    }

    async fn find(&self, keeper: &Keeper) -> Result<Found, StoreError> {
        let store = &keeper.store;
        let (closed, open): (Vec<StoredBlock>, Vec<StoredBlock>) =
            store.history_blocks().await?.into_iter().partition(|block| block.last.is_some());
        let blocks: Vec<Block> = closed
            .iter()
            .map(|row| Block { id: row.id, first: row.first, last: row.last.unwrap_or(row.first), bytes: row.bytes })
            .collect();
        let open = open.last().map(|block| (block.id, block.first));
        let mut found = Found { series: BTreeMap::new(), blocks, open, next_id: 0, journal: None, damaged: 0 };
        for row in store.history_series().await? {
            found.next_id = found.next_id.max(row.id.saturating_add(1));
            let Some(labels) = read_labels(&row.labels) else {
                found.damaged += 1;
                continue;
            };
            let blocks = Some((row.first_block, row.last_block));
            let series = HeadSeries { blocks, ..HeadSeries::new(labels, row.id) };
            found.series.insert(row.id, series);
        }
        let newest = found.newest().unwrap_or_default();
        let since = self.read().memory_since(newest);
        let recent: Vec<Block> = found.blocks.iter().filter(|block| block.last >= since).copied().collect();
        for block in recent {
            for row in store.history_chunks(block.id).await? {
                found.take_chunk(block.first, row);
            }
        }
        found.replay(&store.history_journal().await?);
        Ok(found)
    }

    /// Answers whether memory was empty before, and with the journal's state.
    fn adopt(&self, found: Found, started_at: Option<Timestamp>) -> (bool, Journal) {
        let newest = found.newest();
        let mut state = self.write();
        let state = &mut *state;
        let was_empty = state.head.iter().all(|series| series.first().is_none());
        let Found { series, blocks, open, next_id, journal, .. } = found;
        state.head.adopt(series.into_values(), next_id);
        let ledger = state.ledger.get_or_insert_with(Ledger::default);
        (ledger.blocks, ledger.open, ledger.attached) = (blocks, open, true);
        ledger.witness = ledger.open.map(|(id, _)| id).or(ledger.blocks.last().map(|block| block.id));
        let current = ledger.current_block();
        for series in state.head.iter_mut().filter(|series| series.blocks.is_none()) {
            ledger.change(series, current);
        }
        if let (true, Some(newest)) = (was_empty, newest) {
            state.newest = newest;
            if let Some(now) = started_at.filter(|now| *now <= newest) {
                let millis = now.millis().saturating_sub(BEHIND_MILLIS).saturating_sub(newest.millis());
                tracing::warn!(seconds = millis / 1000, "the clock was set back, stored samples move with it");
                state.shift(millis);
            }
        }
        (was_empty, journal.unwrap_or_default())
    }
}

impl Found {
    fn take_chunk(&mut self, first: Timestamp, row: StoredChunk) {
        let Some(series) = self.series.get_mut(&row.series) else { return };
        let first = Timestamp::from_millis(first.millis().saturating_add(row.offset));
        match Chunk::from_bytes(first, row.count, row.data) {
            Ok(chunk) if series.written.is_none_or(|written| written < chunk.first()) => {
                series.written = Some(chunk.last());
                series.chunks.push_back(chunk);
            }
            _ => self.damaged += 1,
        }
    }

    fn replay(&mut self, rows: &[Vec<u8>]) {
        let mut journal = Journal::default();
        let Some((_, first)) = self.open else {
            self.journal = rows.is_empty().then_some(journal);
            return;
        };
        let series = &mut self.series;
        let whole = rows.iter().try_for_each(|row| {
            journal.decode(row, first, |id, sample| {
                // A sample that a closed block holds too is refused, as it should be.
                let _ = series.get_mut(&id).map(|series| series.push(sample));
            })
        });
        match whole {
            Some(()) => self.journal = Some(journal),
            None => self.damaged += 1,
        }
    }

    /// Time of the newest sample.
    fn newest(&self) -> Option<Timestamp> {
        let samples = self.series.values().filter_map(HeadSeries::last).max();
        samples.max(self.blocks.iter().map(|block| block.last).max()).max(self.open.map(|(_, first)| first))
    }
}
