//! Escalation: who else is told of what nobody took care of in time.
//!
//! A step of `escalate` is a route of its own beside the one that tells first, with groups of its own, so that repeats,
//! ends, restarts and reloads are what they are for every route. Its members wait (`flush`) until nobody has
//! acknowledged them for the step's time since they were first told, and until the rules confirm them. Who was told
//! here hears the rest too, whatever is acknowledged later.

use std::time::Duration as StdDuration;

use crate::model::{Duration, Fingerprint, Timestamp};

use super::alerts::Held;
use super::dedup::Entry;
use super::dispatcher::Dispatcher;
use super::flush::Mute;
use super::group::{Group, GroupId};
use super::history::{self, Event};
use super::route::Escalation;

/// How long until an alert is looked at again that the rules did not confirm since a restart.
const UNCONFIRMED: StdDuration = StdDuration::from_secs(5);

impl Dispatcher {
    /// Whether an alert must wait in a group because the group only tells what nobody takes care of: nothing if not;
    /// otherwise until when, if that is known.
    pub(super) fn waits(&self, id: &GroupId, group: &Group, held: &Held, at: Timestamp) -> Option<Option<Timestamp>> {
        let alert = &held.alert;
        let escalation = self.plan.route(group.route?)?.escalation?;
        if self.is_known_in(id, alert.fingerprint()) {
            return None;
        }
        let Some(told) = self.first_told(escalation, held) else { return Some(None) };
        // What fired anew since it was told is another matter.
        let told = told.max(alert.starts_at);
        let Some(since) = self.acknowledgements.unattended_since(alert, told, at) else {
            let end = self.acknowledgements.of(alert, at).and_then(|given| given.expires_at);
            return Some(end.map(|end| end + escalation.after));
        };
        let due = since + escalation.after;
        if due <= at {
            return (!held.confirmed).then_some(Some(at + UNCONFIRMED));
        }
        Some(Some(due))
    }

    /// When the route that tells first told of an alert.
    fn first_told(&self, escalation: Escalation, held: &Held) -> Option<Timestamp> {
        let id = held.alert.fingerprint();
        let route = self.plan.route(escalation.of)?;
        let usual = GroupId::new(route, &route.group_by.labels(&held.alert.labels));
        let is_in = |group: &Group| group.members.contains(&id);
        // A changed `group_by` leaves alerts in the groups that they are in.
        let (usual, group) = match self.groups.get_key_value(&usual).filter(|(_, group)| is_in(group)) {
            Some(found) => found,
            None => self.groups.iter().find(|(_, group)| group.route == Some(escalation.of) && is_in(group))?,
        };
        let noted = group.first_told.get(&id).copied();
        // A crash may have come between the telling and the note of it.
        let logged = || {
            let notifiers = self.plan.notifiers(&usual.receiver).iter();
            let entries = notifiers.filter_map(|notifier| self.log.get(&usual.log_key(&notifier.name)));
            entries.filter(|entry| entry.firing.contains(&id.0)).map(|entry| entry.sent_at).min()
        };
        noted.or_else(logged)
    }

    /// Notes that the `news` of a group were told: since when what fires is told, for those further, and what was told
    /// further.
    pub(super) fn note_told(&mut self, id: &GroupId, told: &[(String, Entry)], news: &[Fingerprint], at: Timestamp) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(route) = group.route.and_then(|index| self.plan.route(index)) else { return };
        if let Some(escalation) = route.escalation {
            let (of, after) = (escalation.of, Duration::from(escalation.after));
            let first = self.plan.route(of).map_or("", |route| route.receiver.as_str());
            let because = format!("told to {first}, and nobody acknowledged it within {after}");
            let held = news.iter().filter_map(|id| self.alerts.get(*id));
            let entry = |held: &Held| {
                history::change(at, Event::Escalated, &held.alert, Some(&id.receiver), Some(because.clone()))
            };
            let entries: Vec<_> = held.map(entry).collect();
            entries.into_iter().for_each(|entry| self.chronicle.add(entry));
            return;
        }
        if route.escalations.is_empty() {
            return;
        }
        let further = route.escalations.iter().filter_map(|index| self.plan.route(*index));
        let further: Vec<GroupId> = further.map(|route| GroupId::new(route, &group.labels)).collect();
        for hash in told.iter().flat_map(|(_, entry)| &entry.firing) {
            let member = Fingerprint(*hash);
            if group.members.contains(&member) && !group.first_told.contains_key(&member) {
                group.first_told.insert(member, at);
                self.dirty_groups.insert(id.clone());
            }
        }
        for id in further {
            if let Some(group) = self.groups.get_mut(&id) {
                group.look_again(at);
            }
        }
    }

    /// Lets history hear what mutes the members of a group now, where that changed.
    pub(super) fn note_mutes(&mut self, id: &GroupId, mutes: Vec<Mute>, at: Timestamp) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let after_restart = group.muted.is_none();
        let known = group.muted.get_or_insert_default();
        for Mute { alert, because } in mutes {
            if known.get(&alert) == because.as_ref() {
                continue;
            }
            let was_muted = match &because {
                Some(because) => known.insert(alert, because.clone()).is_some(),
                None => known.remove(&alert).is_some(),
            };
            let event = if because.is_some() { Event::Muted } else { Event::Unmuted };
            // That another silence holds as well is no news; after a restart it was heard before.
            if after_restart || (was_muted && because.is_some()) {
                continue;
            }
            if let Some(held) = self.alerts.get(alert) {
                self.chronicle.add(history::change(at, event, &held.alert, Some(&id.receiver), because));
            }
        }
    }
}
