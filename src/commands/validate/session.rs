//! One run: guard first, then the criteria with somebody watching, then everything removed, whatever happened.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration as StdDuration;

use crate::acceptance::journal::{self, Header, JOURNAL, Journal, Kept};
use crate::acceptance::{Circumstances, Event, Judged, Observer, Plan, Report, Scene, assemble, judge, remove_data};
use crate::commands::guard::Guard;
use crate::commands::{Exit, output};
use crate::config::Target;
use crate::model::{Problem, Timestamp};

use super::display::Progress;
use super::stage::refused;
use super::{Arguments, leftovers};

/// How long the run tries to remove its own data.
const REMOVE_FOR: StdDuration = StdDuration::from_secs(30);

/// How long requests that were cut off may still be on their way.
const SETTLE: StdDuration = StdDuration::from_millis(500);

/// A run that has ended.
pub(super) struct Ended {
    pub(super) report: Report,
    /// Criteria in which memsentry itself failed.
    pub(super) bugs: Vec<&'static str>,
}

/// The interrupted run in the report's folder, if it is to be resumed.
pub(super) fn kept(arguments: &Arguments) -> Result<Option<Kept>, Exit> {
    let Some(folder) = arguments.report_dir.as_deref().filter(|_| arguments.resume) else { return Ok(None) };
    let place = folder.join(JOURNAL).display().to_string();
    match journal::read(folder) {
        Ok(Some(kept)) => Ok(Some(kept)),
        Ok(None) => {
            Err(refused(&Problem::at("--resume", format!("there is no interrupted run in {}", folder.display()))))
        }
        Err(error) => Err(refused(&Problem::at("--resume", format!("{place}: {error}")))),
    }
}

/// Does it all.
pub(super) async fn run(
    arguments: &Arguments,
    target: &Target,
    mut scene: Scene,
    plan: &Plan,
    kept: Option<Kept>,
) -> Result<Ended, Exit> {
    let mut header = Header::of(&scene, plan, &target.service.url);
    if let Some(kept) = &kept {
        may_go_on(&kept.header, &header)?;
        header.began = kept.header.began;
    }
    let guard = guard(arguments, &scene).await?;
    if let Some(guard) = &guard {
        scene.healing = guard.healing();
    }
    // Only now the folder is ours, and what the interrupted run wrote last is in it.
    let kept = if kept.is_some() { self::kept(arguments)? } else { None };
    let journal = journal(arguments, &header, kept.is_some())?;
    leftovers::look(target, &scene.run_id, leftovers::VALIDATIONS).await;
    let version = scene.users.first().client().health().await.ok().and_then(|health| health.value.version);

    let observer = Observer::continuing(kept.as_ref().map(|kept| kept.timeline.clone()).unwrap_or_default());
    let results = kept.as_ref().map(|kept| kept.results.clone()).unwrap_or_default();
    let progress = Progress::new(plan, &results);
    let judged = {
        let written = kept.as_ref().and_then(|kept| kept.timeline.last()).map(|point| point.at);
        let keeper = Keeper { journal: RefCell::new(journal), observer: &observer, written: RefCell::new(written) };
        let judging = judge(
            plan,
            &scene,
            &results,
            || observer.recent_lag(),
            |event| {
                progress.hear(&event);
                if let Event::Ended(_) = event {
                    keeper.keep(&event);
                }
            },
        );
        let judged = tokio::select! {
            judged = judging => judged,
            () = observer.watch(&scene) => Judged::default(),
            () = progress.turn() => Judged::default(),
        };
        if !judged.interrupted {
            keeper.end();
        }
        judged
    };
    progress.cleaning();
    let (timeline, interference) = observer.finish(&scene).await;
    if judged.interrupted {
        // What was just sent may still arrive.
        tokio::time::sleep(SETTLE).await;
    }
    let left_behind = clean(&scene).await;
    if let Some(guard) = guard {
        guard.done().await;
    }
    let bugs = judged.bugs.clone();
    let seen = Circumstances { version, resumed: kept.is_some(), timeline, interference, left_behind };
    Ok(Ended { report: assemble(header, judged, seen, &scene), bugs })
}

