//! Load on a service and what it does to it: arrival schedules, senders, recorded distributions, verdicts.

mod distribution;

pub use distribution::{Distribution, Quantile, histogram};
