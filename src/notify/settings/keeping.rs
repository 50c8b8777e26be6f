//! How long history is kept and acknowledgements hold: the sections `history` and `acknowledge`.

use serde::Deserialize;

use crate::model::{Duration, Problem};

/// What is kept of what happened to alerts, and of the attempts to tell somebody.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// Older entries go; 30d unless set, at least 1h.
    pub retention: Duration,
    /// Most entries; beyond, the oldest go early. 50000 unless set, 100 to 1000000. An entry takes about a kilobyte.
    pub max_entries: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { retention: Duration::from_secs(30 * 24 * 3600), max_entries: 50_000 }
    }
}

/// How acknowledgements end.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Acknowledge {
    /// When an acknowledgement ends by itself though the alert goes on, so that nobody forgets it: then it is told again
    /// and may escalate. 24h unless set, at most 30d; 0s stands for as long as the alert fires. Who acknowledges may say
    /// otherwise.
    pub expire_after: Duration,
}

impl Default for Acknowledge {
    fn default() -> Self {
        Self { expire_after: Duration::from_secs(24 * 3600) }
    }
}

impl History {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.retention < Duration::from_secs(3600) {
            problems.push(Problem::at("retention", format!("{} is less than 1h", self.retention)));
        }
        if !(100..=1_000_000).contains(&self.max_entries) {
            let message = format!("{} is not between 100 and 1000000", self.max_entries);
            problems.push(Problem::at("max_entries", message));
        }
        problems
    }
}

impl Acknowledge {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let most = Duration::from_secs(30 * 24 * 3600);
        let wrong = self.expire_after > most;
        let problem = || Problem::at("expire_after", format!("{} is more than 30d", self.expire_after));
        wrong.then(problem).into_iter().collect()
    }
}
