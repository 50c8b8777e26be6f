//! Which series satisfy a list of matchers.
//!
//! A posting list per name and value holds the ids of the series that have it, in ascending order. A matcher that
//! a missing label would satisfy only takes series away; any other one says where to look. Values are sorted, so a
//! regular expression with a literal prefix is tried on the values with that prefix only.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::model::{Labels, MatchOp, Matcher};

/// Place of a series in the head. Used again once a series is gone.
pub(super) type SeriesId = u32;

type Postings = BTreeMap<Arc<str>, Vec<SeriesId>>;

/// Names, values and who has them.
#[derive(Debug, Default)]
pub(super) struct Index {
    postings: HashMap<Arc<str>, Postings>,
    symbols: HashSet<Arc<str>>,
}

impl Index {
    /// Adds a series and gives back its labels with shared strings.
    pub(super) fn insert(&mut self, id: SeriesId, labels: &Labels) -> Labels {
        let shared: Vec<(Arc<str>, Arc<str>)> =
            labels.iter_shared().map(|(name, value)| (self.intern(name), self.intern(value))).collect();
        for (name, value) in &shared {
            let values = self.postings.entry(Arc::clone(name)).or_default();
            let list = values.entry(Arc::clone(value)).or_default();
            if let Err(at) = list.binary_search(&id) {
                list.insert(at, id);
            }
        }
        Labels::from_pairs(shared)
    }

    /// Removes a series.
    pub(super) fn remove(&mut self, id: SeriesId, labels: &Labels) {
        for (name, value) in labels.iter() {
            let Some(values) = self.postings.get_mut(name) else { continue };
            if let Some(list) = values.get_mut(value) {
                list.retain(|other| *other != id);
                if list.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.postings.remove(name);
            }
        }
    }

    /// How many series have this label.
    pub(super) fn count(&self, name: &str, value: &str) -> usize {
        self.postings.get(name).and_then(|values| values.get(value)).map_or(0, Vec::len)
    }

    /// Forgets strings that no series uses any more.
    pub(super) fn forget_unused_symbols(&mut self) {
        self.symbols.retain(|symbol| Arc::strong_count(symbol) > 1);
    }

    /// Bytes of all strings and lists, estimated.
    pub(super) fn bytes(&self) -> usize {
        let strings: usize = self.symbols.iter().map(|symbol| symbol.len() + 32).sum();
        let lists = self.postings.values().flat_map(BTreeMap::values).map(|list| list.capacity() * 4 + 40);
        strings + lists.sum::<usize>()
    }

    fn intern(&mut self, text: &Arc<str>) -> Arc<str> {
        match self.symbols.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                self.symbols.insert(Arc::clone(text));
                Arc::clone(text)
            }
        }
    }

    /// The ids of the series that satisfy all matchers, ascending; `everything` lists all ids.
    pub(super) fn resolve(&self, matchers: &[Matcher], everything: impl FnOnce() -> Vec<SeriesId>) -> Vec<SeriesId> {
        let (take, keep): (Vec<&Matcher>, Vec<&Matcher>) = matchers.iter().partition(|m| m.matches(""));
        let mut lists: Vec<Cow<'_, [SeriesId]>> = Vec::with_capacity(keep.len());
        for matcher in keep {
            let list = self.having(matcher, true);
            if list.is_empty() {
                return Vec::new();
            }
            lists.push(list);
        }
        // The shortest first, so that each later one has little to do.
        lists.sort_by_key(|list| list.len());
        let mut lists = lists.into_iter();
        let mut ids = lists.next().map_or_else(everything, Cow::into_owned);
        for list in lists {
            intersect(&mut ids, &list);
        }
        for matcher in take {
            if ids.is_empty() {
                break;
            }
            let list = self.having(matcher, false);
            if !list.is_empty() {
                ids.retain(|id| list.binary_search(id).is_err());
            }
        }
        ids
    }

    /// The series that have the matcher's label with a value for which it answers `wanted`.
    fn having(&self, matcher: &Matcher, wanted: bool) -> Cow<'_, [SeriesId]> {
        let Some(values) = self.postings.get(matcher.name()) else { return Cow::Borrowed(&[]) };
        let pattern = matcher.value();
        // `wanted` turned by the operator: whether the values that equal the text, or match the expression, are sought.
        let positive = matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex) == wanted;
        let is_regex = matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex);
        if positive && !is_regex {
            return values.get(pattern).map_or(Cow::Borrowed(&[]), |list| Cow::Borrowed(list));
        }
        if positive && let Some(words) = literal_alternatives(pattern) {
            return union(words.filter_map(|word| values.get(word)).map(Vec::as_slice).collect());
        }
        if positive {
            let prefix = literal_prefix(pattern);
            let range = values.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
            let near = range.take_while(|(value, _)| value.starts_with(prefix));
            let lists = near.filter(|(value, _)| matcher.matches(value) == wanted);
            return union(lists.map(|(_, list)| list.as_slice()).collect());
        }
        let lists = values.iter().filter(|(value, _)| matcher.matches(value) == wanted);
        union(lists.map(|(_, list)| list.as_slice()).collect())
    }
}

/// The words of `a|b|c` where each is plain text.
fn literal_alternatives(pattern: &str) -> Option<impl Iterator<Item = &str>> {
    let plain = !pattern.contains(|c: char| c != '|' && is_special(c));
    plain.then(|| pattern.split('|'))
}

/// Text with which every match begins; empty where that is not obvious.
fn literal_prefix(pattern: &str) -> &str {
    if pattern.contains('|') {
        return "";
    }
    let Some(end) = pattern.find(is_special) else { return pattern };
    let prefix = &pattern[..end];
    // A quantifier takes the character before it along.
    match (pattern[end..].starts_with(['*', '?', '{']), prefix.char_indices().next_back()) {
        (true, Some((last, _))) => &prefix[..last],
        _ => prefix,
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$')
}

fn intersect(ids: &mut Vec<SeriesId>, list: &[SeriesId]) {
    let mut rest = list;
    ids.retain(|id| {
        // Both ascend, so nothing before this place is needed again.
        let at = rest.partition_point(|other| other < id);
        rest = &rest[at..];
        rest.first() == Some(id)
    });
}

fn union<'a>(lists: Vec<&'a [SeriesId]>) -> Cow<'a, [SeriesId]> {
    match lists.as_slice() {
        [] => Cow::Borrowed(&[]),
        [one] => Cow::Borrowed(one),
        many => {
            // A series has one value per name, so no id stands in two lists.
            let mut all: Vec<SeriesId> = many.concat();
            all.sort_unstable();
            // Except where an expression names a word twice.
            all.dedup();
            Cow::Owned(all)
        }
    }
}

#[cfg(test)]
mod tests;
