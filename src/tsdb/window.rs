//! One series seen through a window of time, while the store is being read.
//!
//! What most rules ask can be told without unpacking chunks or copying samples: the newest sample, and how a counter
//! that never fell went from its first sample in the window to its last. Where that is not so, the samples of the
//! tail are lent as they are, and chunks are kept to be unpacked once the store is free again.

use crate::model::{Labels, Sample, Timestamp};

use super::chunk::Chunk;
use super::head::HeadSeries;

/// A series and a time from which to which (both included) it is looked at.
pub struct Window<'a> {
    series: &'a HeadSeries,
    from: Timestamp,
    to: Timestamp,
    /// The part of the tail that lies in the window.
    start: usize,
    end: usize,
}

/// First and last of the samples in a window, among which no value is smaller than the one before, and none is NaN
/// (so none is a staleness marker).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ends {
    /// The oldest sample.
    pub first: Sample,
    /// The newest one; the same if there is only one.
    pub last: Sample,
    /// How many there are.
    pub count: usize,
}

/// The samples of a window, still packed.
#[derive(Debug, Clone)]
pub struct Packed {
    chunks: Vec<Chunk>,
    tail: Vec<Sample>,
    from: Timestamp,
    to: Timestamp,
}

impl<'a> Window<'a> {
    pub(super) fn new(series: &'a HeadSeries, from: Timestamp, to: Timestamp) -> Self {
        let (start, end) = series.tail_bounds(from, to);
        Self { series, from, to, start, end }
    }

    /// The labels of the series.
    #[must_use]
    pub fn labels(&self) -> &'a Labels {
        &self.series.labels
    }

    fn tail(&self) -> &'a [Sample] {
        self.series.tail.get(self.start..self.end).unwrap_or(&[])
    }

    fn chunks(&self) -> impl Iterator<Item = &'a Chunk> {
        let (from, to) = (self.from, self.to);
        // The chunks that count are the newest ones.
        let old = self.series.chunks.partition_point(|chunk| chunk.last() < from);
        self.series.chunks.range(old..).take_while(move |chunk| chunk.first() <= to)
    }

    /// The newest sample.
    #[must_use]
    pub fn latest(&self) -> Option<Sample> {
        self.series.latest(self.from, self.to)
    }

    /// All samples, if they lie side by side; `None` if some are in chunks.
    #[must_use]
    pub fn samples(&self) -> Option<&'a [Sample]> {
        self.chunks().next().is_none().then(|| self.tail())
    }

    /// First, last and number of the samples; `None` where there are none, where the store does not know that they
    /// never fall, or where it would have to unpack more than one chunk to tell.
    #[must_use]
    pub fn ends(&self) -> Option<Ends> {
        let (tail, series) = (self.tail(), self.series);
        let (first, last) = (*tail.first()?, *tail.last()?);
        if self.start < series.steady_from {
            return None;
        }
        let mut ends = Ends { first, last, count: tail.len() };
        let mut chunks = self.chunks();
        let Some(oldest) = chunks.next() else { return Some(ends) };
        let (first, count, mut value) = oldest.steady_from(self.from)?;
        (ends.first, ends.count) = (first, ends.count + count);
        for chunk in chunks {
            if chunk.first_value()? < value {
                return None;
            }
            let (_, count, last) = chunk.steady_from(chunk.first())?;
            value = last;
            ends.count += count;
        }
        (tail.first()?.value >= value).then_some(ends)
    }

    /// Everything, to be unpacked later.
    #[must_use]
    pub fn pack(&self) -> Packed {
        let (chunks, tail) = (self.chunks().cloned().collect(), self.tail().to_vec());
        Packed { chunks, tail, from: self.from, to: self.to }
    }
}

impl Packed {
    /// Appends the samples to `out`.
    pub fn read_into(&self, out: &mut Vec<Sample>) {
        let count = self.chunks.iter().map(|chunk| chunk.count() as usize).sum::<usize>();
        out.reserve(count + self.tail.len());
        self.chunks.iter().for_each(|chunk| chunk.read_into(self.from, self.to, out));
        out.extend(&self.tail);
    }
}

#[cfg(test)]
mod tests;
