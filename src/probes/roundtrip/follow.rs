//! Waits until an update is processed: by its queue row where there is a database, otherwise by the memory.
//!
//! The row is the better witness: it tells processed from not processed even where the memory stays empty. The
//! memory is asked beside it only while the row cannot be seen. Single failures on the way are not the run's
//! failure: a database outage behind the service looks like a burst of 401 or 404, and the next look may succeed.

use std::time::Duration as StdDuration;

use tokio::time::{Instant, sleep_until};

use crate::memory_api::{CallError, FailureReason, Memory};
use crate::model::{Duration, Stopwatch};
use crate::queue::{Database, DatabaseError, QueueRow, RowState};

use super::super::outcome::{Failure, Reason};
use super::super::run::Run;
use super::judge::{Expected, Sight, sight};

const FIRST_PAUSE: StdDuration = StdDuration::from_millis(100);
/// Looking at a row costs one index lookup; reading the memory costs a request of the budget.
const LONGEST_ROW_PAUSE: StdDuration = StdDuration::from_secs(1);
const LONGEST_MEMORY_PAUSE: StdDuration = StdDuration::from_secs(3);

/// How an update was seen to be through.
pub(super) struct Processed {
    /// The memory that showed it, where it was not the row.
    pub(super) memory: Option<Memory>,
}

