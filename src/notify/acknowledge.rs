//! Acknowledgements: which firing alerts somebody takes care of, until when.
//!
//! Pure. An acknowledgement belongs to one firing of one alert: it ends when the alert is over, and a new firing needs a
//! new one. It is no silence: news about the alert are still told, only repeats stop and no escalation happens. It may
//! expire, so that nobody forgets it; what it held back goes on from then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use crate::model::{Alert, Fingerprint, Labels, Timestamp};

/// Somebody takes care of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The alert's labels.
    pub labels: Labels,
    /// Who.
    pub by: String,
    /// What they say about it; may be empty.
    pub comment: String,
    /// When it was given.
    pub at: Timestamp,
    /// When it ends by itself though the alert goes on; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl Acknowledgement {
    /// Of which alert.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.labels.fingerprint()
    }

    /// `by ann at 2026-11-23T01:02:03.000Z: on it`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let comment = if self.comment.is_empty() { String::new() } else { format!(": {}", self.comment) };
        format!("by {} at {}{comment}", self.by, self.at)
    }

    fn covers(&self, alert: &Alert) -> bool {
        // What began later is another firing.
        alert.starts_at <= self.at
    }

    /// Whether its time is not over.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| at < end)
    }
}

/// The acknowledgements of the alerts that are known.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    given: BTreeMap<Fingerprint, Acknowledgement>,
    /// Those whose expiry was noticed already.
    expired: BTreeSet<Fingerprint>,
    /// Those that are over and may still be stored.
    gone: BTreeSet<Fingerprint>,
}

impl Acknowledgements {
    /// Takes one in; it replaces an earlier one of the same alert.
    pub fn set(&mut self, given: Acknowledgement) {
        let id = given.fingerprint();
        self.expired.remove(&id);
        self.gone.remove(&id);
        self.given.insert(id, given);
    }

    /// The one that holds for an alert now.
    #[must_use]
    pub fn of(&self, alert: &Alert, at: Timestamp) -> Option<&Acknowledgement> {
        self.given.get(&alert.fingerprint()).filter(|given| given.covers(alert) && given.holds(at))
    }

    /// Takes back the one of an alert. Answers it, if it was there.
    pub fn remove(&mut self, id: Fingerprint) -> Option<Acknowledgement> {
        self.expired.remove(&id);
        let given = self.given.remove(&id);
        self.gone.extend(given.iter().map(|_| id));
        given
    }

    /// Those that were removed since the last call.
    pub fn gone(&mut self) -> BTreeSet<Fingerprint> {
        std::mem::take(&mut self.gone)
    }

    /// From when on nobody took care: from `told`, or from the end of an acknowledgement that expired since. `None`
    /// while one holds.
    #[must_use]
    pub fn unattended_since(&self, alert: &Alert, told: Timestamp, at: Timestamp) -> Option<Timestamp> {
        match self.given.get(&alert.fingerprint()).filter(|given| given.covers(alert)) {
            Some(given) if given.holds(at) => None,
            Some(given) => Some(told.max(given.expires_at.unwrap_or(told))),
            None => Some(told),
        }
    }

    /// Those whose time is over since the last call.
    pub fn expire(&mut self, at: Timestamp) -> Vec<Acknowledgement> {
        let over = self.given.iter().filter(|(id, given)| !given.holds(at) && !self.expired.contains(*id));
        let over: Vec<(Fingerprint, Acknowledgement)> = over.map(|(id, given)| (*id, given.clone())).collect();
        self.expired.extend(over.iter().map(|(id, _)| *id));
        over.into_iter().map(|(_, given)| given).collect()
    }

    /// Every one that was given and whose alert is not over, whether it still holds or not.
    pub fn iter(&self) -> impl Iterator<Item = &Acknowledgement> {
        self.given.values()
    }

    /// How many hold.
    #[must_use]
    pub fn count(&self, at: Timestamp) -> usize {
        self.given.values().filter(|given| given.holds(at)).count()
    }

