//! One group as it stands at one instant: its members, and what the stages say about each.

use std::time::Duration as StdDuration;

use crate::model::{Fingerprint, Timestamp};

use super::acknowledge::Acknowledgement;
use super::alerts::Held;
use super::dedup::{Hashes, Standing};
use super::dispatcher::Dispatcher;
use super::group::{Group, GroupId};
use super::inhibit::Inhibitors;
use super::route::Plan;
use super::stages::{Scene, Verdict};

/// One group as it stands at one instant.
pub(super) struct Flush<'a> {
    pub plan: &'a Plan,
    pub at: Timestamp,
    pub members: Vec<Member<'a>>,
    /// After which time without acknowledgement the group is told; `None` for one that is told at once.
    pub after: Option<StdDuration>,
}

/// One alert of a group as it stands.
pub(super) struct Member<'a> {
    pub id: Fingerprint,
    pub held: &'a Held,
    /// Since when it is over, if it is.
    pub ended: Option<Timestamp>,
    /// Its routes lead elsewhere now.
    pub leaving: bool,
    pub verdict: Verdict,
    /// Somebody may yet take care of it.
    pub waits: bool,
    /// Who takes care of it.
    pub acknowledged: Option<&'a Acknowledgement>,
}

/// What mutes an alert, in words; nothing, if it is not muted.
pub(super) struct Mute {
    pub alert: Fingerprint,
    pub because: Option<String>,
}

impl Member<'_> {
    pub fn is_muted(&self) -> bool {
        self.verdict.muted.is_muted() || self.waits
    }
}

impl<'a> Flush<'a> {
    pub fn new(
        dispatcher: &'a Dispatcher,
        group_id: &GroupId,
        group: &Group,
        inhibitors: &Inhibitors,
        at: Timestamp,
    ) -> Self {
        let (alerts, plan) = (&dispatcher.alerts, &dispatcher.plan);
        let scene = Scene {
            at,
            route: group.route.and_then(|index| plan.route(index)),
            intervals: &plan.intervals,
            inhibitors,
            silences: &dispatcher.silences,
        };
        let member = |id: &Fingerprint| {
            let held = alerts.get(*id)?;
            let (ended, leaving) = (alerts.ended(held, at), group.leaving.contains(id));
            let route = group.strays.get(id).and_then(|index| plan.route(*index)).or(scene.route);
            let mut verdict = Scene { route, ..scene }.judge(&held.alert);
            let waits = dispatcher.waits(group_id, group, held, at);
            verdict.until(waits.flatten());
            let acknowledged = dispatcher.acknowledgements.of(&held.alert, at);
            Some(Member { id: *id, held, ended, leaving, verdict, waits: waits.is_some(), acknowledged })
        };
        let after = scene.route.and_then(|route| route.escalation).map(|escalation| escalation.after);
        Self { plan, at, members: group.members.iter().filter_map(member).collect(), after }
    }

    pub fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for member in &self.members {
            let hash = member.id.0;
            if member.acknowledged.is_some() {
                standing.acknowledged.insert(hash);
            }
            let set = match (member.ended, member.held.confirmed && !member.leaving) {
                _ if member.is_muted() => {
                    if member.ended.is_some() {
                        standing.muted_over.insert(hash);
                    }
                    &mut standing.muted
                }
                (Some(_), _) => &mut standing.resolved,
                (None, true) => &mut standing.confirmed,
                (None, false) => &mut standing.presumed,
            };
            set.insert(hash);
        }
        standing
    }

    /// Members that are over, with the version that was looked at; without those whose end somebody is still owed.
    pub fn over(&self, owed: &Hashes) -> Vec<(Fingerprint, u64)> {
        let over = self.members.iter().filter(|member| member.ended.is_some());
        let told = over.filter(|member| !(member.is_muted() && owed.contains(&member.id.0)));
        told.map(|member| (member.id, member.held.version)).collect()
    }

    /// What mutes each member that fires; of those that wait nothing, because they are told elsewhere.
    pub fn mutes(&self) -> Vec<Mute> {
        let fires = self.members.iter().filter(|member| member.ended.is_none() && self.after.is_none());
        fires.map(|member| Mute { alert: member.id, because: member.verdict.muted.in_words() }).collect()
    }

    /// Whether everything that fires here is the business of other routes now.
    pub fn is_leaving(&self) -> bool {
        self.members.iter().filter(|member| member.ended.is_none()).all(|member| member.leaving)
    }

    /// Whether anything is muted, and when that may change by the clock alone.
    pub fn held_back(&self) -> (bool, Option<Timestamp>) {
        let muted = || self.members.iter().filter(|member| member.is_muted());
        let until = muted().filter_map(|member| member.verdict.until).min();
        (muted().next().is_some(), until.filter(|until| *until > self.at))
    }
}
