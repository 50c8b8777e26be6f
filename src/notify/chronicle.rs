//! What the dispatcher sees happen, until it is stored; and what people say about alerts that fire.
//!
//! Pure. What happened goes out with the changes of alerts and groups, in one transaction with them.

use std::time::Duration as StdDuration;

use crate::model::{Alert, Fingerprint, Timestamp};
use crate::store::{Document, HistoryEntry};

use super::acknowledge::{Acknowledgement, Refused, Request};
use super::dispatcher::{ACKNOWLEDGEMENT, Dispatcher};
use super::history::{self, Event};

/// Most entries that wait for the store; beyond, the oldest are lost.
const MOST_WAITING: usize = 50_000;
/// Longest time for which one may acknowledge an alert.
const LONGEST: StdDuration = StdDuration::from_secs(30 * 24 * 3600);
/// Longest name and comment, in bytes.
const LONGEST_NAME: usize = 100;
const LONGEST_COMMENT: usize = 2_000;

/// Entries of the history that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct Chronicle(Vec<HistoryEntry>);

impl Chronicle {
    pub fn add(&mut self, entry: HistoryEntry) {
        if self.0.len() < MOST_WAITING {
            self.0.push(entry);
        }
    }

    pub fn take(&mut self) -> Vec<HistoryEntry> {
        std::mem::take(&mut self.0)
    }

    /// Takes back what could not be stored.
    pub fn put_back(&mut self, mut entries: Vec<HistoryEntry>) {
        entries.append(&mut self.0);
        entries.truncate(MOST_WAITING);
        self.0 = entries;
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An acknowledgement that came or went, and what is to be stored of that.
#[derive(Debug, Default)]
pub struct Spoken {
    /// What came, or went.
    pub given: Vec<Acknowledgement>,
    /// To be set.
    pub set: Vec<Document>,
    /// To be removed.
    pub remove: Vec<String>,
    /// What happened.
    pub history: Vec<HistoryEntry>,
}

impl Dispatcher {
    /// Lets history hear of an alert, if it began or ended since it last did. The end of an alert ends its
    /// acknowledgement.
    pub(super) fn note(&mut self, id: Fingerprint, at: Timestamp) {
        let Some(held) = self.alerts.get(id) else { return };
        let over = self.alerts.ended(held, at).is_some();
        if !self.alerts.note(id, over) {
            return;
        }
        if over {
            self.acknowledgements.remove(id);
        }
        if let Some(held) = self.alerts.get(id) {
            let event = if over { Event::Resolved } else { Event::Firing };
            self.chronicle.add(history::change(at, event, &held.alert, None, None));
        }
    }

    /// Takes in the acknowledgements that were stored; their alerts come first.
    pub(super) fn restore_acknowledgements(&mut self, documents: &[Document], at: Timestamp) {
        let stored = documents.iter().filter(|document| document.key.starts_with(ACKNOWLEDGEMENT));
        for document in stored {
            let known = |id| self.alerts.get(id).is_some();
            if !self.acknowledgements.restore(&document.body, at, known) {
                tracing::warn!(key = document.key, "a stored acknowledgement cannot be read");
            }
        }
    }

    /// Notes acknowledgements whose time is over.
    pub(super) fn expire_acknowledgements(&mut self, at: Timestamp) {
        for over in self.acknowledgements.expire(at) {
            let because = Some("its time is over");
            self.chronicle.add(history::acknowledgement(at, Event::Unacknowledged, &over, because));
        }
    }

    /// What it takes that somebody takes care of alerts that fire; [`Dispatcher::spoken`] makes it hold.
    ///
    /// # Errors
    /// Nothing can be acknowledged, and why.
    pub fn plan_acknowledgement(&self, request: &Request, at: Timestamp) -> Result<Spoken, Refused> {
        let (by, comment) = (request.by.trim(), request.comment.trim());
        if by.is_empty() || by.len() > LONGEST_NAME {
            return Err(Refused::Input(format!("say who you are, in at most {LONGEST_NAME} bytes")));
        }
        if comment.len() > LONGEST_COMMENT {
            return Err(Refused::Input(format!("the comment is longer than {LONGEST_COMMENT} bytes")));
        }
        let lasts = request.expires_in.unwrap_or(self.plan.expire_after);
        if lasts > LONGEST {
            return Err(Refused::Input(
                "an acknowledgement lasts at most 30d; 0s stands for as long as the alert".to_owned(),
            ));
        }
        let mut spoken = Spoken::default();
        for alert in self.named(&request.alerts, at)? {
            let given = Acknowledgement {
                labels: alert.labels.clone(),
                by: by.to_owned(),
                comment: comment.to_owned(),
                at,
                expires_at: (!lasts.is_zero()).then(|| at + lasts),
            };
            let key = format!("{ACKNOWLEDGEMENT}{}", given.fingerprint());
            let body = serde_json::to_string(&given).map_err(|error| Refused::Input(error.to_string()))?;
            spoken.set.push(Document { key, body });
            spoken.history.push(history::acknowledgement(at, Event::Acknowledged, &given, None));
            spoken.given.push(given);
        }
        Ok(spoken)
    }

    /// What it takes to take acknowledgements back.
    ///
    /// # Errors
    /// There is none, or no such alert.
    pub fn plan_withdrawal(&self, alerts: &[String], at: Timestamp) -> Result<Spoken, Refused> {
        let mut spoken = Spoken::default();
        for alert in self.named(alerts, at)? {
            let Some(given) = self.acknowledgements.of(&alert, at) else { continue };
            spoken.remove.push(format!("{ACKNOWLEDGEMENT}{}", given.fingerprint()));
            spoken.history.push(history::acknowledgement(at, Event::Unacknowledged, given, Some("taken back")));
            spoken.given.push(given.clone());
        }
        if spoken.given.is_empty() {
            return Err(Refused::NotAcknowledged(alerts.join(" ")));
        }
        Ok(spoken)
    }

    /// Makes what was planned and stored hold.
    pub fn spoken(&mut self, spoken: Spoken, at: Timestamp) {
        let withdrawn = spoken.set.is_empty();
        for given in spoken.given {
            let id = given.fingerprint();
            // What ended while it was stored needs nobody's care any more.
            let fires = self.alerts.get(id).is_some_and(|held| self.alerts.ended(held, at).is_none());
            if withdrawn || !fires {
                self.acknowledgements.remove(id);
            } else {
                self.acknowledgements.set(given);
            }
        }
        // Who else is told, and when, depends on it.
        self.groups.values_mut().for_each(|group| group.look_again(at));
    }

    /// The firing alerts with these names or fingerprints; every word must mean one.
    fn named(&self, words: &[String], at: Timestamp) -> Result<Vec<Alert>, Refused> {
        let mut found: Vec<Alert> = Vec::new();
        for word in words {
            let means = |alert: &Alert| alert.name() == word || alert.fingerprint().to_string() == *word;
            let fires = self.alerts(at).filter(|(_, ended)| ended.is_none()).map(|(alert, _)| alert);
            let before = found.len();
            found.extend(fires.filter(|alert| means(alert)).cloned());
            if found.len() == before {
                return Err(Refused::Unknown(word.clone()));
            }
        }
        if found.is_empty() {
            return Err(Refused::Input("name an alert or its fingerprint".to_owned()));
        }
        found.sort_by_key(Alert::fingerprint);
        found.dedup_by_key(|alert| alert.fingerprint());
        Ok(found)
    }
}
