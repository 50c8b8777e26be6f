//! One run while it happens: steps are opened and closed, exchanges and the queue row are noted.
//!
//! A run that is cut off is dropped where it waits; what it noted until then stays here and becomes the outcome,
//! with the open step as the one that failed.

use std::time::Duration as StdDuration;

use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::memory_api::{CallError, Client, Exchange, ExchangeRecord};
use crate::model::{Duration, Stopwatch, Timestamp};
use crate::queue::{Database, QueueRow};

use super::kind::{Kind, Running, Target};
use super::outcome::{Failure, Outcome, QueueTrace, Reason, Step, StepExchange};

/// Longest time for cleaning up after a run, whose result is known by then.
const CLEAN_UP: StdDuration = StdDuration::from_secs(5);
/// The same where the daemon, or this configuration of it, is about to end.
const LAST_CLEAN_UP: StdDuration = StdDuration::from_secs(2);
/// Exchanges kept of one run: the first ones, then the latest.
const FIRST_EXCHANGES: usize = 5;
const MOST_EXCHANGES: usize = 12;

/// The name of the step in which a token is fetched.
pub const LOGIN: &str = "login";

/// What a run has to work with and what it has noted so far.
pub struct Run {
    target: Target,
    /// Whether no other run follows that could clean up later.
    pub once: bool,
    started_at: Timestamp,
    watch: Stopwatch,
    timeout: StdDuration,
    open: Option<(&'static str, StdDuration)>,
    steps: Vec<Step>,
    exchanges: Vec<StepExchange>,
    notes: Vec<String>,
    /// The conversation in use.
    pub chat_id: Option<String>,
    queue: Option<QueueTrace>,
    /// From sending the snippet to reading it back.
    pub update_took: Option<StdDuration>,
}

impl Run {
    pub(super) fn new(target: Target, timeout: StdDuration, once: bool) -> Self {
        Self {
            started_at: target.clock.now(),
            target,
            once,
            watch: Stopwatch::start(),
            timeout,
            open: None,
            steps: Vec::new(),
            exchanges: Vec::new(),
            notes: Vec::new(),
            chat_id: None,
            queue: None,
            update_took: None,
        }
    }

    /// The service.
    #[must_use]
    pub fn client(&self) -> Client {
        self.target.client.clone()
    }

    /// Its database, where one is configured.
    #[must_use]
    pub fn database(&self) -> Option<Database> {
        self.target.database.clone()
    }

    /// When the run is cut off.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.watch.started() + self.timeout
    }

    /// Time until the run is cut off.
    #[must_use]
    pub fn left(&self) -> StdDuration {
        self.timeout.saturating_sub(self.watch.elapsed())
    }

    /// Opens a step; an open one is closed as done.
    pub fn begin(&mut self, step: &'static str) {
        self.close(true);
        self.open = Some((step, self.watch.elapsed()));
    }

    /// Closes the open step by how it went.
    pub fn end<T>(&mut self, result: Result<T, (Reason, String)>) -> Result<T, Failure> {
        match result {
            Ok(value) => {
                self.close(true);
                Ok(value)
            }
            Err((reason, message)) => Err(self.fail(reason, message)),
        }
    }

    /// Notes an exchange and closes the open step by it.
    pub fn took<T>(&mut self, result: Result<Exchange<T>, CallError>) -> Result<T, Failure> {
        let result = self.note(result).map_err(|error| (Reason::Call(error.reason()), error.to_string()));
        self.end(result)
    }

    /// Closes the open step as failed.
    pub fn fail(&mut self, reason: Reason, message: impl Into<String>) -> Failure {
        let step = self.open.map_or_else(|| self.steps.last().map_or("", |step| step.name), |(name, _)| name);
        self.close(false);
        Failure { reason, step, message: message.into() }
    }

    /// Notes an exchange and leaves the step open.
    pub fn note<T>(&mut self, result: Result<Exchange<T>, CallError>) -> Result<T, CallError> {
        match result {
            Ok(Exchange { value, record }) => {
                self.keep(record);
                Ok(value)
            }
            Err(error) => {
                if let Some(record) = error.record() {
                    self.keep(record.clone());
                }
                Err(error)
            }
        }
    }

    fn keep(&mut self, record: ExchangeRecord) {
        if self.exchanges.len() >= MOST_EXCHANGES {
            self.exchanges.remove(FIRST_EXCHANGES);
        }
        let step = self.open.map_or("", |(name, _)| name);
        self.exchanges.push(StepExchange { step, exchange: record });
    }

