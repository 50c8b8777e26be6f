//! One task per probe and target: waits for the next start, runs, records. Nothing is shared between them that
//! could make one wait for another, except a target's own budget and connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration as StdDuration;

use tokio_util::sync::CancellationToken;

use crate::model::task::Task;
use crate::model::{Clock, Problem, Timestamp};

use super::history::History;
use super::kind::{Kind, Running, Target};
use super::metrics::Series;
use super::outcome::{Failure, Outcome, Reason};
use super::run::{Job, execute};
use super::schedule::Schedule;
use super::{Context, Settings};

/// A probe with everything that its task needs; outlives a panic of the task.
struct Seat {
    kind: &'static Kind,
    name: String,
    probe: Box<dyn Running>,
    target: Target,
    timeout: StdDuration,
    schedule: Schedule,
    series: Series,
    history: History,
    clock: Clock,
    /// Whether a run is under way; still set when the task is started again means that it panicked.
    running: AtomicBool,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    start: Option<Timestamp>,
    reason: Option<Reason>,
}

/// The tasks of all probes, one for each target.
///
/// # Errors
/// Every mistake in the entries, as [`super::problems`] finds them.
pub fn tasks(entries: &[Settings], context: &Context) -> Result<Vec<Task>, Vec<Problem>> {
    let targets: Vec<&str> = context.clients.keys().map(String::as_str).collect();
    let problems = super::problems(entries, &targets);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut tasks = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        for target in targets.iter().filter(|target| entry.applies_to(target)) {
            let seat = seat(entry, target, context).map_err(|problems| below(at, problems))?;
            let (seat, cancel) = (Arc::new(seat), context.cancel.clone());
            tasks.push(Task::new("probe", move || probing(Arc::clone(&seat), cancel.clone())));
        }
    }
    Ok(tasks)
}

fn below(at: usize, problems: Vec<Problem>) -> Vec<Problem> {
    problems.into_iter().map(|problem| problem.below(&format!("[{at}]"))).collect()
}

fn seat(entry: &Settings, target: &str, context: &Context) -> Result<Seat, Vec<Problem>> {
    let kind = Kind::find(&entry.kind).ok_or_else(|| vec![Kind::unknown(&entry.kind)])?;
    let client =
        context.clients.get(target).ok_or_else(|| vec![Problem::at("targets", format!("unknown {target:?}"))])?;
    let pointed = Target {
        client: client.clone(),
        database: context.databases.get(target).cloned(),
        instance: context.instance.clone(),
        registry: context.registry.clone(),
        clock: context.clock.clone(),
    };
    Ok(Seat {
        kind,
        name: entry.name().to_owned(),
        probe: (kind.start)(entry.settings.as_ref(), entry.name(), &pointed)?,
        target: pointed,
        timeout: entry.timeout().std(),
        schedule: Schedule::new(entry.interval(), target, entry.name()),
        series: Series::new(&context.registry, kind, target, entry.name()),
        history: context.history.clone(),
        clock: context.clock.clone(),
        running: AtomicBool::new(false),
        last: Mutex::default(),
    })
}

/// Runs a probe once and answers with its outcome; for the terminal.
///
/// # Errors
/// Every mistake in the entry.
pub async fn run_once(entry: &Settings, target: &Target) -> Result<Outcome, Vec<Problem>> {
    let problems = super::problems(std::slice::from_ref(entry), &[target.client.name()]);
    if !problems.is_empty() {
        return Err(below_entry(problems));
    }
    let kind = Kind::find(&entry.kind).ok_or_else(|| vec![Kind::unknown(&entry.kind)])?;
    let probe = (kind.start)(entry.settings.as_ref(), entry.name(), target)?;
    let timeout = entry.timeout().std();
    let job = Job { kind, probe: probe.as_ref(), name: entry.name(), target, timeout, once: true };
    execute(&job, &CancellationToken::new()).await.ok_or_else(|| vec![Problem::at("", "the run was stopped")])
}

