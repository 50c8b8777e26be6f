//! Decides whether a group of alerts deserves another notification.
//!
//! Compares the group as it stands with what a notifier was last told and answers with a [`Reason`], or
//! nothing. Pure: no clock, no store. Muting has already happened; sending comes after (`outbox`).

use std::collections::BTreeSet;
use std::time::Duration as StdDuration;

use crate::model::Timestamp;

use super::reason::Reason;

/// Alerts by the hash of their labels.
pub(super) type Hashes = BTreeSet<u64>;

/// What a notifier was last told about a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Fires, as far as the last message says.
    pub firing: Hashes,
    /// Was told as firing, and then ended while it was muted, or was left out of a message because it was. The
    /// notifier is owed its end; should it fire again or still once it is not muted, that is news.
    pub owed: Hashes,
    pub sent_at: Timestamp,
}

impl Entry {
    /// Whether the notifier was told that it fires, and not that it is over.
    pub fn knows(&self, hash: u64) -> bool {
        self.firing.contains(&hash) || self.owed.contains(&hash)
    }

    /// Whether there is nothing more to tell the end of.
    pub fn is_over(&self) -> bool {
        self.firing.is_empty() && self.owed.is_empty()
    }
}

/// A group as it stands. What is muted stands in `muted` alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Fires, and the rules said so since the last start.
    pub confirmed: Hashes,
    /// Fires as far as known, but its news are not for this group: restored and not yet confirmed, or taken by
    /// another route now.
    pub presumed: Hashes,
    /// Is over.
    pub resolved: Hashes,
    /// Is not to be told now.
    pub muted: Hashes,
    /// Of those, what is over.
    pub muted_over: Hashes,
    /// Somebody takes care of it, so that nobody is told of it only because time passed.
    pub acknowledged: Hashes,
}

impl Standing {
    /// What a message would show as firing: what is confirmed, and what is presumed and was told before.
    pub fn firing(&self, entry: Option<&Entry>) -> Hashes {
        let told = |id: &&u64| entry.is_some_and(|entry| entry.firing.contains(*id));
        self.confirmed.iter().chain(self.presumed.iter().filter(told)).copied().collect()
    }

    /// What a message would show as resolved: only what was told as firing.
    pub fn resolved(&self, entry: Option<&Entry>) -> Hashes {
        let known = |id: &&u64| entry.is_some_and(|entry| entry.knows(**id));
        self.resolved.iter().filter(known).copied().collect()
    }

    /// What is known of the notifier once it was told all of this at `at`.
    pub fn told(&self, entry: Option<&Entry>, wish: Wish, at: Timestamp) -> Entry {
        let firing = self.firing(entry);
        // A presumed one that is owed its end is not shown either.
        let left_out = self.muted.iter().chain(&self.presumed).filter(|id| !firing.contains(id));
        let known = |id: &&u64| wish.send_resolved && entry.is_some_and(|entry| entry.knows(**id));
        let owed = left_out.filter(known).copied().collect();
        Entry { firing, owed, sent_at: at }
    }

    /// What is known of the notifier where it is told nothing. Whoever does not want to hear of an end is still told
    /// when the alert fires again; what ends while it is muted is owed.
    pub fn passed_over(&self, entry: &Entry, wish: Wish) -> Entry {
        let (mut firing, mut owed): (Hashes, Hashes) =
            entry.firing.iter().partition(|id| !self.muted_over.contains(*id));
        firing.retain(|id| !self.resolved.contains(id));
        if wish.send_resolved {
            owed = &owed | &entry.owed;
        } else {
            owed = Hashes::new();
        }
        Entry { firing, owed, sent_at: entry.sent_at }
    }
}

/// How a notifier wants to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub send_resolved: bool,
    pub repeat_interval: StdDuration,
    /// No route leads here any more: tell only what is over.
    pub only_resolved: bool,
}

/// Whether, and why, the notifier is to be told.
pub(super) fn needs_update(entry: Option<&Entry>, group: &Standing, wish: Wish, at: Timestamp) -> Option<Reason> {
    let fires = !group.firing(entry).is_empty();
    let over = !group.resolved(entry).is_empty();
    let news = |entry: &Entry| !group.confirmed.is_subset(&entry.firing);
    match entry.filter(|entry| !entry.firing.is_empty()) {
        None if !group.confirmed.is_empty() && !wish.only_resolved => return Some(Reason::FirstNotification),
        Some(entry) if news(entry) && !wish.only_resolved => return Some(Reason::NewAlerts),
        _ => {}
    }
    if over && !fires {
        return Some(Reason::AllResolved);
    }
    if over && wish.send_resolved {
        return Some(Reason::SomeResolved);
    }
    let due = entry.is_some_and(|entry| repeat_at(entry, wish) <= at);
    let unattended = || !group.firing(entry).is_subset(&group.acknowledged);
    (fires && !wish.only_resolved && due && unattended()).then_some(Reason::Repeat)
}

