//! The words every other module shares: labels, samples, matchers, time, alerts, secrets, problems.
//!
//! Plain data with the behaviour that belongs to it; no I/O, no state, and nothing of the rest of the
//! crate is imported here. The one exception to "no I/O" is [`clock`], the only file that reads the time.

pub mod alert;
pub mod clock;
pub mod duration;
pub mod labels;
pub mod matcher;
pub mod matcher_text;
pub mod number;
pub mod problem;
pub mod sample;
pub mod secret;
pub mod synthetic;
pub mod task;
pub mod timestamp;
pub mod xml;

pub use alert::{Alert, AlertStatus, PendingChange};
pub use clock::{Clock, Stopwatch};
pub use duration::Duration;
pub use labels::{Fingerprint, Labels};
pub use matcher::{MatchOp, Matcher};
pub use matcher_text::{Condition, ParseMatcherError, parse_conditions, parse_matchers};
pub use problem::{Place, Problem};
pub use sample::{STALE_MARKER, Sample, is_stale};
pub use secret::Secret;
pub use timestamp::Timestamp;
