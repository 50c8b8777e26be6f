//! What a person sees before and while criteria are judged, on standard error: the plan, then bars on a terminal and
//! plain lines elsewhere.

use std::cell::{Cell, RefCell};
use std::io::IsTerminal;
use std::time::Duration as StdDuration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::acceptance::plan::about;
use crate::acceptance::{CriterionResult, Event, Plan, Planned, Scene, Verdict};
use crate::commands::output;
use crate::model::Stopwatch;

/// How often bars are drawn.
const DRAW: StdDuration = StdDuration::from_millis(200);
/// Where there are no bars, a criterion that takes longer is announced.
const LONG: StdDuration = StdDuration::from_secs(20);

/// Says what is going to be done, and what of it `kept` has already.
pub(super) fn plan(plan: &Plan, scene: &Scene, kept: &[CriterionResult]) {
    let users = scene.users.all().len();
    let users = if users == 1 { "one user".to_owned() } else { format!("{users} users") };
    let database = if scene.database.is_some() { "with" } else { "without" };
    output::talk(&format!("{} judges {}: {users}, {database} its database", scene.run_id, scene.target));
    let width = plan.criteria.iter().map(|planned| planned.criterion.id.len()).max().unwrap_or(0);
    for Planned { criterion, estimate, unmet } in &plan.criteria {
        let (time, said) = match (unmet, kept.iter().find(|result| result.id == criterion.id)) {
            (_, Some(result)) => ("-".to_owned(), format!("{} already", result.verdict.as_str())),
            (Some(reason), None) => ("-".to_owned(), format!("will not be judged: {reason}")),
            (None, None) => (about(*estimate), criterion.promise.to_owned()),
        };
        output::talk(&format!("  {:<width$}  {time:>7}  {said}", criterion.id));
    }
    let possible = plan.criteria.iter().filter(|planned| planned.unmet.is_none()).count();
    let (all, time) = (plan.criteria.len(), about(plan.estimate().saturating_sub(passed(plan, kept))));
    output::talk(&format!("{possible} of {all} criteria can be judged, in about {time}"));
    if !plan.left_out.is_empty() {
        output::talk(&format!("{} criteria are left out, as asked", plan.left_out.len()));
    }
    if !scene.database.as_ref().is_some_and(crate::queue::Database::may_clean_up) {
        output::talk(
            "warning: the conversations that this makes will stay, because memsentry may not remove them\n\
             hint: targets[].database with cleanup: true",
        );
    }
}

/// What was estimated for what is judged already.
fn passed(plan: &Plan, kept: &[CriterionResult]) -> StdDuration {
    let is_kept = |planned: &&Planned| kept.iter().any(|result| result.id == planned.criterion.id);
    plan.criteria.iter().filter(is_kept).map(|planned| planned.estimate).sum()
}

/// Follows a run.
pub(super) struct Progress {
    bars: Option<Bars>,
    total: usize,
    /// Criteria that are done.
    done: Cell<usize>,
    /// The criterion at hand: its id, its estimate, since when.
    now: RefCell<Option<(&'static str, StdDuration, Stopwatch)>>,
    /// Estimates of the criteria that are done.
    passed: Cell<StdDuration>,
    whole: StdDuration,
    began: Stopwatch,
}

struct Bars {
    both: MultiProgress,
    run: ProgressBar,
    criterion: ProgressBar,
}

impl Progress {
    /// Of a plan of which some criteria are judged already.
    pub(super) fn new(plan: &Plan, kept: &[CriterionResult]) -> Self {
        let bars = std::io::stderr().is_terminal().then(Bars::new);
        Self {
            bars,
            total: plan.criteria.len(),
            done: Cell::new(kept.len()),
            now: RefCell::new(None),
            passed: Cell::new(passed(plan, kept)),
            whole: plan.estimate(),
            began: Stopwatch::start(),
        }
    }

    /// Takes note.
    pub(super) fn hear(&self, event: &Event<'_>) {
        match event {
            Event::Begins(planned) => {
                let (id, estimate) = (planned.criterion.id, planned.estimate);
                *self.now.borrow_mut() = Some((id, estimate, Stopwatch::start()));
                if self.bars.is_none() && estimate > LONG {
                    let place = self.place(self.done.get() + 1);
                    self.say(&format!("{place} …           {id}, about {}", about(estimate)));
                }
            }
            Event::Ended(result) => {
                self.done.set(self.done.get() + 1);
                if let Some((_, estimate, _)) = self.now.borrow_mut().take() {
                    self.passed.set(self.passed.get() + estimate);
                }
                let verdict = match result.verdict {
                    Verdict::Fail => "FAIL",
                    other => other.as_str(),
                };
                let (place, took) = (self.place(self.done.get()), result.took.std().as_secs_f64());
                let summary = output::inert(&result.summary);
                self.say(&format!("{place} {verdict:<10}  {} ({took:.1} s): {summary}", result.id));
            }
        }
        self.draw();
    }

    /// Draws for ever.
    pub(super) async fn turn(&self) {
        loop {
            tokio::time::sleep(DRAW).await;
            self.draw();
        }
    }

    /// The criteria are done.
    pub(super) fn cleaning(&self) {
        if let Some(bars) = &self.bars {
            bars.run.finish_and_clear();
            bars.criterion.finish_and_clear();
        }
    }

    fn place(&self, number: usize) -> String {
        let digits = self.total.to_string().len();
        format!("[{number:>digits$}/{}]", self.total)
    }

    fn say(&self, line: &str) {
        match &self.bars {
            // A terminal that went away needs no lines.
            Some(bars) => drop(bars.both.println(line)),
            None => output::talk(line),
        }
    }

    fn draw(&self) {
        let Some(bars) = &self.bars else { return };
        let mut passed = self.passed.get();
        if let Some((id, estimate, since)) = &*self.now.borrow() {
            let gone = since.elapsed();
            passed += gone.min(*estimate);
            fill(&bars.criterion, gone.min(*estimate), *estimate);
            bars.criterion.set_message(format!("{id}, {} of about {}", about(gone), about(*estimate)));
        }
        fill(&bars.run, passed, self.whole);
        let left = about(self.whole.saturating_sub(passed));
        let (done, all, gone) = (self.done.get(), self.total, about(self.began.elapsed()));
        bars.run.set_message(format!("{done} of {all} criteria, {gone} gone, about {left} left"));
    }
}

fn fill(bar: &ProgressBar, part: StdDuration, whole: StdDuration) {
    let millis = |time: StdDuration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    bar.set_length(millis(whole).max(1));
    bar.set_position(millis(part));
}

impl Bars {
    fn new() -> Self {
        let both = MultiProgress::new();
        let style = ProgressStyle::with_template("{bar:30} {wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▌░");
        let add = || both.add(ProgressBar::new(1).with_style(style.clone()));
        let (run, criterion) = (add(), add());
        Self { both, run, criterion }
    }
}
