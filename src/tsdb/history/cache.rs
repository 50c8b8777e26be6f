//! A bounded cache of chunks that were read back.
//!
//! Two generations: what is asked for is in, or moves to, the young one; when that is half the size, it becomes
//! the old one and the old one goes. That is nearly "least recently used" without its bookkeeping.

use std::collections::HashMap;

use crate::model::Timestamp;

use super::super::chunk::Unread;

/// A chunk's block, from when the block's times count, and its series. With the time, because a stepped clock moves
/// blocks.
pub(super) type Key = (i64, Timestamp, i64);

/// Memory of an entry beside the chunk's bytes, estimated.
const ENTRY_BYTES: usize = 120;

/// See the module. An entry may say that there is no chunk.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<Key, Option<Unread>>,
    old: HashMap<Key, Option<Unread>>,
    young_bytes: usize,
    old_bytes: usize,
}

impl Cache {
    /// What is known of a chunk.
    pub(super) fn get(&mut self, key: Key, most_bytes: usize) -> Option<Option<Unread>> {
        if let Some(chunk) = self.young.get(&key) {
            return Some(chunk.clone());
        }
        let chunk = self.old.remove(&key)?;
        self.old_bytes -= size(chunk.as_ref());
        self.put(key, chunk.clone(), most_bytes);
        Some(chunk)
    }

    /// Remembers a chunk.
    pub(super) fn put(&mut self, key: Key, chunk: Option<Unread>, most_bytes: usize) {
        let added = size(chunk.as_ref());
        if self.young_bytes + added > most_bytes / 2 {
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
        if added <= most_bytes / 2 {
            self.young_bytes += added;
            if let Some(before) = self.young.insert(key, chunk) {
                self.young_bytes -= size(before.as_ref());
            }
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Memory in use, estimated.
    pub(super) fn bytes(&self) -> usize {
        self.young_bytes + self.old_bytes
    }
}

fn size(chunk: Option<&Unread>) -> usize {
    ENTRY_BYTES + chunk.map_or(0, |chunk| chunk.data.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sample;
    use crate::tsdb::Chunk;

    #[test]
    fn it_stays_within_its_bound_and_keeps_what_is_asked_for() {
        let first = Timestamp::from_millis(0);
        let chunk = Chunk::encode(&[Sample { at: first, value: 1.5 }]).expect("a sample");
        let chunk = Some(Unread { first, count: 1, data: chunk.shared() });
        let mut cache = Cache::default();
        for series in 0..1000 {
            cache.put((1, first, series), chunk.clone(), 10_000);
            assert!(cache.bytes() <= 10_000);
            assert_eq!(cache.get((1, first, 0), 10_000), Some(chunk.clone()), "after {series}");
        }
        assert_eq!(cache.get((1, first, 500), 10_000), None);
        cache.clear();
        assert_eq!((cache.bytes(), cache.get((1, first, 999), 10_000)), (0, None));
    }
}
