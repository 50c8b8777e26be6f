//! Faults that somebody asked for: what is broken right now, for those who must behave accordingly.
//!
//! [`endpoint`] changes this state; API, worker and agent read it. The state is small and bounded by the number of
//! routes. Whoever waits for a change uses [`Faults::changed_to`].

pub mod endpoint;
pub mod sabotage;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::api::Route;

/// Whether the workers take rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Worker {
    Running,
    Stopped,
}

/// How the agent answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agent {
    Ok,
    /// It cannot be reached.
    Fail,
    /// It answers when the fault is over; until then the time-out strikes.
    Hang,
    /// It answers with something else than JSON.
    Garbage,
}

/// Whether the database accepts connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    Ok,
    Refused,
}

/// Extra time before a route answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// A route's name, or `all`.
    pub route: Scope,
    /// Milliseconds; 0 takes the fault away.
    pub ms: u64,
}

/// Errors instead of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// A route's name, or `all`.
    pub route: Scope,
    /// What to answer with, 400 to 599.
    pub status: u16,
    /// Share of the requests, 0 to 1, spread evenly; 1 unless given. 0 takes the fault away.
    #[serde(default = "every")]
    pub ratio: f64,
}

fn every() -> f64 {
    1.0
}

/// Which requests a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    All,
    Health,
    Login,
    Conversations,
    MemoryUpdate,
    Memory,
}

impl Scope {
    fn covers(self, route: Route) -> bool {
        match self {
            Self::All => true,
            Self::Health => route == Route::Health,
            Self::Login => route == Route::Login,
            Self::Conversations => route == Route::Conversations,
            Self::MemoryUpdate => route == Route::MemoryUpdate,
            Self::Memory => route == Route::Memory,
        }
    }
}

/// Everything that is broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    pub worker: Worker,
    pub agent: Agent,
    pub database: Database,
    pub latency: Vec<Latency>,
    pub errors: Vec<Errors>,
    /// For each entry of `errors`, the share of an error that is owed.
    #[serde(skip)]
    owed: Vec<f64>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            worker: Worker::Running,
            agent: Agent::Ok,
            database: Database::Ok,
            latency: Vec::new(),
            errors: Vec::new(),
            owed: Vec::new(),
        }
    }
}

impl State {
    fn set_latency(&mut self, new: Latency) {
        self.latency.retain(|old| old.route != new.route);
        if new.ms > 0 {
            self.latency.push(new);
        }
    }

    fn set_errors(&mut self, new: Errors) {
        self.errors.retain(|old| old.route != new.route);
        if new.ratio > 0.0 {
            self.errors.push(new);
        }
        self.owed = vec![0.0; self.errors.len()];
    }

    fn delay(&self, route: Route) -> Duration {
        let ms = self.latency.iter().filter(|fault| fault.route.covers(route)).map(|fault| fault.ms).max();
        Duration::from_millis(ms.unwrap_or(0))
    }

    /// The status of the error that is due on `route`, if one is.
    fn error_due(&mut self, route: Route) -> Option<u16> {
        for (fault, owed) in self.errors.iter().zip(&mut self.owed) {
            if fault.route.covers(route) {
                *owed += fault.ratio;
                if *owed >= 1.0 - 1e-9 {
                    *owed -= 1.0;
                    return Some(fault.status);
                }
            }
        }
        None
    }
}

/// The state, shared by all parts.
#[derive(Clone)]
pub struct Faults(watch::Sender<State>);

impl Faults {
    /// Nothing is broken.
    pub fn none() -> Self {
        Self(watch::Sender::new(State::default()))
    }

    /// What is broken now.
    pub fn state(&self) -> State {
        self.0.borrow().clone()
    }

    /// Breaks or heals something and tells those who wait.
    pub fn change(&self, with: impl FnOnce(&mut State)) {
        self.0.send_modify(with);
    }

    /// Returns as soon as `wanted` holds, at once if it does now.
    pub async fn changed_to(&self, wanted: impl FnMut(&State) -> bool) {
        // The sender lives in `self`, so the channel cannot be closed.
        let _ = self.0.subscribe().wait_for(wanted).await;
    }

    /// What one request of `route` has to suffer: a delay, and perhaps an error's status.
    pub fn suffer(&self, route: Route) -> (Duration, Option<u16>) {
        let mut due = (Duration::ZERO, None);
        self.0.send_if_modified(|state| {
            due = (state.delay(route), state.error_due(route));
            false
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_spread_evenly_by_their_ratio() {
        let mut state = State::default();
        state.set_errors(Errors { route: Scope::Memory, status: 500, ratio: 0.3 });
        let hits = (0..100).filter(|_| state.error_due(Route::Memory).is_some()).count();
        assert_eq!(hits, 30);
        assert_eq!(state.error_due(Route::Health), None);
    }

    #[test]
    fn a_fault_of_a_route_replaces_the_one_before_and_zero_removes_it() {
        let mut state = State::default();
        for ms in [100, 200] {
            state.set_latency(Latency { route: Scope::All, ms });
        }
        assert_eq!(state.delay(Route::Health), Duration::from_millis(200));
        state.set_latency(Latency { route: Scope::All, ms: 0 });
        assert_eq!(state, State::default());
    }
}
