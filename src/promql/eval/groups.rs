//! Numbers label sets by the part of them that matters: for grouping, matching and finding duplicates.
//!
//! A hash finds the candidate and the labels themselves are compared, so two groups never fall together. Label sets
//! of one store share their strings, so what was seen once is found again by the addresses of its strings, without
//! reading them; only strings at new addresses are read.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;

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

type Table = HashMap<u64, usize, BuildHasherDefault<Passthrough>>;

/// Groups numbered in the order in which they appear. All of one numbering use the same [`Key`].
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// From hash of the text to the first member of the group that has it.
    by_text: Table,
    /// From hash of the addresses to the member that has them.
    by_address: Table,
    members: Vec<Member>,
    /// The addresses of all members, one after the other.
    addresses: Vec<usize>,
    shape: Shape,
    count: usize,
}

/// A label set with strings at addresses that no other member has. Holds the labels, so that the addresses stay theirs.
#[derive(Debug)]
struct Member {
    labels: Labels,
    hides_name: bool,
    group: usize,
    /// Where in the list of addresses its own are.
    addresses: Range<usize>,
}

/// Which labels of a label set matter. Neighbours mostly have the same names, so it rarely changes.
#[derive(Debug, Default)]
struct Shape {
    names: Vec<usize>,
    hides_name: bool,
    kept: Vec<usize>,
}

impl Shape {
    fn fit(&mut self, key: Key<'_>, labels: &Labels, hide_name: bool) {
        let same = self.hides_name == hide_name
            && self.names.len() == labels.len()
            && labels.iter_shared().zip(&self.names).all(|((name, _), known)| address(name) == *known);
        if same {
            return;
        }
        self.hides_name = hide_name;
        self.names.clear();
        self.kept.clear();
        for (place, (name, _)) in labels.iter_shared().enumerate() {
            self.names.push(address(name));
            if key.keeps(name) && !(hide_name && is_metadata(name)) {
                self.kept.push(place);
            }
        }
    }
}

fn address(text: &Arc<str>) -> usize {
    Arc::as_ptr(text).addr()
}

impl Groups {
    /// The number of the group of `labels`, and whether it is new.
    pub(crate) fn find(&mut self, key: Key<'_>, labels: &Labels, hide_name: bool) -> (usize, bool) {
        self.shape.fit(key, labels, hide_name);
        let start = self.addresses.len();
        let mut hash = 0;
        for place in &self.shape.kept {
            if let Some((name, value)) = labels.iter_shared().nth(*place) {
                let (name, value) = (address(name), address(value));
                self.addresses.extend([name, value]);
                hash = step(step(hash, name as u64), value as u64);
            }
        }
        // Addresses are multiples of eight, and the table looks at the lowest bits.
        hash ^= hash >> 32;
        while let Some(member) = self.by_address.get(&hash).and_then(|member| self.members.get(*member)) {
            let (known, own) = self.addresses.split_at(start);
            if known.get(member.addresses.clone()) == Some(own) {
                let group = member.group;
                self.addresses.truncate(start);
                return (group, false);
            }
            hash = hash.wrapping_add(1);
        }
        let (group, new) = self.find_by_text(key, labels, hide_name);
        self.by_address.insert(hash, self.members.len());
        self.members.push(Member {
            labels: labels.clone(),
            hides_name: hide_name,
            group,
            addresses: start..self.addresses.len(),
        });
        (group, new)
    }

    /// As [`Groups::find`]; whoever calls it adds the member.
    fn find_by_text(&mut self, key: Key<'_>, labels: &Labels, hide_name: bool) -> (usize, bool) {
        let mut hash = hash_pairs(key.pairs(labels, hide_name));
        while let Some(member) = self.by_text.get(&hash).and_then(|member| self.members.get(*member)) {
            if key.pairs(&member.labels, member.hides_name).eq(key.pairs(labels, hide_name)) {
                return (member.group, false);
            }
            hash = hash.wrapping_add(1);
        }
        self.by_text.insert(hash, self.members.len());
        self.count += 1;
        (self.count - 1, true)
    }

    pub(crate) fn len(&self) -> usize {
        self.count
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
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        hash = step(hash, u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    let tail = chunks.remainder();
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    hash = step(hash, u64::from_le_bytes(last));
    hash = step(hash, bytes.len() as u64);
    hash ^ (hash >> 29)
}

fn step(hash: u64, word: u64) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR)
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
