//! Compressed, immutable runs of samples of one series.
//!
//! Times are deltas of deltas. Values are either all whole numbers, then also deltas of deltas, or XORed with
//! their predecessor as in Facebook's Gorilla; whichever is shorter is kept, which a closed run can afford to
//! try. The first time stands outside the bytes, so that a chunk can be moved along with a stepped clock.

use std::sync::Arc;

use crate::model::{Sample, Timestamp};

use super::bits::{BitReader, BitWriter};

/// Samples in a full chunk: ten minutes at one sample in five seconds.
pub const CHUNK_SAMPLES: usize = 120;

/// Whole numbers up to here are exact in a float and in an integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

const MODE_WHOLE: u64 = 0;
const MODE_XOR: u64 = 1;

/// A run of samples, first and last time included. Clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    first: Timestamp,
    last: Timestamp,
    count: u32,
    /// Whether no value is smaller than the one before, and none is NaN.
    steady: bool,
    /// Bits of the last value; not the float, because NaN is not equal to itself.
    last_bits: u64,
    data: Arc<[u8]>,
}

/// A chunk as it comes from disk, not looked into yet. Clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    pub(super) first: Timestamp,
    pub(super) count: u32,
    pub(super) data: Arc<[u8]>,
}

/// The bytes are not a chunk with the given number of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged chunk: {readable} of {count} samples are readable")]
pub struct DamagedChunk {
    /// Samples that it should hold.
    pub count: u32,
    /// Samples that could be read.
    pub readable: u32,
}

impl Chunk {
    /// Compresses samples in order of time; `None` of none.
    #[must_use]
    pub fn encode(samples: &[Sample]) -> Option<Self> {
        let (first, last) = (samples.first()?, samples.last()?);
        let xor = encode_xor(samples);
        let bits = match encode_whole(samples) {
            Some(whole) if whole.len() <= xor.len() => whole,
            _ => xor,
        };
        let count = u32::try_from(samples.len()).ok()?;
        // A comparison with NaN is never true.
        let steady = !first.value.is_nan() && samples.is_sorted_by(|a, b| a.value <= b.value);
        let data = bits.into_bytes().into();
        Some(Self { first: first.at, last: last.at, count, steady, last_bits: last.value.to_bits(), data })
    }

    /// Takes in bytes that come back from disk.
    ///
    /// # Errors
    /// They do not hold `count` samples.
    pub fn from_bytes(first: Timestamp, count: u32, data: Arc<[u8]>) -> Result<Self, DamagedChunk> {
        let mut readable = 0;
        let (mut last, mut steady, mut last_value) = (first, true, f64::NEG_INFINITY);
        decode(&data, first, count, |sample| {
            readable += 1;
            steady &= last_value <= sample.value;
            (last, last_value) = (sample.at, sample.value);
            true
        });
        if readable == count && count > 0 {
            Ok(Self { first, last, count, steady, last_bits: last_value.to_bits(), data })
        } else {
            Err(DamagedChunk { count, readable })
        }
    }

    /// The bytes to write to disk, beside [`Chunk::first`] and [`Chunk::count`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<[u8]> {
        Arc::clone(&self.data)
    }

    /// Time of the first sample.
    #[must_use]
    pub fn first(&self) -> Timestamp {
        self.first
    }

    /// Time of the last sample.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// How many samples it holds.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether any time from `from` to `to`, both included, lies inside.
    #[must_use]
    pub fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.first <= to && self.last >= from
    }

    /// Appends the samples with `from <= at <= to` to `out`.
    pub fn read_into(&self, from: Timestamp, to: Timestamp, out: &mut Vec<Sample>) {
        decode(&self.data, self.first, self.count, |sample| {
            if sample.at >= from && sample.at <= to {
                out.push(sample);
            }
            sample.at < to
        });
    }

    /// If no value is smaller than the one before and none is NaN: the first sample not before `from`, how many there
    /// are from there on, and the last value. Unpacks as far as that first sample only.
    pub(super) fn steady_from(&self, from: Timestamp) -> Option<(Sample, usize, f64)> {
        if !self.steady {
            return None;
        }
        let (mut before, mut found) = (0, None);
        decode(&self.data, self.first, self.count, |sample| {
            found = (sample.at >= from).then_some(sample);
            before += usize::from(found.is_none());
            found.is_none()
        });
        Some((found?, (self.count as usize).checked_sub(before)?, f64::from_bits(self.last_bits)))
    }

    /// The value of the first sample.
    pub(super) fn first_value(&self) -> Option<f64> {
        let mut first = None;
        decode(&self.data, self.first, self.count, |sample| {
            first = Some(sample.value);
            false
        });
        first
    }

    /// Moves every sample by so many milliseconds.
    pub(super) fn shift(&mut self, millis: i64) {
        self.first = Timestamp::from_millis(self.first.millis().saturating_add(millis));
        self.last = Timestamp::from_millis(self.last.millis().saturating_add(millis));
    }
}

