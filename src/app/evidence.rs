//! What only the app knows, as the witness of notifications reads it.

use std::sync::{Arc, Weak};

use crate::evidence::{Scene, Settings};
use crate::promql::Unfiltered;
use crate::queue::Database;
use crate::rules::RuleSet;
use crate::runbooks::Runbooks;

use super::daemon::Core;

/// Reads the daemon's core for `evidence`. The core holds who asks, so this does not hold the core.
pub(super) struct Seen(Weak<Core>);

impl Seen {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self(Arc::downgrade(core))
    }

    /// What the core says; nothing once it is gone.
    fn ask<T: Default>(&self, ask: impl FnOnce(&Core) -> T) -> T {
        self.0.upgrade().map(|core| ask(&core)).unwrap_or_default()
    }
}

impl Scene for Seen {
    fn sides(&self, alert: &str) -> Vec<Unfiltered> {
        self.ask(|core| core.judge.read(|rules: &RuleSet| rules.sides(alert)))
    }

    fn runbooks(&self) -> Arc<Runbooks> {
        self.ask(|core| Arc::clone(&core.generation.load().runbooks))
    }

    fn databases(&self) -> Vec<(String, Database)> {
        self.ask(|core| core.generation.load().databases.iter().map(|(n, d)| (n.clone(), d.clone())).collect())
    }

    fn settings(&self) -> Settings {
        self.ask(|core| core.generation.load().config.diagnostics)
    }
}
