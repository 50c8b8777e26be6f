//! Which groups an alert is in: by its routes, by what was told, and after routes changed or a restart.
//!
//! An alert stays in a group in which its receiver knows it as long as some route still leads from it to that
//! receiver; a changed path or `group_by` concerns new alerts only. Where no route does any more, it is *leaving*: of
//! it only the end is told there.

use std::collections::HashMap;

use crate::model::{Fingerprint, Labels, Timestamp};

use super::dispatcher::Dispatcher;
use super::group::{Group, GroupId};

impl Dispatcher {
    /// The groups that its routes ask for, with the routes.
    fn wanted(&self, labels: &Labels) -> Vec<(usize, GroupId)> {
        let routes = self.plan.select_with_escalations(labels).into_iter();
        let wanted = routes.filter_map(|index| Some((index, self.plan.route(index)?)));
        wanted.map(|(index, route)| (index, GroupId::new(route, &route.group_by.labels(labels)))).collect()
    }

    /// Whether some notifier of the group's receiver believes that the alert fires.
    pub(super) fn is_known_in(&self, group: &GroupId, alert: Fingerprint) -> bool {
        let notifiers = self.plan.notifiers(&group.receiver).iter();
        notifiers.filter_map(|notifier| self.log.get(&group.log_key(&notifier.name))).any(|entry| entry.knows(alert.0))
    }

    /// Whether some receiver believes that an alert with these labels fires.
    pub(super) fn was_told(&self, labels: &Labels) -> bool {
        let id = labels.fingerprint();
        self.told_before.contains_key(&id.0) || self.wanted(labels).iter().any(|(_, group)| self.is_known_in(group, id))
    }

    /// Puts an alert that was reported into the groups that its routes ask for.
    pub(super) fn place(&mut self, id: Fingerprint, at: Timestamp) {
        let Some(held) = self.alerts.get(id) else { return };
        let (labels, known) = (held.alert.labels.clone(), held.groups > 0);
        let is_in = |group: &GroupId| self.groups.get(group).is_some_and(|group| group.members.contains(&id));
        let wanted = self.wanted(&labels);
        if wanted.iter().all(|(_, group)| is_in(group)) {
            return;
        }
        let of_alert = self.groups.iter().filter(|(_, group)| known && group.members.contains(&id));
        let current: Vec<GroupId> = of_alert.map(|(group, _)| group.clone()).collect();
        self.settle(id, wanted, current, at);
    }

    /// Brings an alert that is in the groups `current`, or was before a restart, where it belongs.
    fn settle(&mut self, id: Fingerprint, mut wanted: Vec<(usize, GroupId)>, mut current: Vec<GroupId>, at: Timestamp) {
        let Some(held) = self.alerts.get(id) else { return };
        let (labels, over) = (held.alert.labels.clone(), self.alerts.ended(held, at).is_some());
        self.find_again(id, &wanted, &mut current, at);
        // Where it is and should be.
        wanted.retain(|(_, group)| {
            let here = current.iter().position(|current| current == group);
            if let Some(here) = here {
                let group = current.swap_remove(here);
                join(&mut self.groups, &mut self.alerts, &group, id, false);
            }
            here.is_none()
        });
        // Where it is, for a receiver that should be told elsewhere now: it stays.
        wanted.retain(|(index, wanted)| {
            let stays = current.iter().position(|current| current.receiver == wanted.receiver);
            if let Some(stays) = stays {
                let group = current.swap_remove(stays);
                join(&mut self.groups, &mut self.alerts, &group, id, false);
                if let Some(group) = self.groups.get_mut(&group) {
                    group.route = group.route.or(Some(*index));
                    group.strays.insert(id, *index);
                }
            }
            stays.is_none()
        });
        for group in current {
            if self.is_known_in(&group, id) {
                join(&mut self.groups, &mut self.alerts, &group, id, true);
            } else if self.groups.get_mut(&group).is_some_and(|group| group.remove(id)) {
                self.alerts.released(id);
            }
        }
        for (index, group) in wanted {
            if over && !self.groups.contains_key(&group) && !self.is_known_in(&group, id) {
                continue;
            }
            if !self.groups.contains_key(&group)
                && let Some(route) = self.plan.route(index)
            {
                self.groups.insert(group.clone(), Group::new(index, route, route.group_by.labels(&labels), at));
                self.dirty_groups.insert(group.clone());
            }
            join(&mut self.groups, &mut self.alerts, &group, id, false);
        }
    }

