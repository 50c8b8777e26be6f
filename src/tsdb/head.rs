//! The series in memory: labels, closed chunks, and an open tail of plain samples each.
//!
//! The tail is not compressed, because nearly every rule looks at the last minutes only; it always holds as many
//! samples as a chunk, once there have been so many. A series takes samples in order of time; what is not later than
//! its last one is refused. No clock here: ages are counted from the time of the newest batch.

use std::collections::{HashMap, VecDeque};

use crate::model::labels::METRIC_NAME;
use crate::model::{Labels, Matcher, Sample, Timestamp};

use super::chunk::{CHUNK_SAMPLES, Chunk};
use super::index::{Index, SeriesId};

/// A series without new samples for this long has its tail compressed.
const IDLE_MILLIS: i64 = 15 * 60 * 1000;

/// Bytes of a series beside its strings and samples: entries in the maps, lists and the label set; an estimate.
const SERIES_BYTES: usize = 400;

/// Why a sample was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    OutOfOrder,
    Duplicate,
    SeriesLimit,
    MetricLimit,
}

/// Most series, in all and of one metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesLimits {
    pub(super) all: usize,
    pub(super) metric: usize,
}

/// What of the samples may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forgetting {
    /// Samples before this time need not be kept in memory.
    pub(super) cutoff: Timestamp,
    /// Whether those that the file does not hold yet stay all the same.
    pub(super) keep_unwritten: bool,
    /// The oldest block in the file; a series that it or a later one holds stays known.
    pub(super) oldest_block: Option<i64>,
}

/// One series.
#[derive(Debug)]
pub(super) struct HeadSeries {
    pub(super) labels: Labels,
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) tail: Vec<Sample>,
    /// From this place on no value of the tail is smaller than the one before it in the tail, and none is NaN.
    pub(super) steady_from: usize,
    /// Its number in the file.
    pub(super) id: i64,
    /// Time of the newest sample that a closed block of the file holds.
    pub(super) written: Option<Timestamp>,
    /// The oldest and the newest block of the file that may hold samples of it.
    pub(super) blocks: Option<(i64, i64)>,
}

/// All series.
#[derive(Debug, Default)]
pub(super) struct Head {
    by_labels: HashMap<Labels, SeriesId>,
    series: Vec<Option<HeadSeries>>,
    free: Vec<SeriesId>,
    index: Index,
    /// Bytes of closed chunks.
    chunk_bytes: usize,
    /// The number in the file that the next series gets.
    next_id: i64,
}

impl HeadSeries {
    /// A series without samples.
    pub(super) fn new(labels: Labels, id: i64) -> Self {
        let (chunks, tail) = (VecDeque::new(), Vec::new());
        Self { labels, chunks, tail, steady_from: 0, id, written: None, blocks: None }
    }

