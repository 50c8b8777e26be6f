//! The series that a query selects, unpacked one after another: however far it looks back, the samples of one series
//! are in memory, and the packed ones of a few.

use std::ops::Range;
use std::vec::IntoIter;

use crate::model::{Labels, Matcher, Sample, Timestamp};

use super::chunk::Unread;
use super::head::HeadSeries;
use super::history::{Block, Wanted};
use super::window::Packed;
use super::{Series, State, Tsdb, Window};

/// Most chunks that are read from the file at once, unless a single series has more: half a megabyte.
const MOST_READ: usize = 1024;

/// See the module. Made by [`Tsdb::open`].
pub struct Selection {
    tsdb: Tsdb,
    parts: IntoIter<Part>,
    from: Timestamp,
    /// Blocks of the file that overlap the time, oldest first.
    blocks: Vec<Block>,
    /// What the file holds of the next parts, as far as it was asked.
    read: IntoIter<Vec<Unread>>,
    /// Chunks of the file that all parts need.
    chunks: usize,
}

struct Part {
    labels: Labels,
    series: i64,
    /// Those of the selection's blocks that hold older samples than memory does.
    blocks: Range<usize>,
    /// Up to when those count.
    until: Timestamp,
    held: Packed,
}

impl Tsdb {
    /// Opens every series that satisfies all matchers, for its samples with `from <= at <= to`. They are those of
    /// now, whatever is appended or moved while the selection is read.
    #[must_use]
    pub fn open(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Selection {
        let state = self.read();
        let blocks = self.blocks_between(&state, from, to);
        let part = |series: &HeadSeries| {
            let (blocks, until) = behind(&blocks, series, from, to);
            let held = Window::new(series, from, to).pack();
            Part { labels: series.labels.clone(), series: series.id, blocks, until, held }
        };
        let parts: Vec<Part> = state.head.matching(matchers).map(part).collect();
        let chunks = parts.iter().map(|part| part.blocks.len()).sum();
        Selection { tsdb: self.clone(), parts: parts.into_iter(), from, blocks, read: Vec::new().into_iter(), chunks }
    }

    /// Whether samples of those series and that time are in the file only, and this handle reads it: then
    /// [`Tsdb::scan`] does not show them.
    #[must_use]
    pub fn lies_behind(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> bool {
        if self.1.is_none() {
            return false;
        }
        let state = self.read();
        let blocks = self.blocks_between(&state, from, to);
        !blocks.is_empty()
            && state.head.matching(matchers).any(|series| !behind(&blocks, series, from, to).0.is_empty())
    }

    /// Every series that satisfies all matchers and has a sample with `from <= at <= to`, with those samples.
    /// In no particular order, but the same one while no series comes or goes.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<Series> {
        let mut selection = self.open(matchers, from, to);
        let mut found = Vec::new();
        let mut samples = Vec::new();
        while let Some(labels) = selection.next_into(&mut samples) {
            found.push(Series { labels, samples: std::mem::take(&mut samples) });
        }
        found
    }

    fn blocks_between(&self, state: &State, from: Timestamp, to: Timestamp) -> Vec<Block> {
        match (&self.1, &state.ledger) {
            (Some(_), Some(ledger)) => ledger.between(from, to),
            _ => Vec::new(),
        }
    }
}

/// Which of the blocks, all of them about `from` to `to`, hold older samples of a series than memory does, and up to when
/// these count.
fn behind(blocks: &[Block], series: &HeadSeries, from: Timestamp, to: Timestamp) -> (Range<usize>, Timestamp) {
    let held = series.first();
    let Some((first, last)) = series.blocks.filter(|_| held.is_none_or(|held| held > from)) else {
        return (0..0, to);
    };
    let until = held.map_or(to, |held| Timestamp::from_millis(held.millis().saturating_sub(1)).min(to));
    let start = blocks.partition_point(|block| block.id < first);
    let end = blocks.partition_point(|block| block.id <= last && block.may_hold_before(until));
    (start..end.max(start), until)
}

impl Selection {
    /// At most so many series are still to come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether none is to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.len() == 0
    }

    /// The next series that has samples in the time, and these in place of what `samples` holds; `None` at the end.
    pub fn next_into(&mut self, samples: &mut Vec<Sample>) -> Option<Labels> {
        samples.clear();
        loop {
            if self.read.len() == 0 {
                self.read_ahead();
            }
            let part = self.parts.next()?;
            for chunk in self.read.next().unwrap_or_default() {
                if let Err(error) = chunk.read_into(self.from, part.until, samples) {
                    self.tsdb.leave_out(part.series, error);
                }
            }
            part.held.read_into(samples);
            if !samples.is_empty() {
                return Some(part.labels);
            }
        }
    }

    fn read_ahead(&mut self) {
        let mut chunks = 0;
        let next = self.parts.as_slice().iter().take_while(|part| {
            let fits = chunks == 0 || chunks + part.blocks.len() <= MOST_READ;
            chunks += part.blocks.len();
            fits
        });
        let wanted = next.map(|part| Wanted {
            series: part.series,
            blocks: self.blocks.get(part.blocks.clone()).unwrap_or_default(),
        });
        let wanted: Vec<Wanted<'_>> = wanted.collect();
        self.read = self.tsdb.read_chunks(&wanted, self.chunks).into_iter();
    }
}
