//! Takes away what roundtrips made, as far as it is allowed, and counts what is left.
//!
//! Runs after every run under a time-out of its own, also after one that was cut off. What cannot be removed now
//! is remembered for the next run; what this process does not remember is found by the sweep for orphans.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration as StdDuration;

use crate::queue::{Database, RowState};

use super::super::outcome::Reason;
use super::super::run::Run;
use super::super::synthetic::ORPHAN_AGE;
use super::state::Update;
use super::{CLEAN_UP, Roundtrip, cleans};

/// Time between sweeps for orphans; the first is made by the first run.
const SWEEP_INTERVAL: StdDuration = StdDuration::from_secs(600);

/// This probe's share of the target's gauge: several probes of one target add up, and one that goes takes its
/// share along.
pub(super) struct Leftovers {
    gauge: prometheus::Gauge,
    share: Mutex<f64>,
}

impl Leftovers {
    pub(super) fn new(gauge: prometheus::Gauge) -> Self {
        Self { gauge, share: Mutex::new(0.0) }
    }

    fn set(&self, left: u64) {
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let left = left as f64;
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        self.gauge.add(left - *share);
        *share = left;
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Cleans up after a run.
pub(super) async fn finish(probe: &Roundtrip, run: &mut Run) {
    if let Some(database) = run.database().filter(|_| cleans(run)) {
        run.begin(CLEAN_UP);
        let result = clean(probe, run, &database).await;
        let ended = run.end(result.map_err(|error| (Reason::Database, error)));
        if let Err(failure) = ended {
            // Worth a remark and a gauge, but the service did what it should.
            run.remark(format!("could not clean up: {}", failure.message));
        }
    }
    probe.leftovers.set(probe.state().leftovers());
}

async fn clean(probe: &Roundtrip, run: &Run, database: &Database) -> Result<(), String> {
    let unfinished = {
        let mut state = probe.state();
        for update in state.overdue() {
            state.remove_later(&update.chat_id);
        }
        state.unfinished()
    };
    for update in unfinished {
        if run.once {
            probe.state().finished(&update.nonce);
        } else {
            settle_by_row(probe, database, &update).await;
        }
    }
    if let Some(chat_id) = run.chat_id.as_ref().filter(|chat_id| !probe.state().is_unfinished(chat_id)) {
        probe.state().remove_later(chat_id);
    }
    let removals = probe.state().removals();
    if !removals.is_empty() {
        database.remove_synthetic(&removals).await.map_err(|error| error.to_string())?;
        probe.state().removed(&removals);
    }
    let due = probe.state().last_sweep.is_none_or(|last| last.elapsed() >= SWEEP_INTERVAL);
    if due {
        let sweep = database.sweep_synthetic(ORPHAN_AGE).await.map_err(|error| error.to_string())?;
        let mut state = probe.state();
        state.last_sweep = Some(crate::model::Stopwatch::start());
        state.swept_left = sweep.left;
    }
    Ok(())
}

/// Looks at the row of an unfinished update. One that is through needs no more attention; one that is being
/// retried is given up on our side, and removed where that is allowed.
pub(super) async fn settle_by_row(probe: &Roundtrip, database: &Database, update: &Update) {
    let Some(queue_id) = &update.queue_id else { return };
    let Ok(row) = database.queue_row(queue_id).await else { return };
    let through = match &row {
        Some(row) => row.state() != RowState::Waiting || (row.retry_count > 0 && database.may_clean_up()),
        None => true,
    };
    if through {
        let mut state = probe.state();
        state.finished(&update.nonce);
        if database.may_clean_up() {
            state.remove_later(&update.chat_id);
        }
    }
}
