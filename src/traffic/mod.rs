//! Load on a service and what it does to it: arrival schedules, senders, recorded distributions, verdicts.
//!
//! [`SCENARIOS`] says what is sent, [`PROFILES`] how the rate goes over time. A [`Load`] sends, a [`Follower`] watches what
//! becomes of accepted updates, [`judge`] holds both against objectives, [`report`] tells it. Which service, as whom
//! and with whose leave is decided in `commands/load`.

mod alarm;
pub mod arrivals;
mod cleanup;
mod crowd;
mod distribution;
mod engine;
mod follow;
mod profile;
mod record;
pub mod report;
mod scenario;
pub mod search;
mod timeline;
mod verdict;

pub use cleanup::remove;
pub use crowd::Chat;
pub use distribution::{Distribution, Quantile, histogram};
pub use engine::{Accepted, Listeners, Load, Loop};
pub use follow::{Followed, Follower, QueueNow};
pub use profile::{PROFILES, Profile};
pub use record::{Progress, Recorder, StepRecord};
pub use scenario::{SCENARIOS, Scenario, Step};
pub use verdict::{Conditions, Judged, Objective, Operation, Verdict, judge};
