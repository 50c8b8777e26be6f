//! What the file holds, as far as memory must know it, and what it has yet to be told.
//!
//! Lives beside the head under the same lock, so that samples, blocks and the clock move together. Pure: `keeper`
//! carries what is due to the file.

use crate::model::{Labels, Sample, Timestamp};
use crate::store::{HistoryWrite, StoredBlock, StoredSeries};

use super::super::head::HeadSeries;
use super::journal::Batch;

/// Most samples that may wait for the file. Beyond, the file counts as lost; memory keeps the samples anyway.
const MOST_WAITING: usize = 500_000;

/// A sample may be older than the beginning of its block by less than this.
const EARLY_MILLIS: i64 = 60_000;

/// A closed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tsdb) struct Block {
    pub(in crate::tsdb) id: i64,
    /// From when its times count. Its oldest sample is hardly ever before.
    pub(in crate::tsdb) first: Timestamp,
    pub(in crate::tsdb) last: Timestamp,
    pub(in crate::tsdb) bytes: u64,
}

impl Block {
    /// Whether it may hold samples up to `until`.
    pub(in crate::tsdb) fn may_hold_before(&self, until: Timestamp) -> bool {
        self.first.millis().saturating_sub(EARLY_MILLIS) <= until.millis()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::tsdb) struct Ledger {
    /// Whether the file takes samples.
    pub(in crate::tsdb) attached: bool,
    /// Oldest first.
    pub(in crate::tsdb) blocks: Vec<Block>,
    /// The block that the journal belongs to, and from when its times count.
    pub(super) open: Option<(i64, Timestamp)>,
    /// A block that is in the file; by it the file is known again.
    pub(super) witness: Option<i64>,
    waiting: Vec<Batch>,
    waiting_samples: usize,
    changed_series: Vec<StoredSeries>,
    /// How far the file's times are behind those here.
    pub(super) shift: i64,
}

/// What goes to the file next.
pub(super) struct Due {
    pub(super) write: HistoryWrite,
    pub(super) batches: Vec<Batch>,
    /// From when the batches' times count.
    pub(super) first: Timestamp,
}

impl Ledger {
    /// A new batch of samples at `at` begins.
    pub(in crate::tsdb) fn begin(&mut self, at: Timestamp) {
        if self.attached {
            self.waiting.push(Batch { at, samples: Vec::new() });
            if self.waiting_samples > MOST_WAITING {
                tracing::error!("the sample history is not written any more, going on in memory");
                self.detach();
            }
        }
    }

    /// A sample has joined a series.
    pub(in crate::tsdb) fn note(&mut self, series: &mut HeadSeries, sample: Sample) {
        if !self.attached {
            return;
        }
        let Some(batch) = self.waiting.last_mut() else { return };
        batch.samples.push((series.id, sample.value));
        self.waiting_samples += 1;
        let block = self.current_block();
        // Closing a block writes down who is in it, so a series must be named only if it is new or was long away.
        if series.blocks.is_none_or(|(_, last)| last + 1 < block) {
            self.change(series, block);
        }
    }

    /// Records that `block` will hold samples of the series.
    pub(super) fn change(&mut self, series: &mut HeadSeries, block: i64) {
        let first = series.blocks.map_or(block, |(first, _)| first);
        series.blocks = Some((first, block));
        self.changed_series.push(StoredSeries {
            id: series.id,
            labels: write_labels(&series.labels),
            first_block: first,
            last_block: block,
        });
    }

    /// The block that samples of now will be in.
    pub(super) fn current_block(&self) -> i64 {
        let next = || self.blocks.last().map_or(0, |block| block.id + 1);
        self.open.map_or_else(next, |(id, _)| id)
    }

    /// Opens a block that begins at `first`, unless one is open.
    pub(super) fn open(&mut self, first: Timestamp) -> (StoredBlock, bool) {
        let is_new = self.open.is_none();
        let (id, first) = *self.open.get_or_insert((self.current_block(), first));
        (StoredBlock { id, first, last: None, bytes: 0 }, is_new)
    }

