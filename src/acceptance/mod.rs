//! Judges a deployment by its promises, by live measurement: one file per criterion, one row per criterion in [`CRITERIA`].
//!
//! A criterion measures through a [`Scene`] (users, queue, what may be broken), leaves its [`Evidence`], and ends with
//! a [`Finding`]: pass, fail, or not judged with the reason. It fails only on what contradicts the promise; what
//! kept it from measuring is an [`Obstacle`], and then nothing is judged. Nothing passes by default.

mod assemble;
mod breakage;
pub mod confidence;
pub mod criteria;
mod criterion;
mod evidence;
pub mod faults;
#[cfg(test)]
mod fixture;
mod heal;
pub mod journal;
mod observe;
mod own_lag;
mod passage;
pub mod plan;
pub mod report;
mod run;
mod scene;
mod settings;
mod share;
mod steps;
mod tally;
mod verdict;

pub use assemble::{Circumstances, assemble};
pub use criteria::CRITERIA;
pub use criterion::{Area, Criterion, Judging, Need};
pub use evidence::{Case, Evidence, ExchangeSeen, Figure, FigureValue, RowSeen};
pub use heal::{Healing, Step, remove_data};
pub use observe::Observer;
pub use plan::{Choice, Plan, Planned};
pub use report::{CriterionResult, Interference, Promised, Report, TargetSeen, TimelinePoint};
pub use run::{Event, Judged, judge};
pub use scene::{Chat, Promises, Scene};
pub use settings::{Chaos, RateLimit, Settings};
pub use verdict::{Finding, Obstacle, Verdict};
