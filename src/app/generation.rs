//! What a reload replaces whole: clients, databases, the tasks of probes and queue collectors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::config::Config;
use crate::memory_api::{self, Client};
use crate::metrics::Registry;
use crate::model::Clock;
use crate::probes::{self, History};
use crate::queue::{self, Database};
use crate::runbooks::Runbooks;

use super::tasks::Scope;

/// How long a generation's tasks may take to end; a probe cut off here is swept up later.
const END: StdDuration = StdDuration::from_secs(2);

/// One configuration in force.
pub struct Generation {
    /// The configuration.
    pub config: Config,
    /// Its runbooks.
    pub runbooks: Arc<Runbooks>,
    /// The databases of its targets.
    pub databases: BTreeMap<String, Database>,
    scope: Scope,
}

impl Generation {
    /// Starts the probes and queue collectors of a configuration.
    #[must_use]
    pub fn start(
        config: Config,
        runbooks: Arc<Runbooks>,
        clients: Vec<Client>,
        (registry, history, clock): (&Registry, &History, &Clock),
    ) -> Self {
        let scope = Scope::new(registry);
        let mut databases = BTreeMap::new();
        for target in &config.targets {
            if let Some(settings) = &target.database {
                let database = Database::new(settings, &config.instance);
                let tasks = queue::tasks(&target.name, &database, registry, clock, scope.token());
                tasks.into_iter().for_each(|task| scope.run(task));
                databases.insert(target.name.clone(), database);
            }
        }
        history.retain(|target, probe| {
            config.probes.iter().any(|entry| entry.name() == probe && entry.applies_to(target))
                && config.targets.iter().any(|known| known.name == target)
        });
        let names: Vec<&str> = config.targets.iter().map(|target| target.name.as_str()).collect();
        probes::withdraw(registry, &config.probes, &names);
        memory_api::metrics::withdraw(registry, &names);
        let context = probes::Context {
            instance: config.instance.clone(),
            clients: clients.into_iter().map(|client| (client.name().to_owned(), client)).collect(),
            databases: databases.clone(),
            history: history.clone(),
            registry: registry.clone(),
            clock: clock.clone(),
            cancel: scope.token(),
        };
        match probes::tasks(&config.probes, &context) {
            Ok(tasks) => tasks.into_iter().for_each(|task| scope.run(task)),
            // The same check passed when the configuration was loaded.
            Err(problems) => problems.iter().for_each(|problem| tracing::error!(%problem, "no probe runs")),
        }
        Self { config, runbooks, databases, scope }
    }

    /// Ends its tasks.
    pub async fn end(&self) {
        if !self.scope.end(END).await {
            tracing::warn!("tasks of the earlier configuration did not end in time and were left behind");
        }
    }
}
