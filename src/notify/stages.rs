//! What keeps an alert from being told: a list of small stages, in Alertmanager's order.
//!
//! Each stage looks at one alert in a [`Scene`] and adds to the [`Verdict`] what mutes it there, and until when that
//! is certain. A new reason not to tell is one function and one row in [`STAGES`]; what concerns one route only looks
//! at [`Scene::route`]. Whether what is left deserves a message is decided afterwards (`dedup`).

use std::sync::Arc;

use serde::Serialize;

use crate::model::{Alert, Fingerprint, Timestamp};

use super::inhibit::Inhibitors;
use super::intervals::Intervals;
use super::route::PlannedRoute;
use super::silence::Silences;

/// What keeps one alert of one group from being told. Nothing, if all lists are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Muted {
    /// Alerts that inhibit it, at most 16.
    #[serde(serialize_with = "as_text")]
    pub inhibited_by: Vec<Fingerprint>,
    /// Identities of the silences that match it.
    pub silenced_by: Vec<Arc<str>>,
    /// Names of the time intervals that make its route silent: mute intervals that hold, or all of its active
    /// intervals, because none of them holds.
    pub muted_by: Vec<String>,
}

fn as_text<S: serde::Serializer>(ids: &[Fingerprint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(ToString::to_string))
}

impl Muted {
    /// All of it in words; nothing if it is empty.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let inhibited = self.inhibited_by.iter().map(|id| format!("inhibited by alert {id}"));
        let silenced = self.silenced_by.iter().map(|id| format!("silence {id}"));
        let muted = self.muted_by.iter().map(|name| format!("time interval {name}"));
        let all: Vec<String> = inhibited.chain(silenced).chain(muted).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// Whether anything mutes it.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        !(self.inhibited_by.is_empty() && self.silenced_by.is_empty() && self.muted_by.is_empty())
    }
}

/// What stages may look at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub at: Timestamp,
    /// The group's route; `None` if none leads to its receiver any more.
    pub route: Option<&'a PlannedRoute>,
    pub intervals: &'a Intervals,
    pub inhibitors: &'a Inhibitors,
    pub silences: &'a Silences,
}

/// What the stages say about one alert.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub muted: Muted,
    /// When it may be another by the clock alone.
    pub until: Option<Timestamp>,
}

impl Verdict {
    /// Notes that a stage may say something else from `at` on.
    pub fn until(&mut self, at: Option<Timestamp>) {
        self.until = match (self.until, at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

type Stage = fn(&Scene<'_>, &Alert, &mut Verdict);

/// Every stage, in order.
const STAGES: &[Stage] = &[inhibition, active_intervals, mute_intervals, silences];

impl Scene<'_> {
    /// What all stages say about one alert.
    pub fn judge(&self, alert: &Alert) -> Verdict {
        let mut verdict = Verdict::default();
        STAGES.iter().for_each(|stage| stage(self, alert, &mut verdict));
        verdict
    }
}

/// Ends with the source, which is no matter of the clock: the next regular look sees it, as in Alertmanager.
fn inhibition(scene: &Scene<'_>, alert: &Alert, verdict: &mut Verdict) {
    verdict.muted.inhibited_by = scene.inhibitors.of(&alert.labels);
}

fn active_intervals(scene: &Scene<'_>, _: &Alert, verdict: &mut Verdict) {
    let names = scene.route.map(|route| route.active_time_intervals.as_slice()).unwrap_or_default();
    if !names.is_empty() && !names.iter().any(|name| scene.intervals.contains(name, scene.at)) {
        verdict.muted.muted_by.extend(names.iter().cloned());
        verdict.until(names.iter().map(|name| scene.intervals.next_change(name, scene.at)).min());
    }
}

fn mute_intervals(scene: &Scene<'_>, _: &Alert, verdict: &mut Verdict) {
    let names = scene.route.map(|route| route.mute_time_intervals.as_slice()).unwrap_or_default();
    for name in names.iter().filter(|name| scene.intervals.contains(name, scene.at)) {
        verdict.muted.muted_by.push(name.clone());
        verdict.until(Some(scene.intervals.next_change(name, scene.at)));
    }
}

fn silences(scene: &Scene<'_>, alert: &Alert, verdict: &mut Verdict) {
    for id in scene.silences.silencing(&alert.labels, scene.at) {
        verdict.until(scene.silences.get(&id).map(|silence| silence.ends_at));
        verdict.muted.silenced_by.push(id);
    }
}
