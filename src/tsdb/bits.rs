//! A string of bits, written and read from the most significant bit on.
//!
//! Reading past the end gives `None`, never a panic, because chunks will come back from disk.

/// Collects bits.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits free in the last byte.
    free: u32,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `value`, at most 64.
    pub(super) fn write(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            let part = (value >> (left - take)) & ((1u64 << take) - 1);
            if let Some(last) = self.bytes.last_mut() {
                // `part` has at most eight bits.
                #[allow(clippy::cast_possible_truncation)]
                let part = part as u8;
                *last |= part << (self.free - take);
            }
            self.free -= take;
            left -= take;
        }
    }

    /// A signed number in 1 bit if it is 0, in 6 up to ±8, and so on to 69.
    pub(super) fn write_signed(&mut self, value: i64) {
        let zigzag = zigzag(value);
        match zigzag {
            0 => self.write(0, 1),
            1..=0x10 => {
                self.write(0b10, 2);
                self.write(zigzag - 1, 4);
            }
            0x11..=0x110 => {
                self.write(0b110, 3);
                self.write(zigzag - 0x11, 8);
            }
            0x111..=0x4110 => {
                self.write(0b1110, 4);
                self.write(zigzag - 0x111, 14);
            }
            0x4111..=0xffff_ffff => {
                self.write(0b11110, 5);
                self.write(zigzag, 32);
            }
            _ => {
                self.write(0b11111, 5);
                self.write(zigzag, 64);
            }
        }
    }

    /// How many whole bytes are in use.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes; unused bits of the last are 0.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads bits.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Reads `bytes` from the start.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next 57 bits at least, left-aligned; zeros past the end.
    #[inline]
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or(&[]);
        let word = match rest.first_chunk::<8>() {
            Some(word) => u64::from_be_bytes(*word),
            None => rest.iter().zip(0..).fold(0, |word, (byte, place)| word | u64::from(*byte) << (56 - 8 * place)),
        };
        word << (self.at % 8)
    }

    /// Moves on by so many bits, if there are so many.
    #[inline]
    fn skip(&mut self, count: u32) -> Option<()> {
        let next = self.at + count as usize;
        if next > self.bytes.len() * 8 {
            return None;
        }
        self.at = next;
        Some(())
    }

    /// The next bit.
    #[inline]
    pub(super) fn bit(&mut self) -> Option<bool> {
        self.read(1).map(|bit| bit == 1)
    }

    /// The next `count` bits, at most 64.
    #[inline]
    pub(super) fn read(&mut self, count: u32) -> Option<u64> {
        if count > 57 {
            let high = self.read(count - 32)?;
            return Some(high << 32 | self.read(32)?);
        }
        let word = self.peek();
        self.skip(count)?;
        // No bits are no number to shift by.
        Some(if count == 0 { 0 } else { word >> (64 - count) })
    }

    /// What [`BitWriter::write_signed`] wrote.
    #[inline]
    pub(super) fn read_signed(&mut self) -> Option<i64> {
        // Bits of the prefix, bits of the number, and what was taken off it.
        const FORMS: [(u32, u32, u64); 5] = [(1, 0, 0), (2, 4, 1), (3, 8, 0x11), (4, 14, 0x111), (5, 32, 0)];
        let word = self.peek();
        let Some((prefix, width, base)) = FORMS.get(word.leading_ones() as usize) else {
            self.skip(5)?;
            return self.read(64).map(unzigzag);
        };
        self.skip(prefix + width)?;
        Some(if *width == 0 { 0 } else { unzigzag(((word << prefix) >> (64 - width)) + base) })
    }
}

#[allow(clippy::cast_sign_loss)] // moving the sign to the lowest bit is the purpose
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[allow(clippy::cast_possible_wrap)] // as above, backwards
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn signed_numbers_come_back(numbers in prop::collection::vec(
            prop_oneof![any::<i64>(), -10i64..10, -300i64..300, -20_000i64..20_000, Just(i64::MIN), Just(i64::MAX)], 0..50)) {
            let mut writer = BitWriter::default();
            for number in &numbers {
                writer.write_signed(*number);
            }
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes);
            for number in &numbers {
                prop_assert_eq!(reader.read_signed(), Some(*number));
            }
        }

        #[test]
        fn bits_come_back(fields in prop::collection::vec((any::<u64>(), 1u32..=64), 0..50)) {
            let mut writer = BitWriter::default();
            for (value, count) in &fields {
                writer.write(*value, *count);
            }
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes);
            for (value, count) in &fields {
                let mask = if *count == 64 { u64::MAX } else { (1 << count) - 1 };
                prop_assert_eq!(reader.read(*count), Some(value & mask));
            }
        }
    }

    #[test]
    fn reading_past_the_end_gives_nothing() {
        let mut reader = BitReader::new(&[0xff]);
        assert_eq!(reader.read(9), None);
        assert_eq!(BitReader::new(&[]).read_signed(), None);
    }
}
