//! Decides whether a group of alerts deserves another notification.
//!
//! Compares the group as it stands with what a notifier was last told and answers with a [`Reason`], or
//! nothing. Pure: no clock, no store. Muting has already happened; sending comes after (`outbox`).

use std::collections::BTreeSet;
use std::time::Duration as StdDuration;

use crate::model::Timestamp;

use super::reason::Reason;

/// What a notifier was last told about a group. Alerts by the hash of their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub firing: BTreeSet<u64>,
    pub resolved: BTreeSet<u64>,
    pub sent_at: Timestamp,
}

/// A group as it stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Fires, and the rules said so since the last start.
    pub confirmed: BTreeSet<u64>,
    /// Fires as far as known: restored, not yet confirmed.
    pub presumed: BTreeSet<u64>,
    /// Is over.
    pub resolved: BTreeSet<u64>,
}

impl Standing {
    /// What a message would show as firing: what is confirmed, and what is presumed and was told before.
    pub fn firing(&self, entry: Option<&Entry>) -> BTreeSet<u64> {
        let told = |id: &&u64| entry.is_some_and(|entry| entry.firing.contains(*id));
        self.confirmed.iter().chain(self.presumed.iter().filter(told)).copied().collect()
    }

    /// What a message would show as resolved: only what was told as firing.
    pub fn resolved(&self, entry: Option<&Entry>) -> BTreeSet<u64> {
        entry.map(|entry| self.resolved.intersection(&entry.firing).copied().collect()).unwrap_or_default()
    }
}

/// How a notifier wants to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub send_resolved: bool,
    pub repeat_interval: StdDuration,
    /// The route no longer leads here: tell only what is over.
    pub only_resolved: bool,
}

/// Whether, and why, the notifier is to be told.
pub(super) fn needs_update(entry: Option<&Entry>, group: &Standing, wish: Wish, at: Timestamp) -> Option<Reason> {
    let known = entry.filter(|entry| !entry.firing.is_empty());
    let Some(entry) = known else {
        return (!group.confirmed.is_empty() && !wish.only_resolved).then_some(Reason::FirstNotification);
    };
    if !wish.only_resolved && !group.confirmed.is_subset(&entry.firing) {
        return Some(Reason::NewAlerts);
    }
    let over = !group.resolved(Some(entry)).is_empty();
    if over && group.firing(Some(entry)).is_empty() {
        return Some(Reason::AllResolved);
    }
    if over && wish.send_resolved {
        return Some(Reason::SomeResolved);
    }
    let fires = !group.firing(Some(entry)).is_empty();
    (fires && !wish.only_resolved && repeat_at(entry, wish) <= at).then_some(Reason::Repeat)
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
        Standing { confirmed: set(confirmed), presumed: set(presumed), resolved: set(resolved) }
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
}
