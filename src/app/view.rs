//! What only the app knows, as the pages and the API read it.

use std::sync::Arc;

use crate::model::secret::redact_url;
use crate::model::task::BoxFuture;
use crate::rules::GroupView;
use crate::runbooks::Runbooks;
use crate::web::{ConfigState, ProbePlan, Reload, Target, View};

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
            applying.map(|entry| ProbePlan { name: entry.name().to_owned(), interval: entry.interval() }).collect()
        };
        let targets = config.targets.iter().map(|target| Target {
            name: target.name.clone(),
            url: redact_url(&target.service.url),
            probes: probes(&target.name),
        });
        targets.collect()
    }

    fn rule_groups(&self) -> Vec<GroupView> {
        self.0.judge.read(crate::rules::RuleSet::view)
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
