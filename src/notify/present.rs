//! What the dispatcher knows of alerts at one instant, for those who tell again without a new decision.

use crate::model::{Fingerprint, Timestamp};

use super::dispatcher::Dispatcher;
use super::message::Told;

impl Dispatcher {
    /// Since when an alert is over; `at` if it is forgotten already, nothing while it fires.
    pub(super) fn ended(&self, alert: Fingerprint, at: Timestamp) -> Option<Timestamp> {
        match self.alerts.get(alert) {
            Some(held) => self.alerts.ended(held, at),
            None => Some(at),
        }
    }

    /// The alerts that a notifier of a receiver believes to fire, and that do.
    pub(super) fn told_firing(&self, receiver: &str, notifier: &str, at: Timestamp) -> Vec<Told> {
        let groups = self.groups.iter().filter(|(id, _)| id.receiver == receiver);
        let members = groups.flat_map(|(id, group)| {
            let entry = self.log.get(&id.log_key(notifier));
            group.members.iter().filter(move |member| entry.is_some_and(|entry| entry.firing.contains(&member.0)))
        });
        let held = members.filter_map(|member| self.alerts.get(*member));
        held.filter(|held| self.alerts.ended(held, at).is_none()).map(|held| Told::new(&held.alert, None)).collect()
    }
}