fn may_go_on(was: &Header, is: &Header) -> Result<(), Exit> {
    let differences = was.differences(is);
    if differences.is_empty() {
        return Ok(());
    }
    let problem = Problem::at("--resume", format!("run {} cannot go on as another", was.run_id));
    let problem = differences.into_iter().fold(problem, Problem::note);
    Err(refused(&problem.hint("begin anew without --resume")))
}

/// The guard, if there is anything to guard: data that can be removed, or something to mend.
async fn guard(arguments: &Arguments, scene: &Scene) -> Result<Option<Guard>, Exit> {
    let folder = arguments.report_dir.as_deref();
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    }
    if scene.database.is_none() && !scene.chaos_allowed && folder.is_none() {
        return Ok(None);
    }
    let lock = folder.map(|folder| folder.join(JOURNAL));
    let guard = Guard::start(&arguments.config, &scene.target, &scene.run_id, lock).await;
    guard.map(Some).map_err(|error| {
        output::talk(&format!("error: {error:#}"));
        Exit::Input
    })
}

fn journal(arguments: &Arguments, header: &Header, resumed: bool) -> Result<Option<Journal>, Exit> {
    let Some(folder) = arguments.report_dir.as_deref() else { return Ok(None) };
    let journal = if resumed { Journal::resume(folder) } else { Journal::begin(folder, header) };
    journal.map(Some).map_err(|error| unusable(folder, &error))
}

fn unusable(folder: &Path, error: &std::io::Error) -> Exit {
    refused(&Problem::at("--report-dir", format!("{}: {error}", folder.display())))
}

/// Mends and removes everything. Answers how many conversations are left, if somebody could look.
async fn clean(scene: &Scene) -> Option<u64> {
    for failure in scene.healing.undo().await {
        output::talk(&format!("warning: what was broken could not be mended: {failure}"));
    }
    let Some(database) = &scene.database else {
        output::talk(&format!("note: without a database the conversations of {} cannot be removed", scene.run_id));
        return None;
    };
    match remove_data(database, REMOVE_FOR).await {
        Ok(sweep) if sweep.left == 0 => {
            output::talk(&format!("removed all {} conversations of the run; none is left", sweep.removed));
            Some(0)
        }
        Ok(sweep) => {
            let (left, run) = (sweep.left, &scene.run_id);
            output::talk(&format!("warning: {left} conversations of {run} are left behind"));
            output::talk(&format!("hint: set targets[].database.cleanup, then memsentry validate --clean-up {run}"));
            Some(left)
        }
        Err(error) => {
            let run = &scene.run_id;
            output::talk(&format!("warning: the conversations of {run} could not be removed: {error}"));
            output::talk(&format!("hint: memsentry validate --clean-up {run}"));
            None
        }
    }
}

/// Writes results down as they come.
struct Keeper<'a> {
    journal: RefCell<Option<Journal>>,
    observer: &'a Observer,
    /// The last point of the timeline that was written.
    written: RefCell<Option<Timestamp>>,
}

impl Keeper<'_> {
    fn keep(&self, event: &Event<'_>) {
        let Event::Ended(result) = event else { return };
        let mut journal = self.journal.borrow_mut();
        let Some(open) = journal.as_mut() else { return };
        let points = self.observer.points_after(*self.written.borrow());
        if let Some(last) = points.last() {
            *self.written.borrow_mut() = Some(last.at);
        }
        if let Err(error) = open.add(result, points) {
            output::talk(&format!("warning: results cannot be kept, so the run cannot be resumed: {error}"));
            *journal = None;
        }
    }

    /// The run came to its end.
    fn end(&self) {
        if let Some(Err(error)) = self.journal.borrow_mut().take().map(Journal::end) {
            output::talk(&format!("warning: the journal of the run cannot be removed: {error}"));
        }
    }
}