    /// The groups in which a receiver knows the alert since before the start; those of which only the log survived are
    /// made anew.
    fn find_again(&mut self, id: Fingerprint, wanted: &[(usize, GroupId)], current: &mut Vec<GroupId>, at: Timestamp) {
        for told in self.told_before.remove(&id.0).unwrap_or_default() {
            let as_usual = wanted.iter().any(|(_, wanted)| *wanted == told);
            if !as_usual && self.plan.receiver(&told.receiver).is_some() {
                if !self.groups.contains_key(&told) {
                    self.dirty_groups.insert(told.clone());
                    self.groups.insert(told.clone(), Group::found_again(&told, at));
                }
                current.push(told);
            }
        }
    }

    /// Notes in which groups receivers know which alerts, until the alerts are there again.
    pub(super) fn remember_told(&mut self) {
        let told = self.log.iter().filter(|(_, entry)| !entry.is_over());
        for (id, entry) in told.filter_map(|(key, entry)| Some((GroupId::of_log_key(key)?, entry))) {
            for hash in entry.firing.iter().chain(&entry.owed) {
                let groups = self.told_before.entry(*hash).or_default();
                if !groups.contains(&id) {
                    groups.push(id.clone());
                }
            }
        }
    }

    /// Puts alerts that were restored where they were, and where they belong.
    pub(super) fn settle_restored(&mut self, restored: &[Fingerprint], at: Timestamp) {
        for id in restored {
            if let Some(held) = self.alerts.get(*id) {
                let wanted = self.wanted(&held.alert.labels);
                self.settle(*id, wanted, Vec::new(), at);
                self.alerts.forget_if_unused(*id);
            }
        }
    }

    /// Follows a new plan: every alert goes where it belongs now.
    pub(super) fn settle_all(&mut self, at: Timestamp) {
        let mut groups_of: HashMap<Fingerprint, Vec<GroupId>> = HashMap::new();
        for (id, group) in &self.groups {
            group.members.iter().for_each(|member| groups_of.entry(*member).or_default().push(id.clone()));
        }
        let alerts: Vec<(Fingerprint, Labels)> =
            self.alerts.iter().map(|(id, held)| (id, held.alert.labels.clone())).collect();
        for (id, labels) in alerts {
            let wanted = self.wanted(&labels);
            self.settle(id, wanted, groups_of.remove(&id).unwrap_or_default(), at);
            self.alerts.forget_if_unused(id);
        }
        self.drop_empty();
    }

    /// Lets groups without members go.
    pub(super) fn drop_empty(&mut self) {
        let empty = self.groups.iter().filter(|(_, group)| group.members.is_empty()).map(|(id, _)| id.clone());
        let empty: Vec<GroupId> = empty.collect();
        empty.iter().for_each(|id| self.drop_group(id));
    }

    /// Ties every group to the route at its place in the tree, if that still tells its receiver.
    pub(super) fn follow_routes(&mut self) {
        for (id, group) in &mut self.groups {
            group.route = self.plan.route_at(&group.path, &id.receiver);
            group.strays.clear();
        }
    }

    /// Brings the times of every group in line with its route.
    pub(super) fn follow_times(&mut self, at: Timestamp) {
        for (id, group) in &mut self.groups {
            group.look_again(at);
            let route = group.route.and_then(|index| self.plan.route(index));
            if let Some(route) = route {
                group.next_flush = group.next_flush.max(group.created_at + route.group_wait);
                group.next_flush = group.next_flush.min(at + route.group_interval.max(route.group_wait));
            }
            let sent = self.plan.notifiers(&id.receiver).iter();
            let sent = sent.filter_map(|notifier| self.log.get(&id.log_key(&notifier.name)));
            let sent = sent.filter(|entry| !entry.firing.is_empty()).map(|entry| entry.sent_at);
            let (first, last) = (sent.clone().min(), sent.max());
            group.repeat_at = route.and_then(|route| first.map(|sent| sent + route.repeat_interval));
            // After a restart: the regular looks follow the last message.
            if let (Some(route), Some(sent)) = (route, last)
                && group.next_flush <= sent
            {
                group.next_flush = sent + route.group_interval;
            }
        }
    }
}

/// Makes an alert a member of a group, leaving or not.
fn join(
    groups: &mut std::collections::BTreeMap<GroupId, Group>,
    alerts: &mut super::alerts::Alerts,
    group: &GroupId,
    id: Fingerprint,
    leaving: bool,
) {
    let Some(group) = groups.get_mut(group) else { return };
    if group.members.insert(id) {
        alerts.joined(id);
    }
    group.strays.remove(&id);
    if leaving {
        group.leaving.insert(id);
    } else {
        group.leaving.remove(&id);
    }
}