    /// Takes in what was stored of one; nothing if its alert is not `known` any more. Answers whether it could be read.
    pub fn restore(&mut self, body: &str, at: Timestamp, known: impl Fn(Fingerprint) -> bool) -> bool {
        let Ok(given) = serde_json::from_str::<Acknowledgement>(body) else { return false };
        let id = given.fingerprint();
        if known(id) {
            if !given.holds(at) {
                self.expired.insert(id);
            }
            self.given.insert(id, given);
        } else {
            self.gone.insert(id);
        }
        true
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Fingerprints, or names of alerts: then all that fire under it.
    pub alerts: Vec<String>,
    /// Who; must not be empty.
    pub by: String,
    /// What they say about it.
    pub comment: String,
    /// How long it lasts, 0 for as long as the alert; the configuration's `acknowledge.expire_after` unless given.
    pub expires_in: Option<StdDuration>,
}

/// Why nothing was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What was asked for cannot be used.
    #[error("{0}")]
    Input(String),
    /// No such alert fires.
    #[error("no alert that fires is named {0:?} or has that fingerprint")]
    Unknown(String),
    /// What an earlier process left is still being read.
    #[error("memsentry is starting, try again in a moment")]
    Starting,
    /// It is not acknowledged.
    #[error("{0} is not acknowledged")]
    NotAcknowledged(String),
    /// It could not be stored, and so it does not hold.
    #[error("it could not be stored and does not hold: {0}")]
    NotStored(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn alert(starts: i64) -> Alert {
        Alert {
            labels: Labels::from_pairs([("alertname", "X")]),
            annotations: BTreeMap::new(),
            starts_at: at(starts),
            ends_at: None,
            valid_until: at(starts + 60),
            generator_url: String::new(),
            value: 1.0,
            resolved_value: None,
        }
    }

    fn given(when: i64, expires: Option<i64>) -> Acknowledgement {
        let (by, comment) = ("ann".to_owned(), String::new());
        Acknowledgement { labels: alert(0).labels, by, comment, at: at(when), expires_at: expires.map(at) }
    }

    #[test]
    fn it_holds_for_one_firing_and_until_it_expires() {
        let mut all = Acknowledgements::default();
        all.set(given(10, Some(100)));
        assert!(all.of(&alert(0), at(99)).is_some());
        assert!(all.of(&alert(0), at(100)).is_none(), "expired");
        assert!(all.of(&alert(11), at(50)).is_none(), "began after it was given");
    }

    #[test]
    fn nobody_takes_care_from_the_telling_or_from_the_end_of_an_acknowledgement_that_expired() {
        let mut all = Acknowledgements::default();
        let since = |all: &Acknowledgements, now| all.unattended_since(&alert(0), at(5), at(now));
        assert_eq!(since(&all, 50), Some(at(5)));
        all.set(given(10, Some(100)));
        assert_eq!((since(&all, 50), since(&all, 150)), (None, Some(at(100))));
        assert!(all.remove(alert(0).fingerprint()).is_some());
        assert_eq!(since(&all, 150), Some(at(5)), "taken back is as if it had never been");
    }

    #[test]
    fn an_expiry_is_told_once() {
        let mut all = Acknowledgements::default();
        all.set(given(10, Some(100)));
        assert_eq!((all.expire(at(99)).len(), all.expire(at(100)).len(), all.expire(at(101)).len()), (0, 1, 0));
        all.set(given(110, Some(200)));
        assert_eq!(all.expire(at(200)).len(), 1, "a new one expires anew");
    }

    #[test]
    fn what_was_stored_comes_back_unless_its_alert_is_gone() {
        let stored = serde_json::to_string(&given(10, Some(100))).expect("stored");
        let mut all = Acknowledgements::default();
        assert!(all.restore(&stored, at(50), |_| true) && !all.restore("{", at(50), |_| true));
        assert_eq!((all.count(at(50)), all.gone().len()), (1, 0));
        let mut none = Acknowledgements::default();
        assert!(none.restore(&stored, at(50), |_| false));
        assert_eq!((none.count(at(50)), none.gone().len()), (0, 1), "what is stored may go");
    }
}
