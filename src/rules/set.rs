//! All groups of all files, and what carries over when the files or the process change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::metrics::Registry;
use crate::model::{Alert, Duration, Labels, Problem, Timestamp};
use crate::promql::Limits;
use crate::store::Document;
use crate::tsdb::Tsdb;

use super::Settings;
use super::alerting::Phase;
use super::evaluation::Evaluation;
use super::file::{self, Source};
use super::group::{Group, Outlet};
use super::metrics::Metrics;
use super::no_data::{self, NoData, Shared};
use super::restore;
use super::retired::Retired;
use super::rule::{Kind, Rule};
use super::slo;
use super::sources::sources;
use super::view::{GroupView, State};
use super::window;

/// What all groups share.
#[derive(Debug, Clone)]
pub struct Options {
    /// Interval of a group that sets none.
    pub evaluation_interval: Duration,
    /// Labels that every alert carries to its receivers unless it has them already.
    pub external_labels: Labels,
    /// Where the daemon is reached from outside, for links; no slash at its end.
    pub external_url: String,
}

impl Options {
    pub(super) fn outlet(&self) -> Outlet {
        Outlet { external_labels: self.external_labels.clone(), external_url: self.external_url.clone() }
    }
}

/// Every rule group.
pub struct RuleSet {
    groups: Vec<Group>,
    retired: Retired,
    outlet: Outlet,
    metrics: Metrics,
}

impl RuleSet {
    /// Reads the files that `settings` names, or the shipped rules where it names none. Relative paths start
    /// at `base`, the folder of the configuration file.
    ///
    /// # Errors
    /// Every mistake of every file, with its place.
    pub fn load(
        settings: &Settings,
        base: &Path,
        external_url: &str,
        registry: &Registry,
    ) -> Result<Self, Vec<Problem>> {
        let options = Options {
            evaluation_interval: settings.evaluation_interval,
            external_labels: settings.external_labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            external_url: external_url.trim_end_matches('/').to_owned(),
        };
        let mut rules = Self::parse(&sources(settings, base)?, &options, registry)?;
        for slo in &settings.slos {
            rules.groups.iter_mut().for_each(|group| group.keep_ledger(&slo.name, slo.window));
        }
        let (default, at_most) = (settings.no_data, settings.no_data_at_most);
        rules.share(Shared { default, at_most, ..Shared::default() });
        Ok(rules)
    }

    /// Tells all values that some labels have in this configuration: an alert about another one is not held when its
    /// data are missing, because what it is about was removed.
    pub fn know_values(&mut self, existing: BTreeMap<String, BTreeSet<String>>) {
        let shared = self.groups.first().map(|group| Shared::clone(&group.no_data)).unwrap_or_default();
        self.share(Shared { existing, ..shared });
    }

    /// Treats missing data as Prometheus does, whatever the rules say.
    pub fn ignore_no_data(&mut self) {
        for rule in self.groups.iter_mut().flat_map(|group| &mut group.rules) {
            if let Kind::Alerting(alerting) = &mut rule.kind {
                alerting.no_data = Some(NoData::Ok);
            }
        }
    }

    pub(super) fn share(&mut self, shared: Shared) {
        let shared = Arc::new(shared);
        self.groups.iter_mut().for_each(|group| group.no_data = Arc::clone(&shared));
    }