impl Unread {
    /// Appends the samples with `from <= at <= to` to `out`.
    ///
    /// # Errors
    /// The bytes do not hold what they should, as far as they were read; nothing was appended.
    pub(super) fn read_into(&self, from: Timestamp, to: Timestamp, out: &mut Vec<Sample>) -> Result<(), DamagedChunk> {
        let (before, mut readable, mut goes_on) = (out.len(), 0, true);
        decode(&self.data, self.first, self.count, |sample| {
            readable += 1;
            if sample.at >= from && sample.at <= to {
                out.push(sample);
            }
            goes_on = sample.at < to;
            goes_on
        });
        if goes_on && readable < self.count {
            out.truncate(before);
            return Err(DamagedChunk { count: self.count, readable });
        }
        Ok(())
    }
}

/// Writes the time of sample `i`: nothing for the first, then the delta, then how the delta changes.
fn write_time(bits: &mut BitWriter, samples: &[Sample], i: usize, delta: &mut i64) {
    if i > 0 {
        let next = samples[i].at.millis().wrapping_sub(samples[i - 1].at.millis());
        bits.write_signed(next.wrapping_sub(*delta));
        *delta = next;
    }
}

/// Deltas of deltas of whole numbers; `None` if a value is not a whole number that an integer holds exactly.
fn encode_whole(samples: &[Sample]) -> Option<BitWriter> {
    let mut bits = BitWriter::default();
    bits.write(MODE_WHOLE, 1);
    let (mut time_delta, mut value, mut value_delta) = (0i64, 0i64, 0i64);
    for (i, sample) in samples.iter().enumerate() {
        let negative_zero = sample.value == 0.0 && sample.value.is_sign_negative();
        // NaN fails the comparison too.
        let exact = sample.value.abs() <= EXACT && sample.value.fract() == 0.0 && !negative_zero;
        if !exact {
            return None;
        }
        write_time(&mut bits, samples, i, &mut time_delta);
        #[allow(clippy::cast_possible_truncation)] // checked above
        let next = sample.value as i64;
        let delta = next - value;
        bits.write_signed(delta - value_delta);
        // The first value is not a step; taking it as one would cost as much again at the second.
        value_delta = if i == 0 { 0 } else { delta };
        value = next;
    }
    Some(bits)
}

fn encode_xor(samples: &[Sample]) -> BitWriter {
    let mut bits = BitWriter::default();
    bits.write(MODE_XOR, 1);
    let mut time_delta = 0i64;
    let mut previous = 0u64;
    // The window of significant bits that the last value used.
    let (mut leading, mut width) = (0u32, 0u32);
    for (i, sample) in samples.iter().enumerate() {
        write_time(&mut bits, samples, i, &mut time_delta);
        let xor = sample.value.to_bits() ^ previous;
        previous = sample.value.to_bits();
        if xor == 0 {
            bits.write(0, 1);
            continue;
        }
        bits.write(1, 1);
        let (zeros_before, zeros_after) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        let window_end = 64 - leading - width;
        if width > 0 && zeros_before >= leading && zeros_after >= window_end {
            bits.write(0, 1);
        } else {
            leading = zeros_before;
            width = 64 - zeros_before - zeros_after;
            bits.write(1, 1);
            bits.write(u64::from(leading), 5);
            // 1 to 64 in six bits.
            bits.write(u64::from(width - 1), 6);
        }
        bits.write(xor >> (64 - leading - width), width);
    }
    bits
}

/// Calls `each` with every sample until it answers false or the bytes are at their end.
fn decode(data: &[u8], first: Timestamp, count: u32, mut each: impl FnMut(Sample) -> bool) {
    let mut bits = BitReader::new(data);
    let mut values = match bits.read(1) {
        Some(MODE_WHOLE) => Values::Whole { value: 0, delta: 0 },
        Some(_) => Values::Xor { bits: 0, leading: 0, width: 0 },
        None => return,
    };
    let (mut at, mut delta) = (first.millis(), 0i64);
    for i in 0..count {
        if i > 0 {
            let Some(change) = bits.read_signed() else { return };
            delta = delta.wrapping_add(change);
            at = at.wrapping_add(delta);
        }
        let Some(value) = values.next(&mut bits, i == 0) else { return };
        if !each(Sample { at: Timestamp::from_millis(at), value }) {
            return;
        }
    }
}

enum Values {
    Whole { value: i64, delta: i64 },
    Xor { bits: u64, leading: u32, width: u32 },
}

impl Values {
    #[inline]
    fn next(&mut self, reader: &mut BitReader<'_>, is_first: bool) -> Option<f64> {
        match self {
            Self::Whole { value, delta } => {
                let step = delta.wrapping_add(reader.read_signed()?);
                *value = value.wrapping_add(step);
                *delta = if is_first { 0 } else { step };
                #[allow(clippy::cast_precision_loss)] // exact by construction
                Some(*value as f64)
            }
            Self::Xor { bits, leading, width } => {
                if reader.bit()? {
                    if reader.bit()? {
                        *leading = u32::try_from(reader.read(5)?).ok()?;
                        *width = u32::try_from(reader.read(6)?).ok()? + 1;
                    }
                    // Only damaged bytes fail here.
                    let shift = 64u32.checked_sub(*leading)?.checked_sub(*width)?;
                    if *width == 0 {
                        return None;
                    }
                    *bits ^= reader.read(*width)? << shift;
                }
                Some(f64::from_bits(*bits))
            }
        }
    }
}

#[cfg(test)]
mod tests;
