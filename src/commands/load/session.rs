//! One run from its first conversation to the last one removed; what is made is removed however it ends.
//!
//! The first Ctrl-C or SIGTERM ends the measurement and cleans up; the second leaves at once.

use std::time::Duration as StdDuration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::acceptance::remove_data;
use crate::commands::guard::Guard;
use crate::commands::{leftovers, remote};
use crate::config::Target;
use crate::model::{Clock, Problem, Stopwatch, Timestamp};
use crate::traffic::report::{Cleanup, Queue, Report, Rows, Run, SearchReport, SearchStep, Sent};
use crate::traffic::search::{Found, Next, Search, Went};
use crate::traffic::{self, Loop, Verdict};

use super::chats::{self, Made};
use super::display::Display;
use super::measure::{Measured, measure};
use super::plan::{How, Plan, constant};
use super::push::Push;
use super::{Arguments, Exit, output};

/// How long removing is tried again.
const REMOVE_FOR: StdDuration = StdDuration::from_secs(120);
/// Conversations whose rows are counted in one statement.
const COUNTED: usize = 20;
/// Between two steps of a search, for what lingers.
const REST: StdDuration = StdDuration::from_secs(1);

/// Runs it, with a guard beside it that removes what it made if this process dies.
pub(super) async fn run(plan: &mut Plan, arguments: &Arguments, target: &Target) -> Result<Report, Exit> {
    share_with_a_daemon(plan, arguments, target).await;
    leftovers::look(target, &plan.run_id, leftovers::LOADS).await;
    let guard = match &plan.database {
        Some(_) if plan.chats > 0 => {
            let guard = Guard::start(&arguments.config, &plan.target, &plan.run_id, None).await;
            Some(guard.map_err(|error| {
                output::talk(&format!("error: {error:#}"));
                Exit::Input
            })?)
        }
        _ => None,
    };
    let cancel = CancellationToken::new();
    tokio::select! {
        report = whole(plan, arguments, &cancel) => {
            // What could not be removed the guard need not try again: it was tried for long, and is told.
            if let Some(guard) = guard {
                guard.done().await;
            }
            report
        }
        () = interrupted(&cancel) => {
            output::talk("left at once; the guard removes what there is");
            Err(Exit::NoVerdict)
        }
    }
}

/// The daemon that watches this target sends as the first user too; its part of that user's limit is left to it.
async fn share_with_a_daemon(plan: &mut Plan, arguments: &Arguments, target: &Target) {
    if plan.pace.requests > 0 && remote::watches(&arguments.config, &target.name).await {
        let shared = target.service.requests_per_minute;
        output::talk(&format!(
            "note: a daemon with this configuration is running and sends as the first user too; up to {shared} requests \
             a minute of that user's limit are left to it"
        ));
        let taken = target.validate.rate_limit.share_of(shared);
        plan.users = plan.users.clone().sharing(taken, plan.pace);
    }
}

/// Returns at the second Ctrl-C or SIGTERM; the first one cancels.
async fn interrupted(cancel: &CancellationToken) {
    let signals = signal(SignalKind::interrupt()).and_then(|first| Ok((first, signal(SignalKind::terminate())?)));
    // Without signals it runs to its end.
    let Ok((mut interrupt, mut terminate)) = signals else { return std::future::pending().await };
    for turn in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if turn == 0 {
            output::talk("stopping and cleaning up; once more to leave at once");
            cancel.cancel();
        }
    }
}

async fn whole(plan: &Plan, arguments: &Arguments, cancel: &CancellationToken) -> Result<Report, Exit> {
    let (began, watch) = (Clock::system().now(), Stopwatch::start());
    let display = Display::new();
    let push = Push::new(plan, arguments.daemon.as_deref(), &arguments.config);
    let made = chats::make(plan, cancel).await;
    let measured = match &made.failure {
        Some(why) => {
            let message = format!("the load could not begin: {why}");
            Err(Box::new(Problem::at("", message).note(format!(
                "{} of {} conversations",
                made.chats.len(),
                plan.chats
            ))))
        }
        None => measurements(plan, &made, &display, &push, cancel).await,
    };
    let mut report = measured.map(|(last, arrivals, search)| compose(plan, &made, began, last, &arrivals, search));
    if let Ok(report) = &mut report {
        report.run.seconds = watch.elapsed().as_secs_f64();
        count(plan, &made, report).await;
    }
    let rows = report.as_ref().map_or(made.seeds, |report| report.sent.accepted + made.seeds);
    let cleanup = remove(plan, &made, rows, &display).await;
    match report {
        Ok(mut report) => {
            report.cleanup = cleanup;
            Ok(report)
        }
        Err(problem) => {
            output::problem(&problem, true, "");
            Err(Exit::NoVerdict)
        }
    }
}

type Measurements = (Measured, Loop, Option<SearchReport>);