/// Paths of a single entry, without its place in a list.
fn below_entry(problems: Vec<Problem>) -> Vec<Problem> {
    problems
        .into_iter()
        .map(|mut problem| {
            problem.path = problem.path.trim_start_matches("[0].").to_owned();
            problem
        })
        .collect()
}

async fn probing(seat: Arc<Seat>, cancel: CancellationToken) {
    if seat.running.swap(false, Ordering::SeqCst) {
        seat.record(seat.panicked());
    }
    loop {
        let wait = seat.wait();
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        seat.begin();
        let Some(outcome) = execute(&seat.job(), &cancel).await else { return };
        seat.running.store(false, Ordering::SeqCst);
        seat.record(outcome);
    }
}

impl Seat {
    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) -> StdDuration {
        match self.last().start {
            None => self.schedule.first_wait(),
            Some(last) => {
                let now = self.clock.now();
                self.schedule.next(last, now, rand::random()).since(now)
            }
        }
    }

    fn job(&self) -> Job<'_> {
        Job {
            kind: self.kind,
            probe: self.probe.as_ref(),
            name: &self.name,
            target: &self.target,
            timeout: self.timeout,
            once: false,
        }
    }

    fn begin(&self) {
        self.running.store(true, Ordering::SeqCst);
        self.last().start = Some(self.clock.now());
    }

    fn panicked(&self) -> Outcome {
        Outcome {
            target: self.target.client.name().to_owned(),
            probe: self.name.clone(),
            kind: self.kind.name,
            started_at: self.last().start.unwrap_or_else(|| self.clock.now()),
            took: StdDuration::ZERO,
            failure: Some(Failure {
                reason: Reason::Internal,
                step: self.kind.steps.first().copied().unwrap_or(""),
                message: "the probe panicked; memsentry's log has it".to_owned(),
            }),
            steps: Vec::new(),
            notes: Vec::new(),
            chat_id: None,
            queue: None,
            update_took: None,
            exchanges: Vec::new(),
        }
    }

    fn record(&self, outcome: Outcome) {
        let outcome = Arc::new(outcome);
        self.series.record(&outcome, self.clock.now());
        self.history.record(&outcome);
        let reason = outcome.failure.as_ref().map(|failure| failure.reason);
        let before = std::mem::replace(&mut self.last().reason, reason);
        match (&outcome.failure, before) {
            (Some(failure), _) => tracing::warn!(
                target = outcome.target,
                probe = outcome.probe,
                reason = failure.reason.as_str(),
                step = failure.step,
                error = failure.message,
                "probe failed"
            ),
            (None, Some(_)) => tracing::info!(target = outcome.target, probe = outcome.probe, "probe succeeds again"),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::memory_api::{self, Client};
    use crate::metrics::{Registry, write_text};
    use crate::model::Secret;

    #[tokio::test(start_paused = true)]
    async fn a_run_that_panicked_is_an_internal_failure_and_says_nothing_about_the_service() {
        let (registry, clock) = (Registry::new(), Clock::manual(Timestamp::from_seconds(1.7e9)));
        let token = Some(Secret::new("token".into()));
        let at = memory_api::Settings { token, ..memory_api::Settings::new("http://127.0.0.1:1") };
        let client = Client::new("main", &at, &registry, clock.clone()).unwrap();
        let cancel = CancellationToken::new();
        let context = Context {
            instance: "it".into(),
            clients: BTreeMap::from([("main".to_owned(), client)]),
            databases: BTreeMap::new(),
            history: History::new(),
            registry: registry.clone(),
            clock,
            cancel: cancel.clone(),
        };
        let seat = Arc::new(seat(&Settings::new("health"), "main", &context).unwrap());
        seat.begin();
        cancel.cancel();
        probing(Arc::clone(&seat), cancel).await;
        let failures = context.history.failures("main", "health");
        assert_eq!(failures[0].failure.as_ref().unwrap().reason, Reason::Internal);
        let text = write_text(&registry.gather());
        assert!(text.contains("failures_total{probe=\"health\",reason=\"internal\",target=\"main\"} 1"), "{text}");
        assert!(!text.contains("chat_memory_probe_success{"), "{text}");
    }
}
