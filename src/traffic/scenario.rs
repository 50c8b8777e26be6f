//! What is sent: one row for each scenario, made of steps in fixed shares.
//!
//! The steps are the service's calls as the probes make them. Which one comes next is decided by its number alone,
//! so that two runs of one scenario send the same.

use serde::{Deserialize, Serialize};

/// What one arrival does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Asks for the service's own opinion of itself.
    Health,
    /// Queues a snippet; how long it takes until it is processed is seen in the queue.
    Update,
    /// Reads a memory.
    Retrieval,
    /// Queues a snippet and reads the memory again and again until it holds it.
    Roundtrip,
}

impl Step {
    /// Every step, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Health, Self::Update, Self::Retrieval, Self::Roundtrip];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Update => "update",
            Self::Retrieval => "retrieval",
            Self::Roundtrip => "roundtrip",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(super) const fn place(self) -> usize {
        self as usize
    }

    /// Whether it writes into a conversation.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Update | Self::Roundtrip)
    }
}

/// One row of [`SCENARIOS`].
#[derive(Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub about: &'static str,
    /// Its steps, in one turn of their order.
    pub steps: &'static [Step],
}

use Step::{Health, Retrieval, Roundtrip, Update};

/// Every scenario.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "update", about: "queues a snippet each time", steps: &[Update] },
    Scenario { name: "retrieval", about: "reads a memory each time", steps: &[Retrieval] },
    Scenario { name: "roundtrip", about: "queues a snippet and reads until the memory holds it", steps: &[Roundtrip] },
    Scenario {
        name: "mixed",
        about: "four retrievals for each update",
        steps: &[Retrieval, Retrieval, Update, Retrieval, Retrieval],
    },
    Scenario { name: "health", about: "asks /health each time", steps: &[Health] },
];

impl Scenario {
    /// What the `number`-th arrival does.
    #[must_use]
    pub fn step(&self, number: u64) -> Step {
        let turn = u64::try_from(self.steps.len()).unwrap_or(1).max(1);
        let at = usize::try_from(number % turn).unwrap_or(0);
        self.steps.get(at).copied().unwrap_or(Step::Health)
    }

    /// Whether it has this step.
    #[must_use]
    pub fn has(&self, step: Step) -> bool {
        self.steps.contains(&step)
    }

    /// Whether it needs conversations.
    #[must_use]
    pub fn needs_chats(&self) -> bool {
        self.steps.iter().any(|step| *step != Step::Health)
    }

    /// Requests of a user's limit that one arrival costs at least, on average.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a handful of steps
    pub fn cost(&self) -> f64 {
        let cost = |step: &Step| match step {
            Step::Health => 0.0,
            Step::Update | Step::Retrieval => 1.0,
            // The update, and about three reads until the memory holds it.
            Step::Roundtrip => 4.0,
        };
        self.steps.iter().map(cost).sum::<f64>() / self.steps.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_and_steps() {
        for (at, scenario) in SCENARIOS.iter().enumerate() {
            assert!(!scenario.steps.is_empty() && !scenario.about.is_empty(), "{}", scenario.name);
            assert!(SCENARIOS[..at].iter().all(|other| other.name != scenario.name), "{}", scenario.name);
        }
    }

    #[test]
    fn steps_come_in_their_shares() {
        let mixed = SCENARIOS.iter().find(|scenario| scenario.name == "mixed").unwrap();
        let updates = (0..1000).filter(|number| mixed.step(*number) == Step::Update).count();
        assert_eq!(updates, 200);
        assert!((mixed.cost() - 1.0).abs() < 1e-9 && mixed.needs_chats());
        assert!(!SCENARIOS.iter().find(|scenario| scenario.name == "health").unwrap().needs_chats());
    }
}
