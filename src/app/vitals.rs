//! How the parts of the loop stand, as the heartbeat asks for it, and the heartbeat's own life across reloads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;

use crate::heartbeat::{Heartbeat, Look, Turn, Vitals};
use crate::model::Timestamp;

use super::daemon::Core;
use super::tasks::Scope;

/// What a turn may take beyond its interval before it counts as missed: a machine under load is not a loop that stands.
const SLACK: StdDuration = StdDuration::from_secs(10);
/// The dispatcher and the outbox come round every 5 s, and may wait for the disk three times.
const LONGEST_ROUND: StdDuration = StdDuration::from_secs(40);

/// The heartbeat of the configuration in force.
#[derive(Default)]
pub(super) struct Heart(Mutex<Option<Scope>>);

impl Heart {
    /// Ends the heartbeat that beats, and begins another, if one is configured.
    pub fn replace(&self, heartbeat: Option<Heartbeat>, core: &Arc<Core>) {
        let next = heartbeat.map(|heartbeat| {
            let scope = Scope::new(&core.registry);
            let weak = Arc::downgrade(core);
            let look: Look = Arc::new(move || weak.upgrade().map(|core| core.vitals()).unwrap_or_default());
            scope.run(heartbeat.task(look, core.clock.clone(), &core.registry, scope.token()));
            scope
        });
        let mut scope = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *scope, next) {
            old.token().cancel();
        }
    }

    /// Ends it.
    pub fn end(&self) {
        if let Some(scope) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            scope.token().cancel();
        }
    }
}

impl Core {
    /// How the loop stands.
    pub(super) fn vitals(&self) -> Vitals {
        let now = self.clock.now();
        let round = |name: &str, last: Option<Timestamp>| {
            vec![Turn { name: format!("the {name}"), last, within: LONGEST_ROUND }]
        };
        Vitals {
            probes: self.probe_turns(),
            rules: self.rule_turns(now),
            dispatcher: round("dispatcher", self.notify.last_turn()),
            outbox: round("outbox", self.notify.outbox().last_turn()),
            due_since: self.notify.outbox().due_since(now),
            store_writes: self.store.is_on_disk(),
        }
    }

    fn probe_turns(&self) -> Vec<Turn> {
        let generation = self.generation.load();
        let mut turns = Vec::new();
        for target in &generation.config.targets {
            for entry in generation.config.probes.iter().filter(|entry| entry.applies_to(&target.name)) {
                let (interval, timeout) = (entry.interval().std(), entry.timeout().std());
                let last = self.history.recent(&target.name, entry.name()).first().map(|run| run.started_at + run.took);
                let name = format!("probe {} on {}", entry.name(), target.name);
                // Starts wander by a twentieth of the interval.
                turns.push(Turn { name, last, within: interval + interval / 10 + timeout + SLACK });
            }
        }
        turns
    }

    fn rule_turns(&self, now: Timestamp) -> Vec<Turn> {
        let last = self.judge.idle().map(|idle| now - idle);
        let mut turns = vec![Turn { name: "the judge".to_owned(), last, within: self.judge.patience() }];
        turns.extend(self.judge.read(|rules| {
            let turn = |group: &crate::rules::Group| Turn {
                name: format!("rule group {}", group.name()),
                last: group.last_evaluation(),
                within: group.interval().std() * 2 + SLACK,
            };
            rules.groups().iter().map(turn).collect::<Vec<_>>()
        }));
        turns
    }
}
