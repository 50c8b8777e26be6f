//! Numbers label sets by the part of them that matters: for grouping, matching and finding duplicates.
//!
//! A hash finds the candidate and the labels themselves are compared, so two groups never fall together.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::block::is_metadata;
use crate::model::Labels;

/// Which labels tell groups apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key<'a> {
    /// All of them.
    All,
    /// All but this one.
    AllBut(&'a str),
    /// All but these.
    AllButThese(&'a [String]),
    /// Only these, sorted.
    By(&'a [String]),
    /// All but these, sorted, and but what [`is_metadata`] names.
    Without(&'a [String]),
}

impl Key<'_> {
    fn keeps(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::AllBut(left_out) => name != *left_out,
            Self::AllButThese(names) => !names.iter().any(|n| n == name),
            Self::By(names) => names.iter().any(|n| n == name),
            Self::Without(names) => !is_metadata(name) && !names.iter().any(|n| n == name),
        }
    }

    fn pairs<'l>(&self, labels: &'l Labels, hide_name: bool) -> impl Iterator<Item = (&'l str, &'l str)> {
        labels.iter().filter(move |(name, _)| self.keeps(name) && !(hide_name && is_metadata(name)))
    }

    /// The labels that tell the group of a label set apart.
    pub(crate) fn labels(&self, labels: &Labels, hide_name: bool) -> Labels {
        labels.without(|name| !self.keeps(name) || (hide_name && is_metadata(name)))
    }
}

/// Groups numbered in the order in which they appear.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// From hash to the groups that have it.
    table: HashMap<u64, usize, BuildHasherDefault<Passthrough>>,
    /// The first member of each group, and whether its name is hidden.
    first: Vec<(Labels, bool)>,
}

impl Groups {
    /// The number of the group of `labels`, and whether it is new.
    pub(crate) fn find(&mut self, key: Key<'_>, labels: &Labels, hide_name: bool) -> (usize, bool) {
        let mut hash = hash_pairs(key.pairs(labels, hide_name));
        loop {
            match self.table.get(&hash) {
                None => {
                    self.table.insert(hash, self.first.len());
                    self.first.push((labels.clone(), hide_name));
                    return (self.first.len() - 1, true);
                }
                Some(group) => {
                    let (other, other_hides) = &self.first[*group];
                    if key.pairs(other, *other_hides).eq(key.pairs(labels, hide_name)) {
                        return (*group, false);
                    }
                    hash = hash.wrapping_add(1);
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }
}

fn hash_pairs<'l>(pairs: impl Iterator<Item = (&'l str, &'l str)>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, value) in pairs {
        hash = mix(mix(hash, name.as_bytes()), value.as_bytes());
    }
    hash
}

/// Folds bytes into a hash, eight at a time; the length keeps `ab`+`c` apart from `a`+`bc`.
fn mix(mut hash: u64, bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut step = |word: u64| hash = (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        step(u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    let tail = chunks.remainder();
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    step(u64::from_le_bytes(last));
    step(bytes.len() as u64);
    hash ^ (hash >> 29)
}

/// Takes the key, which is a hash already, as it is.
#[derive(Debug, Default)]
pub(crate) struct Passthrough(u64);

impl Hasher for Passthrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix(self.0, bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
