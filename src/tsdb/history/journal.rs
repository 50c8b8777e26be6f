//! Rows of the journal: the samples of one scrape, each told by what changed since the series' last one.
//!
//! A value is one bit if it is the same, a short whole number if both are whole, else its 64 bits. Rows of a block
//! build on each other from the first on, so a row that cannot be read ends the reading.

use std::collections::HashMap;

use crate::model::{Sample, Timestamp};

use super::super::bits::{BitReader, BitWriter};

/// Whole numbers up to here are exact in a float and in an integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Samples of one time.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tsdb) struct Batch {
    pub(super) at: Timestamp,
    /// Number of the series, and value.
    pub(super) samples: Vec<(i64, f64)>,
}

/// Writes and reads rows; remembers each series' last value in the block.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last: HashMap<i64, u64>,
}

impl Journal {
    /// Packs batches into a row; `first` is from when the block's times count.
    pub(super) fn encode(&mut self, batches: &mut [Batch], first: Timestamp) -> Vec<u8> {
        let mut bits = BitWriter::default();
        for batch in batches.iter_mut().filter(|batch| !batch.samples.is_empty()) {
            // Numbers that ascend one by one cost one bit each.
            batch.samples.sort_by_key(|(id, _)| *id);
            bits.write_signed(i64::try_from(batch.samples.len()).unwrap_or(i64::MAX));
            bits.write_signed(batch.at.millis().wrapping_sub(first.millis()));
            let mut previous = 0i64;
            for (id, value) in &batch.samples {
                bits.write_signed(id.wrapping_sub(previous).wrapping_sub(1));
                previous = *id;
                let before = self.last.insert(*id, value.to_bits()).unwrap_or(0);
                write_value(&mut bits, before, value.to_bits());
            }
        }
        // No batch is empty, so this is the end.
        bits.write_signed(0);
        bits.into_bytes()
    }

    /// Unpacks a row; `None` if it is damaged, after the samples that could be read.
    pub(super) fn decode(&mut self, row: &[u8], first: Timestamp, mut each: impl FnMut(i64, Sample)) -> Option<()> {
        let mut bits = BitReader::new(row);
        loop {
            let count = bits.read_signed()?;
            if count == 0 {
                return Some(());
            }
            let at = Timestamp::from_millis(first.millis().wrapping_add(bits.read_signed()?));
            let mut id = 0i64;
            for _ in 0..count {
                id = id.wrapping_add(bits.read_signed()?).wrapping_add(1);
                let last = self.last.entry(id).or_insert(0);
                *last = read_value(&mut bits, *last)?;
                each(id, Sample { at, value: f64::from_bits(*last) });
            }
        }
    }
}

fn write_value(bits: &mut BitWriter, before: u64, now: u64) {
    if before == now {
        bits.write(0, 1);
    } else if let (Some(from), Some(to)) = (whole(before), whole(now)) {
        bits.write(0b10, 2);
        bits.write_signed(to - from);
    } else {
        bits.write(0b11, 2);
        bits.write(now, 64);
    }
}

fn read_value(bits: &mut BitReader<'_>, before: u64) -> Option<u64> {
    if !bits.bit()? {
        return Some(before);
    }
    if bits.bit()? {
        return bits.read(64);
    }
    let to = whole(before)?.checked_add(bits.read_signed()?)?;
    #[allow(clippy::cast_precision_loss)] // exact where it was written
    Some((to as f64).to_bits())
}

/// The number, if an integer holds it and gives back the same bits.
fn whole(bits: u64) -> Option<i64> {
    let value = f64::from_bits(bits);
    // NaN fails the comparison, negative zero the last one.
    if value.abs() <= EXACT && value.fract() == 0.0 && (value != 0.0 || bits == 0) {
        #[allow(clippy::cast_possible_truncation)] // checked
        return Some(value as i64);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::STALE_MARKER;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = f64> {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, STALE_MARKER, -0.0, 0.0, EXACT, -EXACT, f64::MAX];
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-1000i32..1000).prop_map(f64::from),
            prop::sample::select(odd.to_vec()),
        ]
    }

    type Row = Vec<(i64, Vec<(i64, f64)>)>;

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let samples = prop::collection::btree_map(0i64..40, value(), 0..20)
            .prop_map(|samples| samples.into_iter().collect::<Vec<_>>());
        prop::collection::vec(prop::collection::vec((any::<i32>().prop_map(i64::from), samples), 0..3), 0..6)
    }

    proptest! {
        #[test]
        fn rows_come_back_with_every_bit(rows in rows(), first in -1_000_000i64..1_000_000_000) {
            let first = Timestamp::from_millis(first);
            let (mut writer, mut reader) = (Journal::default(), Journal::default());
            for row in rows {
                let mut batches: Vec<Batch> = row
                    .into_iter()
                    .map(|(offset, samples)| Batch { at: Timestamp::from_millis(first.millis() + offset), samples })
                    .collect();
                let bytes = writer.encode(&mut batches, first);
                let mut found = Vec::new();
                let whole = reader.decode(&bytes, first, |id, sample| found.push((id, sample.at, sample.value.to_bits())));
                prop_assert_eq!(whole, Some(()));
                let expected: Vec<_> = batches
                    .iter()
                    .flat_map(|batch| batch.samples.iter().map(|(id, value)| (*id, batch.at, value.to_bits())))
                    .collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(row in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut count = 0usize;
            let _ = Journal::default().decode(&row, Timestamp::default(), |_, _| count += 1);
            prop_assert!(count <= row.len() * 8);
        }
    }
}