    /// Checks and takes the rules of `sources`.
    ///
    /// # Errors
    /// Every mistake of every file, with its place.
    pub fn parse(sources: &[Source], options: &Options, registry: &Registry) -> Result<Self, Vec<Problem>> {
        let metrics = Metrics::new(registry);
        let mut groups = Vec::new();
        let mut problems = Vec::new();
        for source in sources {
            match file::read(source) {
                Ok(specs) => groups.extend(specs),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut groups: Vec<Group> = groups.into_iter().map(|spec| Group::new(spec, options, &metrics)).collect();
        number_repeated(&mut groups);
        Ok(Self { groups, retired: Retired::default(), outlet: options.outlet(), metrics })
    }

    /// The groups in the order of the files.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The groups, to be evaluated one by one by whoever steps through time himself.
    pub fn groups_mut(&mut self) -> &mut [Group] {
        &mut self.groups
    }

    /// As the API shows them.
    #[must_use]
    pub fn view(&self) -> Vec<GroupView> {
        self.groups.iter().map(Group::view).collect()
    }

    /// The farthest that any rule looks back, at least `lookback`.
    #[must_use]
    pub fn reach(&self, lookback: Duration) -> std::time::Duration {
        let rules = self.groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.reads_samples());
        rules.map(|rule| window::reach(&rule.expression.parsed, lookback.std())).max().unwrap_or(lookback.std())
    }

    /// Whether every group has been evaluated, and given back, since the start.
    #[must_use]
    pub fn is_evaluated(&self) -> bool {
        self.groups.iter().all(|group| group.last_evaluation.is_some())
    }

    /// Hands out every group that is due at `at`, to be evaluated and given back; until then it shows what it was and
    /// is not due.
    pub fn lend_due(&mut self, at: Timestamp) -> Vec<Group> {
        self.groups.iter_mut().filter(|group| group.is_due(at)).map(Group::lend).collect()
    }

    /// Takes a group back that was handed out.
    pub fn take_back(&mut self, group: Group) {
        let place =
            self.groups.iter_mut().find(|at| at.away.is_some() && at.name == group.name && at.file == group.file);
        if let Some(place) = place {
            *place = group;
        }
    }

    /// How many groups are handed out.
    #[must_use]
    pub fn away(&self) -> usize {
        self.groups.iter().filter(|group| group.away.is_some()).count()
    }

    /// What is to be told at `at` of alerts whose rules are gone.
    pub fn evaluate_retired(&mut self, at: Timestamp) -> Evaluation {
        self.retired.evaluate(at, &self.outlet)
    }

    /// Evaluates every group that is due at `at`, one after the other.
    pub fn evaluate_due(&mut self, at: Timestamp, tsdb: &Tsdb, limits: &Limits) -> Evaluation {
        let mut evaluation = self.evaluate_retired(at);
        for group in self.groups.iter_mut().filter(|group| group.is_due(at)) {
            evaluation.absorb(group.evaluate(at, tsdb, limits));
        }
        self.leave_out_overruled(&mut evaluation.alerts);
        let set: BTreeSet<&String> = evaluation.state.set.iter().map(|document| &document.key).collect();
        evaluation.state.remove.retain(|key| !set.contains(key));
        evaluation
    }

    /// Leaves out what is over for one rule and fires for another with the same labels, such as the edited form of
    /// the same rule: it fires. Telling both would page and resolve in turns.
    pub fn leave_out_overruled(&self, alerts: &mut Vec<Alert>) {
        if alerts.iter().all(|alert| alert.ends_at.is_none()) {
            return;
        }
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        let here = rules
            .filter_map(Rule::alerting)
            .flat_map(|rule| rule.active.iter().filter(|(_, active)| active.phase == Phase::Firing))
            .map(|(labels, _)| labels);
        let away = self.groups.iter().filter_map(|group| group.away.as_deref());
        let away = away.flat_map(GroupView::alerts).filter(|alert| alert.state == State::Firing);
        let firing: BTreeSet<Labels> =
            here.chain(away.map(|alert| &alert.labels)).map(|labels| self.outlet.labels(labels)).collect();
        alerts.retain(|alert| alert.ends_at.is_none() || !firing.contains(&alert.labels));
    }

    /// Takes over the alert state of an earlier run from `Table::RuleAlerts`. Call it once, before the first
    /// evaluation. `lookback` is how long the rules may miss the series that they saw before the restart.
    pub fn restore(&mut self, documents: &[Document], at: Timestamp, lookback: Duration) {
        let (of_slos, others): (Vec<&Document>, Vec<&Document>) =
            documents.iter().partition(|document| document.key.starts_with(slo::PREFIX));
        for document in of_slos {
            if !self.groups.iter_mut().any(|group| group.restore_ledger(document)) {
                self.retired.forget([document.key.clone()]);
            }
        }
        let mut restored = restore::read(others);
        let down = restored.evaluated_at.map_or(StdDuration::ZERO, |last| at.since(last));
        for group in &mut self.groups {
            let down = down.saturating_sub(group.interval.std());
            for rule in &mut group.rules {
                let Kind::Alerting(alerting) = &mut rule.kind else { continue };
                let hold = window::reach(&rule.expression.parsed, lookback.std()) + group.interval.std();
                for (labels, mut active) in restored.alerts.remove(&rule.identity).unwrap_or_default() {
                    if active.phase == Phase::Pending {
                        active.active_at = (active.active_at + down).min(at.max(active.active_at));
                    }
                    active.unseen_until = Some(at + hold);
                    if labels.get(no_data::LABEL).is_some() {
                        alerting.known.insert(labels.without(|name| name == no_data::LABEL), active.fed_by.clone());
                    }
                    // So that the series of an alert that is not seen again end, as they would have.
                    rule.written.extend(active.series(&labels).into_iter().flatten().map(|(labels, _)| labels));
                    alerting.active.insert(labels, active);
                }
            }
        }
        self.retired.forget(restored.unusable);
        let mut ended = Vec::new();
        for (identity, alerts) in restored.alerts {
            for (labels, active) in alerts {
                ended.extend(active.series(&labels).into_iter().flatten().map(|(labels, _)| labels));
                self.retired.take(&identity, labels, active, at);
            }
        }
        if let Some(first) = self.groups.first_mut() {
            first.ended.extend(ended);
        }
    }

    /// Takes over the state of the rules that were there before a reload. A rule is the same if its name,
    /// labels and expression are; alerts of rules that are gone are told as resolved.
    pub fn carry_over(&mut self, old: Self, at: Timestamp) {
        self.retired.absorb(old.retired);
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        let mut ended: Vec<Labels> = Vec::new();
        for group in old.groups {
            match self.groups.iter_mut().find(|new| new.name == group.name && new.file == group.file) {
                Some(new) => new.follow(&group),
                None => {
                    if !self.groups.iter().any(|new| new.name == group.name) {
                        self.metrics.end(&group.name);
                    }
                    self.retired.forget([restore::group_key(&group.file, &group.name)]);
                }
            }
            ended.extend(group.ended);
            rules.extend(group.rules.into_iter().map(|rule| (rule.identity.clone(), rule)));
        }
        for rule in self.groups.iter_mut().flat_map(|group| &mut group.rules) {
            if let Some(old) = rules.remove(&rule.identity) {
                rule.follow(old);
            }
            // A rule that was gone and is back gets back what it left.
            if let Kind::Alerting(alerting) = &mut rule.kind {
                for (labels, active) in self.retired.give_back(&rule.identity) {
                    alerting.active.entry(labels).or_insert(active);
                }
            }
        }
        for (identity, rule) in rules {
            ended.extend(rule.written);
            if let Kind::Alerting(rule) = rule.kind {
                for (labels, active) in rule.active {
                    self.retired.take(&identity, labels, active, at);
                }
            }
        }
        if let Some(first) = self.groups.first_mut() {
            first.ended.extend(ended);
        }
    }
}

/// Rules that are alike in name, labels and expression are told apart by their order.
fn number_repeated(groups: &mut [Group]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for rule in groups.iter_mut().flat_map(|group| &mut group.rules) {
        let count = seen.entry(rule.identity.clone()).or_default();
        *count += 1;
        if *count > 1 {
            rule.identity = format!("{}-{count}", rule.identity);
        }
    }
}

#[cfg(test)]
mod no_data_tests;
#[cfg(test)]
mod pending_tests;
#[cfg(test)]
mod resolved_tests;
#[cfg(test)]
mod restart_tests;
#[cfg(test)]
mod tests;