    /// Remarks something that is no failure.
    pub fn remark(&mut self, note: impl AsRef<str>) {
        if self.notes.len() < 8 {
            self.notes.push(self.target.client.redactor().clean(note.as_ref()));
        }
    }

    /// Fetches a token if there is none; a step of its own only then.
    ///
    /// # Errors
    /// Why there is no token.
    pub async fn log_in(&mut self) -> Result<(), Failure> {
        self.begin(LOGIN);
        match self.target.client.ensure_login().await {
            Ok(None) => self.open = None,
            Ok(Some(record)) => {
                self.keep(record);
                self.close(true);
            }
            Err(error) => return self.took::<()>(Err(error)),
        }
        Ok(())
    }

    /// Begins to follow a queue row.
    pub fn follow(&mut self, queue_id: &str) {
        self.queue = Some(QueueTrace {
            queue_id: queue_id.to_owned(),
            status: None,
            created_at: None,
            processed_at: None,
            retry_count: None,
            error_message: None,
            looks: 0,
        });
    }

    /// Notes how the followed row looks now.
    pub fn saw_row(&mut self, row: Option<&QueueRow>) {
        let redactor = self.target.client.redactor();
        let Some(trace) = &mut self.queue else { return };
        trace.looks += 1;
        if let Some(row) = row {
            trace.status = Some(row.status.chars().take(64).collect());
            trace.created_at = Some(row.created_at);
            trace.processed_at = row.processed_at;
            trace.retry_count = Some(row.retry_count);
            trace.error_message = row.error_message.as_deref().map(|text| redactor.clean(text));
        }
    }

    /// The followed row as last seen.
    #[must_use]
    pub fn queue(&self) -> Option<&QueueTrace> {
        self.queue.as_ref()
    }

    fn close(&mut self, ok: bool) {
        if let Some((name, offset)) = self.open.take() {
            let took = self.watch.elapsed().saturating_sub(offset);
            self.steps.push(Step { name, offset, took, ok });
        }
    }

    fn cut_off(&mut self) -> Failure {
        let message = format!("cut off after {}", Duration::from(self.timeout));
        self.fail(Reason::Call(crate::memory_api::FailureReason::Timeout), message)
    }

    fn into_outcome(self, kind: &Kind, probe: &str, took: StdDuration, failure: Option<Failure>) -> Outcome {
        Outcome {
            target: self.target.client.name().to_owned(),
            probe: probe.to_owned(),
            kind: kind.name,
            started_at: self.started_at,
            took,
            failure,
            steps: self.steps,
            notes: self.notes,
            chat_id: self.chat_id,
            queue: self.queue,
            update_took: self.update_took,
            exchanges: self.exchanges,
        }
    }
}

/// Who runs, and for how long.
pub(super) struct Job<'a> {
    pub(super) kind: &'static Kind,
    pub(super) probe: &'a dyn Running,
    pub(super) name: &'a str,
    pub(super) target: &'a Target,
    pub(super) timeout: StdDuration,
    /// Whether no other run follows.
    pub(super) once: bool,
}

/// Runs a probe once: under its time-out, then cleans up under another. `None` if `stop` came first; what the
/// run had made is cleaned up then too.
pub(super) async fn execute(job: &Job<'_>, stop: &CancellationToken) -> Option<Outcome> {
    let Job { kind, probe, name, target, .. } = *job;
    let mut run = Run::new(target.clone(), job.timeout, job.once);
    let deadline = run.deadline();
    let result = tokio::select! {
        result = timeout_at(deadline, probe.run(&mut run)) => Some(result),
        () = stop.cancelled() => None,
    };
    let failure = match result {
        Some(Ok(result)) => result.err(),
        Some(Err(_)) => Some(run.cut_off()),
        None => {
            run.close(false);
            run.once = true;
            let _ = timeout(LAST_CLEAN_UP, probe.finish(&mut run)).await;
            return None;
        }
    };
    run.close(true);
    let took = run.watch.elapsed();
    if timeout(CLEAN_UP, probe.finish(&mut run)).await.is_err() {
        run.close(false);
        run.remark("cleaning up took too long and was cut off; a later run goes on with it");
    }
    run.close(true);
    let outcome = run.into_outcome(kind, name, took, failure);
    probe.settle(&outcome);
    Some(outcome)
}