    /// Takes what is to be written; `None` if nothing is.
    pub(super) fn take(&mut self) -> Option<Due> {
        let batches: Vec<Batch> = std::mem::take(&mut self.waiting);
        let first = batches.iter().find(|batch| !batch.samples.is_empty()).map(|batch| batch.at);
        self.waiting_samples = 0;
        if first.is_none() && self.shift == 0 && self.changed_series.is_empty() {
            return None;
        }
        let mut write = HistoryWrite { shift: std::mem::take(&mut self.shift), ..HistoryWrite::default() };
        let first = first.map(|first| {
            let (block, is_new) = self.open(first);
            write.blocks.extend(is_new.then_some(block));
            block.first
        });
        write.series = std::mem::take(&mut self.changed_series);
        Some(Due { write, batches, first: first.unwrap_or_default() })
    }

    /// The file cannot be written: what waits is in memory and comes with everything else once it can.
    pub(in crate::tsdb) fn detach(&mut self) {
        self.attached = false;
        self.waiting = Vec::new();
        self.waiting_samples = 0;
        self.changed_series = Vec::new();
    }

    /// The witness and from when, in the file, its times count.
    pub(super) fn expected(&self) -> Option<(i64, Timestamp)> {
        let witness = self.witness?;
        let open = self.open.filter(|(id, _)| *id == witness);
        let closed = || self.blocks.iter().rev().find(|block| block.id == witness).map(|b| (b.id, b.first));
        let (id, first) = open.or_else(closed)?;
        Some((id, Timestamp::from_millis(first.millis().saturating_sub(self.shift))))
    }

    /// Moves every time by so many milliseconds.
    pub(in crate::tsdb) fn shift(&mut self, millis: i64) {
        let moved = |at: Timestamp| Timestamp::from_millis(at.millis().saturating_add(millis));
        for block in &mut self.blocks {
            (block.first, block.last) = (moved(block.first), moved(block.last));
        }
        self.open = self.open.map(|(id, first)| (id, moved(first)));
        self.waiting.iter_mut().for_each(|batch| batch.at = moved(batch.at));
        self.shift = self.shift.saturating_add(millis);
    }

    /// The span of time in which the file's closed blocks may hold samples of a series.
    pub(in crate::tsdb) fn span(&self, series: &HeadSeries) -> Option<(Timestamp, Timestamp)> {
        let blocks = self.blocks_of(series)?;
        Some((blocks.first()?.first, blocks.iter().map(|block| block.last).max()?))
    }

    /// The closed blocks that may hold samples of a series.
    fn blocks_of(&self, series: &HeadSeries) -> Option<&[Block]> {
        let (first, last) = series.blocks?;
        let from = self.blocks.partition_point(|block| block.id < first);
        let to = self.blocks.partition_point(|block| block.id <= last);
        self.blocks.get(from..to)
    }

    /// The closed blocks that may hold samples from `from` to `to`, oldest first.
    pub(in crate::tsdb) fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Block> {
        self.blocks.iter().filter(|block| block.last >= from && block.may_hold_before(to)).copied().collect()
    }

    /// Bytes of all closed blocks.
    pub(in crate::tsdb) fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.bytes).sum()
    }
}

/// Labels as the file holds them: a JSON array of names and values in turn.
fn write_labels(labels: &Labels) -> String {
    let parts: Vec<&str> = labels.iter().flat_map(|(name, value)| [name, value]).collect();
    // Strings always serialise.
    serde_json::to_string(&parts).unwrap_or_default()
}

/// Reads what [`write_labels`] wrote.
pub(super) fn read_labels(text: &str) -> Option<Labels> {
    let parts: Vec<String> = serde_json::from_str(text).ok()?;
    let pairs = parts.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str()));
    Some(Labels::from_pairs(pairs))
}
