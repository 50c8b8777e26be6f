//! The daemon as the pages and the API read it: our state in the words of `web`.

use std::sync::Arc;

use crate::model::Labels;
use crate::model::task::BoxFuture;
use crate::probes::{Outcome, Step, StepExchange};
use crate::rules;
use crate::runbooks::Runbooks;
use crate::web::{
    ActiveAlert, ConfigState, Exchange, Health, ProbeHistory, ProbeStatus, Reload, Rule, RuleGroup, RuleKind, Run,
    RunSummary, Step as ShownStep, Target, View,
};

use super::daemon::Core;

/// Reads the daemon's core for `web`.
pub(super) struct Shown(Arc<Core>);

impl Shown {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }
}

impl View for Shown {
    fn not_ready(&self) -> Vec<String> {
        let judge = &self.0.judge;
        match judge.idle() {
            None => vec!["the rules have not been evaluated yet".to_owned()],
            Some(idle) if idle > judge.patience() => {
                vec![format!("the rules were last evaluated {}s ago", idle.as_secs())]
            }
            Some(_) => Vec::new(),
        }
    }

    fn targets(&self) -> Vec<Target> {
        let generation = self.0.generation.load();
        let config = &generation.config;
        let probes = |target: &str| {
            let applying = config.probes.iter().filter(|entry| entry.applies_to(target));
            applying.map(|entry| self.probe_status(target, entry.name(), entry.interval())).collect()
        };
        let target = |target: &crate::config::Target| Target {
            name: target.name.clone(),
            url: crate::model::secret::redact_url(&target.service.url),
            probes: probes(&target.name),
        };
        config.targets.iter().map(target).collect()
    }

    fn probe_history(&self, target: &str, probe: &str) -> Option<ProbeHistory> {
        let generation = self.0.generation.load();
        let config = &generation.config;
        let known = config.targets.iter().any(|known| known.name == target)
            && config.probes.iter().any(|entry| entry.name() == probe && entry.applies_to(target));
        let history = &self.0.history;
        let runs = |found: Vec<Arc<Outcome>>| found.iter().map(|outcome| run(outcome)).collect();
        known.then(|| ProbeHistory {
            runs: runs(history.recent(target, probe)),
            failures: runs(history.failures(target, probe)),
        })
    }

    fn rule_groups(&self) -> Vec<RuleGroup> {
        self.0.judge.read(|rules| rules.view().into_iter().map(group).collect())
    }

    fn runbooks(&self) -> Arc<Runbooks> {
        Arc::clone(&self.0.generation.load().runbooks)
    }

    fn config(&self) -> ConfigState {
        let last = self.0.reloads.last();
        let problems = last.problems.iter().map(ToString::to_string).collect();
        ConfigState {
            file: self.0.file.display().to_string(),
            loaded_at: Some(last.loaded_at),
            last_reload: last.refused_at.map(|at| Reload { at, problems }),
        }
    }

    fn reload(&self) -> BoxFuture<Result<(), Vec<String>>> {
        let core = Arc::clone(&self.0);
        Box::pin(
            async move { core.reload().await.map_err(|problems| problems.iter().map(ToString::to_string).collect()) },
        )
    }
}

impl Shown {
    fn probe_status(&self, target: &str, probe: &str, interval: crate::model::Duration) -> ProbeStatus {
        let last = self.0.history.recent(target, probe).first().map(|outcome| summary(outcome));
        ProbeStatus { name: probe.to_owned(), interval, last }
    }
}

fn summary(outcome: &Outcome) -> RunSummary {
    let failure = outcome.failure.as_ref();
    RunSummary {
        at: outcome.started_at,
        took: outcome.took,
        failure: failure.map(|failure| (failure.reason.as_str().to_owned(), failure.message.clone())),
    }
}

fn run(outcome: &Outcome) -> Run {
    let step = |step: &Step| ShownStep {
        name: step.name.to_owned(),
        began_after: step.offset,
        took: step.took,
        failure: outcome.failure.as_ref().filter(|f| !step.ok && f.step == step.name).map(|f| f.message.clone()),
    };
    Run {
        summary: summary(outcome),
        steps: outcome.steps.iter().map(step).collect(),
        exchanges: outcome.exchanges.iter().map(exchange).collect(),
    }
}

fn exchange(of: &StepExchange) -> Exchange {
    let record = &of.exchange;
    let answer = record.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    Exchange {
        title: format!("{}: {} {} · {answer}", of.step, record.method, record.path),
        request: format!("{} {}\nx-request-id: {}", record.method, record.path, record.request_id),
        answer: record.body_excerpt.clone(),
    }
}

fn group(view: rules::GroupView) -> RuleGroup {
    RuleGroup {
        name: view.name,
        file: view.file,
        interval: view.interval,
        limit: view.limit,
        evaluation_time: view.evaluation_time,
        last_evaluation: view.last_evaluation,
        rules: view.rules.into_iter().map(rule).collect(),
    }
}

fn rule(view: rules::RuleView) -> Rule {
    Rule {
        name: view.name,
        query: view.query,
        labels: Labels::from_pairs(view.labels),
        health: match view.health {
            rules::Health::Unknown => Health::Unknown,
            rules::Health::Ok => Health::Ok,
            rules::Health::Err => Health::Err,
        },
        last_error: view.last_error,
        evaluation_time: view.evaluation_time,
        last_evaluation: view.last_evaluation,
        kind: match view.kind {
            rules::RuleKind::Recording => RuleKind::Recording,
            rules::RuleKind::Alerting { duration, keep_firing_for, annotations, alerts, .. } => RuleKind::Alerting {
                hold: duration,
                keep_firing_for,
                annotations,
                alerts: alerts.into_iter().map(alert).collect(),
            },
        },
    }
}

fn alert(view: rules::AlertView) -> ActiveAlert {
    ActiveAlert {
        labels: view.labels,
        annotations: view.annotations,
        firing: view.state == rules::State::Firing,
        active_at: view.active_at,
        keep_firing_since: view.keep_firing_since,
        value: view.value,
    }
}
