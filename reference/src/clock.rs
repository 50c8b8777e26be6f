//! The only place that reads the time.
//!
//! Everything that decides by the time (rate limit, token expiry, health cache, back-off) takes it as an argument.
#![expect(clippy::disallowed_methods, reason = "this file is where the reference asks what time it is")]

use std::time::Instant;

/// The wall clock, for what is shown and for token expiry.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The monotonic clock, for everything that is measured or waited for.
pub fn instant() -> Instant {
    Instant::now()
}