    /// Time of the newest sample that is known of.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.tail.last().map(|s| s.at).or_else(|| self.chunks.back().map(Chunk::last)).or(self.written)
    }

    /// Time of the oldest sample in memory.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.chunks.front().map(Chunk::first).or_else(|| self.tail.first().map(|sample| sample.at))
    }

    /// Whether the file's closed blocks lack its newest samples.
    pub(super) fn is_unwritten(&self) -> bool {
        self.first().is_some() && self.last() > self.written
    }

    /// Whether it may have a sample from `from` to `to`; exact but for gaps between samples.
    pub(super) fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.chunks.iter().any(|chunk| chunk.overlaps(from, to)) || !self.tail_between(from, to).is_empty()
    }

    /// The part of the tail from `from` to `to`, both included.
    pub(super) fn tail_between(&self, from: Timestamp, to: Timestamp) -> &[Sample] {
        let (start, end) = self.tail_bounds(from, to);
        self.tail.get(start..end).unwrap_or(&[])
    }

    /// Where in the tail that part begins and ends.
    pub(super) fn tail_bounds(&self, from: Timestamp, to: Timestamp) -> (usize, usize) {
        // A rule looks at what is newest, so the end is rarely sought.
        let end = match self.tail.last() {
            Some(last) if last.at <= to => self.tail.len(),
            _ => self.tail.partition_point(|sample| sample.at <= to),
        };
        (self.tail.partition_point(|sample| sample.at < from).min(end), end)
    }

    /// The newest sample from `from` to `to`.
    pub(super) fn latest(&self, from: Timestamp, to: Timestamp) -> Option<Sample> {
        if let Some(last) = self.tail.last()
            && last.at <= to
        {
            return (last.at >= from).then_some(*last);
        }
        if let Some(sample) = self.tail_between(from, to).last() {
            return Some(*sample);
        }
        let mut samples = Vec::new();
        self.chunks.iter().rev().filter(|chunk| chunk.overlaps(from, to)).find_map(|chunk| {
            chunk.read_into(from, to, &mut samples);
            samples.last().copied()
        })
    }

    /// Adds a sample that is later than all others; answers how many bytes of chunks that made.
    pub(super) fn push(&mut self, sample: Sample) -> Result<usize, Refusal> {
        match self.last() {
            Some(last) if last == sample.at => return Err(Refusal::Duplicate),
            Some(last) if last > sample.at => return Err(Refusal::OutOfOrder),
            _ => {}
        }
        if sample.value.is_nan() {
            self.steady_from = self.tail.len() + 1;
        } else if self.tail.last().is_some_and(|last| sample.value < last.value) {
            self.steady_from = self.tail.len();
        }
        self.tail.push(sample);
        Ok(if self.tail.len() >= 2 * CHUNK_SAMPLES { self.seal(CHUNK_SAMPLES) } else { 0 })
    }

    /// Compresses so many of the oldest samples of the tail; answers how many bytes that added.
    fn seal(&mut self, count: usize) -> usize {
        let Some(chunk) = self.tail.get(..count).and_then(Chunk::encode) else { return 0 };
        self.tail.drain(..count);
        self.steady_from = self.steady_from.saturating_sub(count);
        if self.tail.is_empty() {
            self.tail = Vec::new();
        }
        let bytes = chunk.bytes().len();
        self.chunks.push_back(chunk);
        bytes
    }
}

impl Head {
    /// Adds one sample; answers with its series.
    pub(super) fn append(
        &mut self,
        labels: &Labels,
        sample: Sample,
        limits: SeriesLimits,
    ) -> Result<&mut HeadSeries, Refusal> {
        let id = match self.by_labels.get(labels) {
            Some(id) => *id,
            None if self.by_labels.len() >= limits.all => return Err(Refusal::SeriesLimit),
            None if self.index.count(METRIC_NAME, labels.metric_name().unwrap_or("")) >= limits.metric => {
                return Err(Refusal::MetricLimit);
            }
            None => self.create(labels),
        };
        let Some(series) = self.series.get_mut(id as usize).and_then(Option::as_mut) else {
            return Err(Refusal::SeriesLimit);
        };
        self.chunk_bytes += series.push(sample)?;
        Ok(series)
    }

    /// The series with these labels, made if there is none.
    pub(super) fn find_or_create(&mut self, labels: &Labels) -> Option<&mut HeadSeries> {
        let id = match self.by_labels.get(labels) {
            Some(id) => *id,
            None => self.create(labels),
        };
        self.series.get_mut(id as usize)?.as_mut()
    }

