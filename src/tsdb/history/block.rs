//! Closes a block: each series' samples that no closed block holds yet become one chunk.
//!
//! Chunks are written in groups, so that a page to be sent never waits long for the writer. Until the last
//! write, which closes the block and empties the journal, the journal still holds everything.

use std::collections::HashMap;

use crate::model::Timestamp;
use crate::store::{HistoryWrite, StoreError, StoredBlock, StoredChunk};

use super::super::chunk::Chunk;
use super::super::{State, Tsdb};
use super::Keeper;
use super::journal::Journal;
use super::ledger::Block;

/// Time that one block covers.
pub(super) const BLOCK_MILLIS: i64 = 3_600_000;

/// Series whose chunks go in one transaction.
const GROUP: usize = 256;

/// Bytes of a chunk's row beside its samples, estimated.
const ROW_BYTES: u64 = 32;

/// A chunk whose samples end so many milliseconds after the block's beginning.
struct Piece {
    chunk: StoredChunk,
    end: i64,
}

impl Tsdb {
    pub(super) fn block_is_full(&self) -> bool {
        let state = self.read();
        let open = state.ledger.as_ref().and_then(|ledger| ledger.open);
        open.is_some_and(|(_, first)| state.newest.millis().saturating_sub(first.millis()) >= BLOCK_MILLIS)
    }

    /// The oldest block, if there are too many bytes or, where that counts, it is too old. The newest always stays.
    pub(super) fn block_to_forget(&self, by_age: bool) -> Option<i64> {
        let state = self.read();
        let ledger = state.ledger.as_ref()?;
        let [oldest, _, ..] = ledger.blocks.as_slice() else { return None };
        let is_old = by_age && oldest.last < state.newest - state.settings.retention.std();
        (is_old || ledger.bytes() > state.settings.max_bytes).then_some(oldest.id)
    }

    pub(super) async fn close_block(&self, keeper: &Keeper, journal: &mut Journal) -> Result<(), StoreError> {
        let (block, is_new, series) = {
            let mut state = self.write();
            let state = &mut *state;
            let unwritten = state.head.iter().filter(|series| series.is_unwritten());
            let mut series: Vec<(i64, Option<Timestamp>)> =
                unwritten.map(|series| (series.id, series.written)).collect();
            series.sort_unstable_by_key(|(id, _)| *id);
            let first = state.head.iter().filter(|series| series.is_unwritten()).filter_map(|s| s.first()).min();
            let Some(ledger) = &mut state.ledger else { return Ok(()) };
            let (block, is_new) = ledger.open(first.unwrap_or(state.newest));
            (block, is_new, series)
        };
        if is_new {
            self.put(keeper, HistoryWrite { blocks: vec![block], ..HistoryWrite::default() }).await?;
        }
        let block = block.id;
        let mut ends: HashMap<i64, i64> = HashMap::with_capacity(series.len());
        let mut bytes = 0;
        for group in series.chunks(GROUP) {
            let ids: Vec<i64> = group.iter().map(|(id, _)| *id).collect();
            let pieces = self.pieces(block, &ids);
            ends.extend(pieces.iter().map(|piece| (piece.chunk.series, piece.end)));
            let chunks: Vec<StoredChunk> = pieces.into_iter().map(|piece| piece.chunk).collect();
            bytes += chunks.iter().map(|chunk| chunk.data.len() as u64 + ROW_BYTES).sum::<u64>();
            self.put(keeper, HistoryWrite { chunks, ..HistoryWrite::default() }).await?;
        }
        let length = ends.values().copied().max().unwrap_or(0);
        let Some(closed) = self.closed(block, length, bytes) else { return Ok(()) };
        let row = StoredBlock { id: block, first: closed.first, last: Some(closed.last), bytes };
        self.put(keeper, HistoryWrite { blocks: vec![row], closed: Some(block), ..HistoryWrite::default() }).await?;
        self.take_over(block, length, bytes, &ends);
        *journal = Journal::default();
        Ok(())
    }

    /// Compresses what the named series have that no closed block holds.
    fn pieces(&self, block: i64, ids: &[i64]) -> Vec<Piece> {
        let (first, parts) = {
            let state = self.read();
            let first = open_since(&state);
            // Only the head is asked under the lock; chunks are shared and unpacked later.
            let named = state.head.iter().filter(|series| ids.binary_search(&series.id).is_ok());
            let parts: Vec<_> = named
                .map(|series| {
                    let new = series.chunks.iter().filter(|chunk| Some(chunk.last()) > series.written);
                    (series.id, series.written, new.cloned().collect::<Vec<Chunk>>(), series.tail.clone())
                })
                .collect();
            (first, parts)
        };
        let mut pieces: Vec<Piece> = Vec::with_capacity(parts.len());
        for (series, written, chunks, tail) in parts {
            let mut samples = Vec::new();
            let ever = Timestamp::from_millis(i64::MAX);
            let after = written.map_or(i64::MIN, |at| at.millis().saturating_add(1));
            let after = Timestamp::from_millis(after);
            chunks.iter().for_each(|chunk| chunk.read_into(after, ever, &mut samples));
            samples.extend(tail.into_iter().filter(|sample| sample.at >= after));
            let Some(chunk) = Chunk::encode(&samples) else { continue };
            let offset = chunk.first().millis().saturating_sub(first.millis());
            let end = chunk.last().millis().saturating_sub(first.millis());
            let chunk = StoredChunk { block, series, offset, count: chunk.count(), data: chunk.shared() };
            pieces.push(Piece { chunk, end });
        }
        pieces.sort_unstable_by_key(|piece| piece.chunk.series);
        pieces
    }

    fn closed(&self, id: i64, length: i64, bytes: u64) -> Option<Block> {
        let first = self.read().ledger.as_ref()?.open?.1;
        Some(Block { id, first, last: Timestamp::from_millis(first.millis().saturating_add(length)), bytes })
    }

    /// Notes in memory what the file now holds.
    fn take_over(&self, id: i64, length: i64, bytes: u64, ends: &HashMap<i64, i64>) {
        let Some(closed) = self.closed(id, length, bytes) else { return };
        let mut state = self.write();
        for series in state.head.iter_mut() {
            if let Some(end) = ends.get(&series.id) {
                series.written = Some(Timestamp::from_millis(closed.first.millis().saturating_add(*end)));
                series.blocks = Some((series.blocks.map_or(id, |(oldest, _)| oldest), id));
            }
        }
        if let Some(ledger) = &mut state.ledger {
            ledger.blocks.push(closed);
            ledger.open = None;
        }
    }
}

fn open_since(state: &State) -> Timestamp {
    state.ledger.as_ref().and_then(|ledger| ledger.open).map_or(state.newest, |(_, first)| first)
}