/// When the notifier is to be told again though nothing changed.
pub(super) fn repeat_at(entry: &Entry, wish: Wish) -> Timestamp {
    entry.sent_at + wish.repeat_interval
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Wish = Wish { send_resolved: true, repeat_interval: StdDuration::from_secs(60), only_resolved: false };

    fn entry(firing: &[u64]) -> Option<Entry> {
        Some(Entry { firing: firing.iter().copied().collect(), ..Entry::default() })
    }

    fn group(confirmed: &[u64], presumed: &[u64], resolved: &[u64]) -> Standing {
        let set = |ids: &[u64]| ids.iter().copied().collect();
        Standing { confirmed: set(confirmed), presumed: set(presumed), resolved: set(resolved), ..Standing::default() }
    }

    #[test]
    fn a_group_is_told_for_one_reason_or_not_at_all() {
        let (soon, late) = (Timestamp::from_millis(59_999), Timestamp::from_millis(60_000));
        let silent = Wish { send_resolved: false, ..WISH };
        let leaving = Wish { only_resolved: true, ..WISH };
        for (case, entry, group, wish, at, reason) in [
            ("never told", None, group(&[1], &[], &[]), WISH, soon, Some(Reason::FirstNotification)),
            ("never told, over already", None, group(&[], &[], &[1]), WISH, soon, None),
            (
                "all was over, fires again",
                entry(&[]),
                group(&[1], &[], &[]),
                WISH,
                soon,
                Some(Reason::FirstNotification),
            ),
            ("one more fires", entry(&[1]), group(&[1, 2], &[], &[]), WISH, soon, Some(Reason::NewAlerts)),
            ("one of two is over", entry(&[1, 2]), group(&[1], &[], &[2]), WISH, soon, Some(Reason::SomeResolved)),
            ("one is over, unwanted", entry(&[1, 2]), group(&[1], &[], &[2]), silent, soon, None),
            ("one that was never told is over", entry(&[1]), group(&[1], &[], &[2]), WISH, soon, None),
            ("all are over", entry(&[1]), group(&[], &[], &[1]), WISH, soon, Some(Reason::AllResolved)),
            ("nothing changed", entry(&[1]), group(&[1], &[], &[]), WISH, soon, None),
            ("nothing changed for long", entry(&[1]), group(&[1], &[], &[]), WISH, late, Some(Reason::Repeat)),
            ("restored and told before", entry(&[1]), group(&[], &[1], &[]), WISH, soon, None),
            ("restored and never told", None, group(&[], &[1], &[]), WISH, late, None),
            ("moved away, still fires", entry(&[1]), group(&[1, 2], &[], &[]), leaving, late, None),
            ("moved away, now over", entry(&[1]), group(&[], &[], &[1]), leaving, soon, Some(Reason::AllResolved)),
        ] {
            assert_eq!(needs_update(entry.as_ref(), &group, wish, at), reason, "{case}");
        }
    }

    #[test]
    fn what_ends_while_it_is_muted_is_owed_until_it_is_told() {
        let (soon, late) = (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000));
        let told = entry(&[1, 2]).expect("told");
        let muted = |muted: &[u64], over: &[u64], confirmed: &[u64]| Standing {
            muted: muted.iter().copied().collect(),
            muted_over: over.iter().copied().collect(),
            ..group(confirmed, &[], &[])
        };
        // Muted and over: nothing is told, and not forgotten.
        let quiet = muted(&[1], &[1], &[2]);
        assert_eq!(needs_update(Some(&told), &quiet, WISH, soon), None);
        let owing = quiet.passed_over(&told, WISH);
        assert_eq!((owing.firing.len(), owing.owed.len()), (1, 1));
        // The mute ends: its end is told.
        assert_eq!(needs_update(Some(&owing), &group(&[2], &[], &[1]), WISH, soon), Some(Reason::SomeResolved));
        // Or it fired again before: that is news.
        assert_eq!(needs_update(Some(&owing), &group(&[1, 2], &[], &[]), WISH, soon), Some(Reason::NewAlerts));
        // A message that leaves a muted one out owes it too.
        let after = muted(&[1], &[], &[2, 3]).told(Some(&told), WISH, late);
        assert_eq!((after.firing, after.owed), ([2, 3].into(), [1].into()));
        // Whoever does not want ends is owed none, and hears of the next firing.
        let silent = Wish { send_resolved: false, ..WISH };
        let after = quiet.passed_over(&told, silent);
        assert_eq!((after.firing, after.owed), ([2].into(), Hashes::new()));
    }
}