/// One wait for one update.
pub(super) struct Follow<'a> {
    pub(super) queue_id: &'a str,
    pub(super) expected: &'a Expected<'a>,
    pub(super) database: Option<Database>,
    /// When to give up; before the run is cut off, so that the reason can still be told.
    pub(super) until: Instant,
    watch: Stopwatch,
    row_seen: bool,
    database_error: Option<DatabaseError>,
    call_error: Option<CallError>,
    memory_read: bool,
    other_change: bool,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        queue_id: &'a str,
        expected: &'a Expected<'a>,
        database: Option<Database>,
        until: Instant,
    ) -> Self {
        Self {
            queue_id,
            expected,
            database,
            until,
            watch: Stopwatch::start(),
            row_seen: false,
            database_error: None,
            call_error: None,
            memory_read: false,
            other_change: false,
        }
    }

    /// Waits for the update. The step stays open.
    ///
    /// # Errors
    /// It was given up by the worker, is not processed in time, or nobody can tell.
    pub(super) async fn wait(mut self, run: &mut Run) -> Result<Processed, Failure> {
        let mut pause = FIRST_PAUSE;
        run.follow(self.queue_id);
        loop {
            match self.look_at_row(run).await {
                Some(RowState::Complete) => return Ok(Processed { memory: None }),
                Some(RowState::GivenUp) => return Err(self.given_up(run)),
                Some(RowState::Waiting) => pause = grown(pause, LONGEST_ROW_PAUSE),
                None => {
                    let (seen, wait) = self.look_at_memory(run).await;
                    if let Some(memory) = seen {
                        return Ok(Processed { memory: Some(memory) });
                    }
                    pause = grown(pause, LONGEST_MEMORY_PAUSE).max(wait);
                }
            }
            let next = Stopwatch::start().started() + pause;
            if next >= self.until {
                sleep_until(self.until).await;
                return self.last_look(run).await;
            }
            sleep_until(next).await;
        }
    }

    async fn last_look(mut self, run: &mut Run) -> Result<Processed, Failure> {
        match self.look_at_row(run).await {
            Some(RowState::Complete) => Ok(Processed { memory: None }),
            Some(RowState::GivenUp) => Err(self.given_up(run)),
            Some(RowState::Waiting) => Err(self.undecided(run)),
            None => match self.look_at_memory(run).await.0 {
                Some(memory) => Ok(Processed { memory: Some(memory) }),
                None => Err(self.undecided(run)),
            },
        }
    }

    /// `None` if the row cannot be seen.
    async fn look_at_row(&mut self, run: &mut Run) -> Option<RowState> {
        let database = self.database.as_ref()?;
        match database.queue_row(self.queue_id).await {
            Ok(row) => {
                self.database_error = None;
                run.saw_row(row.as_ref());
                self.row_seen |= row.is_some();
                row.as_ref().map(QueueRow::state)
            }
            Err(error) => {
                self.database_error = Some(error);
                None
            }
        }
    }

    /// The memory if it shows the update, and how long not to ask again.
    async fn look_at_memory(&mut self, run: &mut Run) -> (Option<Memory>, StdDuration) {
        let answer = run.client().memory(self.expected.chat_id).await;
        match run.note(answer) {
            Ok(memory) => {
                self.call_error = None;
                self.memory_read = true;
                match sight(&memory, self.expected) {
                    Sight::Processed => return (Some(memory), StdDuration::ZERO),
                    Sight::OtherChange => self.other_change = true,
                    Sight::Nothing => {}
                }
                (None, StdDuration::ZERO)
            }
            Err(error) => {
                let wait = match &error {
                    CallError::BudgetExhausted { retry_in } => retry_in.std(),
                    CallError::Failed(_) => StdDuration::ZERO,
                };
                self.call_error = Some(error);
                (None, wait)
            }
        }
    }

    fn given_up(&self, run: &mut Run) -> Failure {
        let message = format!("the worker gave up queue row {}{}", self.queue_id, worker_said(run));
        run.fail(Reason::NotProcessed, message)
    }

    /// Time is up. Says what is known, and does not say "not processed" where nobody could look.
    fn undecided(&self, run: &mut Run) -> Failure {
        let took = Duration::from(StdDuration::from_millis(
            u64::try_from(self.watch.elapsed().as_millis()).unwrap_or(u64::MAX),
        ));
        let status = run.queue().and_then(|trace| trace.status.clone());
        let (reason, message) = if let (Some(status), true) = (status, self.database_error.is_none() && self.row_seen) {
            let message = format!("queue row {} is still {status} after {took}{}", self.queue_id, worker_said(run));
            (Reason::NotProcessed, message)
        } else if let Some(error) = &self.call_error {
            let lead = match error.reason() {
                FailureReason::Unauthorized | FailureReason::Http4xx => ", as during an outage of its database",
                _ => "",
            };
            (Reason::Call(error.reason()), format!("cannot see whether the update was processed{lead}: {error}"))
        } else if self.other_change {
            let message = format!("the memory changed, but holds no {} after {took}", self.expected.nonce);
            (Reason::Mismatch, message)
        } else if let Some(error) = self.database_error.as_ref().filter(|_| !self.memory_would_show()) {
            (Reason::Database, format!("cannot tell whether the update was processed: {error}"))
        } else {
            (Reason::NotProcessed, self.nothing_seen(&took))
        };
        run.fail(reason, message)
    }

    /// Whether an unchanged memory proves that nothing was processed.
    fn memory_would_show(&self) -> bool {
        self.memory_read && (self.expected.keeps_nonce || self.expected.expect == super::ExpectNonce::Always)
    }

    fn nothing_seen(&self, took: &Duration) -> String {
        let row = match &self.database {
            Some(_) if self.database_error.is_none() => format!(", and there is no queue row {}", self.queue_id),
            _ => String::new(),
        };
        let hint = if self.database.is_none() && !self.memory_would_show() {
            "; without a database a summariser in mock mode cannot be told from a worker that stands still"
        } else {
            ""
        };
        format!("the memory is unchanged after {took}{row}{hint}")
    }
}

fn grown(pause: StdDuration, longest: StdDuration) -> StdDuration {
    pause.mul_f64(1.4).min(longest)
}

/// What the queue row tells about the worker's attempts, as an addition to a message.
fn worker_said(run: &Run) -> String {
    let Some(trace) = run.queue() else { return String::new() };
    let attempts = trace.retry_count.filter(|count| *count > 0).map(|count| format!(", {count} failed attempts"));
    let error = trace.error_message.as_ref().map(|error| format!(", last error: {error}"));
    format!("{}{}", attempts.unwrap_or_default(), error.unwrap_or_default())
}
