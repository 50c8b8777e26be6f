//! When a loop last came round, for whoever watches that it does.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::Timestamp;

/// The end of a loop's last round.
#[derive(Debug)]
pub(super) struct LastTurn(AtomicI64);

impl Default for LastTurn {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl LastTurn {
    /// Notes that the loop came round.
    pub fn note(&self, at: Timestamp) {
        self.0.store(at.millis(), Ordering::Relaxed);
    }

    /// When it last did.
    pub fn get(&self) -> Option<Timestamp> {
        Some(self.0.load(Ordering::Relaxed)).filter(|millis| *millis != i64::MIN).map(Timestamp::from_millis)
    }
}
