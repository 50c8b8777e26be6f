//! The series in memory: labels, closed chunks, and an open tail of plain samples each.
//!
//! The tail is not compressed, because nearly every rule looks at the last minutes only. A series takes samples in
//! order of time; what is not later than its last one is refused. No clock here: ages are counted from the time of
//! the newest batch.

use std::collections::{HashMap, VecDeque};

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
}

/// One series.
#[derive(Debug)]
pub(super) struct HeadSeries {
    pub(super) labels: Labels,
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) tail: Vec<Sample>,
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
}

impl HeadSeries {
    fn last(&self) -> Option<Timestamp> {
        self.tail.last().map(|s| s.at).or_else(|| self.chunks.back().map(Chunk::last))
    }

    /// Whether it may have a sample from `from` to `to`; exact but for gaps between samples.
    pub(super) fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.chunks.iter().any(|chunk| chunk.overlaps(from, to)) || !self.tail_between(from, to).is_empty()
    }

    /// The part of the tail from `from` to `to`, both included.
    pub(super) fn tail_between(&self, from: Timestamp, to: Timestamp) -> &[Sample] {
        let start = self.tail.partition_point(|sample| sample.at < from);
        let end = self.tail.partition_point(|sample| sample.at <= to);
        self.tail.get(start..end).unwrap_or(&[])
    }

    /// The newest sample from `from` to `to`.
    pub(super) fn latest(&self, from: Timestamp, to: Timestamp) -> Option<Sample> {
        if let Some(sample) = self.tail_between(from, to).last() {
            return Some(*sample);
        }
        let mut samples = Vec::new();
        self.chunks.iter().rev().filter(|chunk| chunk.overlaps(from, to)).find_map(|chunk| {
            chunk.read_into(from, to, &mut samples);
            samples.last().copied()
        })
    }

    /// Compresses the tail; answers how many bytes that added.
    fn seal(&mut self) -> usize {
        let Some(chunk) = Chunk::encode(&self.tail) else { return 0 };
        self.tail = Vec::new();
        let bytes = chunk.bytes().len();
        self.chunks.push_back(chunk);
        bytes
    }
}

impl Head {
    /// Adds one sample.
    pub(super) fn append(&mut self, labels: &Labels, sample: Sample, max_series: usize) -> Result<(), Refusal> {
        let id = match self.by_labels.get(labels) {
            Some(id) => *id,
            None if self.by_labels.len() >= max_series => return Err(Refusal::SeriesLimit),
            None => self.create(labels),
        };
        let Some(series) = self.series.get_mut(id as usize).and_then(Option::as_mut) else {
            return Err(Refusal::SeriesLimit);
        };
        match series.last() {
            Some(last) if last == sample.at => return Err(Refusal::Duplicate),
            Some(last) if last > sample.at => return Err(Refusal::OutOfOrder),
            _ => {}
        }
        series.tail.push(sample);
        if series.tail.len() >= CHUNK_SAMPLES {
            self.chunk_bytes += series.seal();
        }
        Ok(())
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
            *slot = Some(HeadSeries { labels, chunks: VecDeque::new(), tail: Vec::new() });
        }
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

    /// Drops chunks that ended before `cutoff` and series of which nothing is left; compresses idle tails.
    pub(super) fn tidy(&mut self, now: Timestamp, cutoff: Timestamp) {
        let idle_since = Timestamp::from_millis(now.millis().saturating_sub(IDLE_MILLIS));
        let mut gone = Vec::new();
        for (id, slot) in (0..).zip(&mut self.series) {
            let Some(series) = slot else { continue };
            while let Some(chunk) = series.chunks.pop_front_if(|chunk| chunk.last() < cutoff) {
                self.chunk_bytes -= chunk.bytes().len();
            }
            match series.last() {
                Some(last) if last >= cutoff => {
                    if last < idle_since {
                        self.chunk_bytes += series.seal();
                    }
                }
                _ => {
                    gone.push((id, series.labels.clone()));
                    *slot = None;
                }
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
    }

    /// Moves every sample by so many milliseconds.
    pub(super) fn shift(&mut self, millis: i64) {
        for series in self.series.iter_mut().flatten() {
            series.chunks.iter_mut().for_each(|chunk| chunk.shift(millis));
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
