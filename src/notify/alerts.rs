//! The alerts that are known, merged by label set.
//!
//! Of two reports about one label set the newer wins and the earliest beginning is kept, as in Alertmanager.
//! An alert that nobody confirms any more lapses only while others are still being reported: silence from
//! the rules is no recovery. After a restart every alert is held as it was until it is confirmed or its
//! grace is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use crate::model::{Alert, AlertStatus, Fingerprint, Timestamp};

/// How long a restored alert is held without confirmation.
pub(super) const GRACE: StdDuration = StdDuration::from_secs(5 * 60);

/// Most alerts known at once; further ones are refused and counted.
pub(super) const MOST_KNOWN: usize = 100_000;

/// An alert with what is known about our knowing it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub alert: Alert,
    /// Whether the rules reported it since the last start.
    pub confirmed: bool,
    /// Grows with every change of its beginning or end.
    pub version: u64,
    /// How many groups hold it.
    pub groups: usize,
    /// When it was last reported.
    pub updated_at: Timestamp,
    /// Whether whoever reported it said itself until when it is valid.
    pub explicit_end: bool,
    /// Whether it was over when history last heard of it; `None` if it never did.
    pub noted: Option<bool>,
}

impl Held {
    fn new(alert: Alert, confirmed: bool, version: u64, at: Timestamp) -> Self {
        Self { alert, confirmed, version, groups: 0, updated_at: at, explicit_end: false, noted: None }
    }
}

/// An alert that somebody else than our rules reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The alert.
    pub alert: Alert,
    /// Whether its end was named, and does not only follow from a time-out.
    pub explicit_end: bool,
}

/// What a report did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merged {
    pub id: Fingerprint,
    /// Whether the alert is new, or began or ended.
    pub changed: bool,
}

/// What is stored of an alert.
#[derive(Serialize, Deserialize)]
struct Stored {
    alert: Alert,
}

/// The known alerts and which of them wait to be stored.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    held: BTreeMap<Fingerprint, Held>,
    dirty: BTreeSet<Fingerprint>,
    versions: u64,
    /// The last time at which anything was reported.
    observed_at: Option<Timestamp>,
}

impl Alerts {
    pub fn get(&self, id: Fingerprint) -> Option<&Held> {
        self.held.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Fingerprint, &Held)> {
        self.held.iter().map(|(id, held)| (*id, held))
    }

    pub fn is_full(&self) -> bool {
        self.held.len() >= MOST_KNOWN
    }

    /// Notes that the rules are alive.
    pub fn seen(&mut self, at: Timestamp) {
        self.observed_at = Some(self.observed_at.map_or(at, |before| before.max(at)));
    }

    /// Since when the alert is over, if it is.
    pub fn ended(&self, held: &Held, at: Timestamp) -> Option<Timestamp> {
        let alert = &held.alert;
        let lapsed = self.observed_at.is_some_and(|seen| alert.valid_until <= seen);
        alert.ends_at.filter(|end| *end <= at).or_else(|| lapsed.then_some(alert.valid_until))
    }

    /// Takes a report in. The alert must be in a group afterwards, or it is to be removed.
    pub fn merge(&mut self, new: &Alert, at: Timestamp) -> Merged {
        let id = new.fingerprint();
        let was_over = self.held.get(&id).is_some_and(|held| self.ended(held, at).is_some());
        self.versions += 1;
        let Some(held) = self.held.get_mut(&id) else {
            self.held.insert(id, Held::new(new.clone(), true, self.versions, at));
            self.dirty.insert(id);
            return Merged { id, changed: true };
        };
        let merged = merged(&held.alert, new, at);
        let times = (merged.starts_at, merged.ends_at) != (held.alert.starts_at, held.alert.ends_at);
        // One that had lapsed and is reported as it was before.
        let changed = times || was_over && merged.status(at) == AlertStatus::Firing;
        held.alert = merged;
        held.confirmed = true;
        held.updated_at = at;
        held.explicit_end = false;
        if changed {
            held.version = self.versions;
            self.dirty.insert(id);
        }
        Merged { id, changed }
    }

    /// Takes in a report of somebody who is not our rules. An end that its reporter named holds against an earlier one
    /// that only follows from a time-out.
    pub fn merge_external(&mut self, report: &Received, at: Timestamp) -> Merged {
        let mut alert = report.alert.clone();
        let named = self.held.get(&alert.fingerprint()).filter(|held| held.explicit_end && alert.ends_at.is_none());
        let later = named.map(|held| held.alert.valid_until).filter(|end| *end > alert.valid_until);
        alert.valid_until = later.unwrap_or(alert.valid_until);
        let merged = self.merge(&alert, at);
        if let Some(held) = self.held.get_mut(&merged.id) {
            held.explicit_end = report.explicit_end || later.is_some();
        }
        merged
    }

    /// Notes that a group took the alert in.
    pub fn joined(&mut self, id: Fingerprint) {
        if let Some(held) = self.held.get_mut(&id) {
            held.groups += 1;
        }
    }

    /// Notes that a group let the alert go; the last one makes it unknown.
    pub fn left(&mut self, id: Fingerprint) {
        self.released(id);
        self.forget_if_unused(id);
    }

    /// Notes that a group let the alert go, which is to find another or to be forgotten.
    pub fn released(&mut self, id: Fingerprint) {
        if let Some(held) = self.held.get_mut(&id) {
            held.groups = held.groups.saturating_sub(1);
        }
    }

    /// Notes that history hears of an alert as it stands. Answers whether that is news.
    pub fn note(&mut self, id: Fingerprint, over: bool) -> bool {
        let held = self.held.get_mut(&id).filter(|held| held.groups > 0 && held.noted != Some(over));
        held.map(|held| held.noted = Some(over)).is_some()
    }