    fn create(&mut self, labels: &Labels) -> SeriesId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.series.push(None);
            // The series limit is far below what the id can count.
            SeriesId::try_from(self.series.len() - 1).unwrap_or(SeriesId::MAX)
        });
        let labels = self.index.insert(id, labels);
        self.by_labels.insert(labels.clone(), id);
        if let Some(slot) = self.series.get_mut(id as usize) {
            *slot = Some(HeadSeries::new(labels, self.next_id));
        }
        self.next_id += 1;
        id
    }

    /// The series that satisfy all matchers.
    pub(super) fn matching(&self, matchers: &[Matcher]) -> impl Iterator<Item = &HeadSeries> {
        let everything = || {
            let ids = (0..).zip(&self.series);
            ids.filter(|(_, series)| series.is_some()).map(|(id, _)| id).collect()
        };
        let ids = self.index.resolve(matchers, everything);
        ids.into_iter().filter_map(|id| self.series.get(id as usize)?.as_ref())
    }

    /// Drops chunks and series as told; compresses idle tails. Answers how many samples went that no file holds.
    pub(super) fn tidy(&mut self, now: Timestamp, forgetting: &Forgetting) -> u64 {
        let idle_since = Timestamp::from_millis(now.millis().saturating_sub(IDLE_MILLIS));
        let mut unwritten = 0;
        let mut gone = Vec::new();
        for (id, slot) in (0..).zip(&mut self.series) {
            let Some(series) = slot else { continue };
            if series.tail.last().is_some_and(|last| last.at < idle_since.max(forgetting.cutoff)) {
                self.chunk_bytes += series.seal(series.tail.len());
            }
            let written = series.written;
            while let Some(chunk) = series.chunks.pop_front_if(|chunk| {
                chunk.last() < forgetting.cutoff && (!forgetting.keep_unwritten || Some(chunk.last()) <= written)
            }) {
                self.chunk_bytes -= chunk.bytes().len();
                unwritten += if Some(chunk.last()) > written { u64::from(chunk.count()) } else { 0 };
            }
            let is_stored = series.blocks.is_some_and(|(_, last)| forgetting.oldest_block.is_some_and(|b| last >= b));
            if series.first().is_none() && !is_stored {
                gone.push((id, series.labels.clone()));
                *slot = None;
            }
        }
        for (id, labels) in &gone {
            self.by_labels.remove(labels);
            self.index.remove(*id, labels);
            self.free.push(*id);
        }
        if !gone.is_empty() {
            drop(gone);
            self.index.forget_unused_symbols();
        }
        unwritten
    }

    /// Every series.
    pub(super) fn iter(&self) -> impl Iterator<Item = &HeadSeries> {
        self.series.iter().flatten()
    }

    /// Every series, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut HeadSeries> {
        self.series.iter_mut().flatten()
    }

    /// Takes over what a file held: series, their numbers and blocks, and samples older than those in memory. Series
    /// that the file does not know get new numbers.
    pub(super) fn adopt(&mut self, restored: impl Iterator<Item = HeadSeries>, next_id: i64) {
        const NONE: i64 = -1;
        self.iter_mut().for_each(|series| series.id = NONE);
        self.next_id = next_id;
        for old in restored {
            let Some(series) = self.find_or_create(&old.labels) else { continue };
            (series.id, series.written, series.blocks) = (old.id, old.written, old.blocks);
            let before = series.first();
            let (chunks, tail): (Vec<Chunk>, Vec<Sample>) = match before {
                None => {
                    (series.chunks, series.tail, series.steady_from) = (old.chunks, old.tail, old.steady_from);
                    continue;
                }
                Some(first) => (
                    old.chunks.into_iter().filter(|chunk| chunk.last() < first).collect(),
                    old.tail.into_iter().filter(|sample| sample.at < first).collect(),
                ),
            };
            Chunk::encode(&tail).into_iter().for_each(|chunk| series.chunks.push_front(chunk));
            chunks.into_iter().rev().for_each(|chunk| series.chunks.push_front(chunk));
        }
        for series in self.series.iter_mut().flatten().filter(|series| series.id == NONE) {
            (series.id, series.written, series.blocks) = (self.next_id, None, None);
            self.next_id += 1;
        }
        self.chunk_bytes = self.iter().flat_map(|series| &series.chunks).map(|chunk| chunk.bytes().len()).sum();
    }

    /// Moves every sample by so many milliseconds.
    pub(super) fn shift(&mut self, millis: i64) {
        for series in self.series.iter_mut().flatten() {
            series.chunks.iter_mut().for_each(|chunk| chunk.shift(millis));
            series.written = series.written.map(|at| Timestamp::from_millis(at.millis().saturating_add(millis)));
            for sample in &mut series.tail {
                sample.at = Timestamp::from_millis(sample.at.millis().saturating_add(millis));
            }
        }
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Memory of samples and labels, estimated.
    pub(super) fn bytes(&self) -> usize {
        let tails: usize = self.series.iter().flatten().map(|s| s.tail.capacity() * size_of::<Sample>()).sum();
        self.chunk_bytes + tails + self.len() * SERIES_BYTES + self.index.bytes()
    }
}
