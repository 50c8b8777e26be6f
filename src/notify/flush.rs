//! One group as it stands at one instant: its members, and what the stages say about each.

use crate::model::{Fingerprint, Timestamp};

use super::alerts::Held;
use super::dedup::{Hashes, Standing};
use super::dispatcher::Dispatcher;
use super::group::Group;
use super::inhibit::Inhibitors;
use super::route::Plan;
use super::stages::{Scene, Verdict};

/// One group as it stands at one instant.
pub(super) struct Flush<'a> {
    pub plan: &'a Plan,
    pub at: Timestamp,
    pub members: Vec<Member<'a>>,
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
}

impl Member<'_> {
    pub fn is_muted(&self) -> bool {
        self.verdict.muted.is_muted()
    }
}

impl<'a> Flush<'a> {
    pub fn new(dispatcher: &'a Dispatcher, group: &Group, inhibitors: &Inhibitors, at: Timestamp) -> Self {
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
            Some(Member { id: *id, held, ended, leaving, verdict: scene.judge(&held.alert) })
        };
        Self { plan, at, members: group.members.iter().filter_map(member).collect() }
    }

    pub fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for member in &self.members {
            let hash = member.id.0;
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