    /// Forgets an alert that no group holds.
    pub fn forget_if_unused(&mut self, id: Fingerprint) {
        if self.held.get(&id).is_some_and(|held| held.groups == 0) {
            self.held.remove(&id);
            self.dirty.insert(id);
        }
    }

    /// Takes in what was stored. Answers its identity, or nothing if it cannot be read.
    pub fn restore(&mut self, body: &str, at: Timestamp) -> Option<Fingerprint> {
        let Stored { mut alert } = serde_json::from_str(body).ok()?;
        alert.valid_until = alert.valid_until.max(at + GRACE);
        let id = alert.fingerprint();
        self.versions += 1;
        let noted = Some(alert.ends_at.is_some());
        self.held.insert(id, Held { noted, ..Held::new(alert, false, self.versions, at) });
        Some(id)
    }

    /// What waits to be stored: identity, and the body, or nothing if it is to be removed.
    pub fn changes(&mut self) -> Vec<(Fingerprint, Option<String>)> {
        let dirty = std::mem::take(&mut self.dirty);
        let body = |id| {
            let held = self.held.get(&id)?;
            // A value that JSON does not know would make the whole alert unreadable; it is only shown.
            let mut alert = held.alert.clone();
            if !alert.value.is_finite() {
                alert.value = 0.0;
            }
            serde_json::to_string(&Stored { alert }).ok()
        };
        dirty.into_iter().map(|id| (id, body(id))).collect()
    }

    /// Marks an alert to be stored again.
    pub fn touch(&mut self, id: Fingerprint) {
        self.dirty.insert(id);
    }

    pub fn has_changes(&self) -> bool {
        !self.dirty.is_empty()
    }
}

fn merged(old: &Alert, new: &Alert, at: Timestamp) -> Alert {
    if new.ends_at.is_some_and(|end| end < old.starts_at) {
        // The end of an earlier stretch, told again.
        return old.clone();
    }
    let mut merged = new.clone();
    let old_end = old.ends_at.filter(|end| *end <= at);
    // Two reports about one stretch of time; otherwise it is over and begins anew.
    if old_end.is_none_or(|end| new.starts_at < end) {
        merged.starts_at = old.starts_at.min(new.starts_at);
    }
    if let (Some(old_end), Some(new_end)) = (old_end, new.ends_at) {
        merged.ends_at = Some(old_end.max(new_end));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn alert(starts: i64, ends: Option<i64>) -> Alert {
        Alert {
            labels: Labels::from_pairs([("alertname", "X")]),
            annotations: BTreeMap::new(),
            starts_at: Timestamp::from_millis(starts),
            ends_at: ends.map(Timestamp::from_millis),
            valid_until: Timestamp::from_millis(starts + 60_000),
            generator_url: String::new(),
            value: f64::NAN,
            resolved_value: None,
        }
    }

    fn merge(reports: &[(i64, Alert)]) -> Alert {
        let mut alerts = Alerts::default();
        let mut id = Fingerprint(0);
        for (at, report) in reports {
            id = alerts.merge(report, Timestamp::from_millis(*at)).id;
        }
        alerts.get(id).expect("known").alert.clone()
    }

    #[test]
    fn the_earliest_beginning_stays_and_the_newer_report_wins() {
        let merged = merge(&[(10, alert(5, None)), (20, alert(8, Some(20)))]);
        assert_eq!((merged.starts_at.millis(), merged.ends_at.map(Timestamp::millis)), (5, Some(20)));
    }

    #[test]
    fn an_alert_that_fires_again_begins_anew() {
        let merged = merge(&[(10, alert(5, Some(9))), (20, alert(15, None))]);
        assert_eq!((merged.starts_at.millis(), merged.ends_at), (15, None));
    }

    #[test]
    fn the_later_of_two_ends_stays() {
        let merged = merge(&[(10, alert(5, Some(9))), (20, alert(5, Some(8)))]);
        assert_eq!(merged.ends_at.map(Timestamp::millis), Some(9));
    }

    #[test]
    fn an_alert_nobody_confirms_lapses_only_while_the_rules_are_heard() {
        let mut alerts = Alerts::default();
        let id = alerts.merge(&alert(0, None), Timestamp::from_millis(0)).id;
        let late = Timestamp::from_millis(600_000);
        assert_eq!(alerts.ended(alerts.get(id).expect("known"), late), None);
        alerts.seen(late);
        assert_eq!(alerts.ended(alerts.get(id).expect("known"), late).map(Timestamp::millis), Some(60_000));
    }

    #[test]
    fn an_alert_of_a_file_that_knew_no_resolved_value_is_read() {
        let mut alerts = Alerts::default();
        alerts.merge(&Alert { value: 1.0, ..alert(0, None) }, Timestamp::from_millis(0));
        let stored = alerts.changes().pop().and_then(|(_, body)| body).expect("stored");
        let older = stored.replace(",\"resolved_value\":null", "");
        assert_ne!(older, stored);
        assert!(Alerts::default().restore(&older, Timestamp::from_millis(0)).is_some());
    }

    #[test]
    fn what_was_stored_comes_back_unconfirmed_and_with_a_grace_whatever_its_value() {
        let mut alerts = Alerts::default();
        let id = alerts.merge(&alert(0, None), Timestamp::from_millis(0)).id;
        let stored = alerts.changes().pop().and_then(|(_, body)| body).expect("stored");
        let mut restored = Alerts::default();
        let at = Timestamp::from_millis(1_000_000);
        assert_eq!(restored.restore(&stored, at), Some(id));
        let held = restored.get(id).expect("known");
        assert!(!held.confirmed && held.alert.valid_until == at + GRACE);
    }
}