async fn measurements(
    plan: &Plan,
    made: &Made,
    display: &Display,
    push: &Push,
    cancel: &CancellationToken,
) -> Result<Measurements, Box<Problem>> {
    match &plan.how {
        How::Once(arrivals) => {
            let measured = measure(plan, arrivals.clone(), &made.chats, display, push, cancel).await?;
            Ok((measured, arrivals.clone(), None))
        }
        How::Search { first, most, step } => {
            let mut search = Search::new(*first, *most);
            let mut steps = Vec::new();
            let mut last: Option<(Measured, Loop)> = None;
            loop {
                let (rate, confirms) = match search.now().clone() {
                    Next::Try(rate) => (rate, false),
                    Next::Confirm(rate) => (rate, true),
                    Next::End(found) => return over(found, steps, last),
                };
                let arrivals = constant(rate, if confirms { *step * 2 } else { *step });
                let measured = measure(plan, arrivals.clone(), &made.chats, display, push, cancel).await?;
                let seen = seen(rate, confirms, &measured);
                display.say(&format!("{rate:>8.1} a second: {:?}", seen.went));
                search.went(seen.went);
                steps.push(seen);
                last = Some((measured, arrivals));
                tokio::select! { () = cancel.cancelled() => {}, () = tokio::time::sleep(REST) => {} }
            }
        }
    }
}

/// The end of a search.
fn over(found: Found, steps: Vec<SearchStep>, last: Option<(Measured, Loop)>) -> Result<Measurements, Box<Problem>> {
    let (measured, arrivals) = last.ok_or_else(|| Box::new(Problem::at("", "no step was made")))?;
    Ok((measured, arrivals, Some(SearchReport { steps, found })))
}

/// How a step of a search went. A service that keeps requests back has not held, even if those that it took were good.
fn seen(rate: f64, confirms: bool, measured: &Measured) -> SearchStep {
    let judged = &measured.judged;
    let went = match judged.verdict {
        Verdict::Kept => Went::Held,
        Verdict::Broken => Went::Broke,
        Verdict::None if judged.slowed => Went::Broke,
        Verdict::None => Went::Void,
    };
    let broken = judged.objectives.iter().filter(|held| !held.held);
    let broken = broken.map(|held| format!("{}: {} of {} {}", held.slo, held.good, held.total, held.measured));
    let sent = Sent::of(&measured.recorder, measured.seconds);
    SearchStep {
        rate,
        confirms,
        went,
        p99: sent.steps.iter().map(|step| step.latency.quantile(0.99)).fold(0.0, f64::max),
        because: broken.chain(judged.remarks.iter().cloned()).collect(),
    }
}

fn compose(
    plan: &Plan,
    made: &Made,
    began: Timestamp,
    last: Measured,
    arrivals: &Loop,
    search: Option<SearchReport>,
) -> Report {
    let sent = Sent::of(&last.recorder, last.seconds);
    let run = Run {
        id: plan.run_id.clone(),
        target: plan.target.clone(),
        url: plan.url.clone(),
        scenario: plan.scenario.name.to_owned(),
        profile: plan.profile.to_owned(),
        stages: Vec::new(),
        closed: None,
        began,
        seconds: last.seconds,
        users: plan.users.all().len(),
        chats: made.chats.len(),
        ignores_rate_limit: plan.ignores_rate_limit,
    };
    Report {
        format: 1,
        memsentry: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.looped(arrivals),
        queue: last.followed.as_ref().map(|followed| Queue::of(followed, sent.accepted)),
        sent,
        judged: last.judged,
        search,
        cleanup: None,
    }
}

/// The rows of a single measurement beside what was sent; of a search only the last step was kept.
async fn count(plan: &Plan, made: &Made, report: &mut Report) {
    let (Some(database), Some(queue), None) = (&plan.database, &mut report.queue, &report.search) else { return };
    let ids: Vec<String> = made.chats.iter().map(|chat| chat.id.clone()).collect();
    match database.tally_of(&ids, COUNTED).await {
        Ok(tally) => queue.rows = Some(Rows::of(tally, report.sent.accepted + made.seeds, report.sent.unclear())),
        Err(error) => output::talk(&format!("warning: the rows of this run could not be counted: {error}")),
    }
}

/// Removes everything, looks again, and says so.
async fn remove(plan: &Plan, made: &Made, rows: u64, display: &Display) -> Option<Cleanup> {
    if plan.chats == 0 {
        return None;
    }
    let Some(database) = plan.database.as_ref().filter(|database| database.may_clean_up()) else {
        display.say(&format!("{} conversations of {} are left, as told", made.chats.len(), plan.run_id));
        return Some(Cleanup { removed: 0, left: Some(made.chats.len() as u64) });
    };
    display.say(&format!("removing what {} made", plan.run_id));
    let known = traffic::remove(database, &made.chats, rows, REMOVE_FOR).await.unwrap_or(0);
    match remove_data(database, REMOVE_FOR).await {
        Ok(sweep) => Some(Cleanup { removed: known + sweep.removed, left: Some(sweep.left) }),
        Err(error) => {
            display.say(&format!(
                "error: what {} made could not be removed: {error}\nhint: memsentry load --clean-up {0}",
                plan.run_id
            ));
            Some(Cleanup { removed: known, left: None })
        }
    }
}
