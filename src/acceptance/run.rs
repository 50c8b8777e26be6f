//! Judges a plan, one criterion after the other.
//!
//! Whatever a criterion does, the run goes on: one that hangs is cut off after a multiple of its estimate, one that
//! panics is caught, and either is *not judged*. What it broke is mended before the next begins. Results are handed
//! over as they come, so that an interrupted run can be resumed.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration as StdDuration;

use futures_util::FutureExt;

use crate::model::{Duration, Stopwatch};

use super::own_lag;
use super::plan::about;
use super::{CriterionResult, Evidence, Finding, Plan, Planned, Scene};

/// A criterion is cut off after so many times its estimate,
const PATIENCE: u32 = 5;
/// and not before this.
const LEAST: StdDuration = StdDuration::from_secs(60);

/// What happens while a plan is judged; for whoever shows or keeps it.
pub enum Event<'a> {
    /// A criterion begins.
    Begins(&'a Planned),
    /// A criterion has its verdict.
    Ended(&'a CriterionResult),
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Judged {
    /// In the order of the plan.
    pub results: Vec<CriterionResult>,
    /// Whether it was ended early; what was not reached is not judged.
    pub interrupted: bool,
    /// Criteria in which memsentry itself failed.
    pub bugs: Vec<&'static str>,
    /// What could not be mended after a criterion; sentences.
    pub unhealed: Vec<String>,
}

/// How the work on one criterion ended.
enum Ending {
    Found(Finding),
    Panicked(Finding),
    Interrupted,
}

/// Judges what `kept` has not judged already. Ends early when the scene is cancelled. `lag` says how late our own
/// timers fired since it was last asked.
pub async fn judge(
    plan: &Plan,
    scene: &Scene,
    kept: &[CriterionResult],
    lag: impl Fn() -> StdDuration,
    tell: impl Fn(Event<'_>),
) -> Judged {
    let mut judged = Judged::default();
    for planned in &plan.criteria {
        if let Some(result) = kept.iter().find(|result| result.id == planned.criterion.id) {
            judged.results.push(result.clone());
            continue;
        }
        if scene.cancel.is_cancelled() {
            judged.interrupted = true;
            judged.results.push(not_reached(planned, scene));
            continue;
        }
        tell(Event::Begins(planned));
        lag();
        let (mut result, ending) = judge_one(planned, scene).await;
        own_lag::allow_for(&mut result, lag());
        if planned.unmet.is_none() && planned.criterion.breaks_things() {
            for failure in scene.healing.undo().await {
                result.evidence.note(format!("what it broke could not be mended at once: {failure}"));
                judged.unhealed.push(format!("{}: {failure}", planned.criterion.id));
            }
        }
        match ending {
            Ending::Interrupted => judged.interrupted = true,
            Ending::Panicked(_) => judged.bugs.push(planned.criterion.id),
            Ending::Found(_) => {}
        }
        // What was interrupted is judged again when the run is resumed, so it is not handed over.
        if !judged.interrupted {
            tell(Event::Ended(&result));
        }
        judged.results.push(result);
    }
    judged
}

async fn judge_one(planned: &Planned, scene: &Scene) -> (CriterionResult, Ending) {
    let (began, watch) = (scene.clock.now(), Stopwatch::start());
    let mut evidence = Evidence::default();
    let ending = match planned.unmet {
        Some(reason) => Ending::Found(Finding::not_judged(reason)),
        None => measure(planned, scene, &mut evidence).await,
    };
    let finding = match &ending {
        Ending::Found(finding) | Ending::Panicked(finding) => finding.clone(),
        Ending::Interrupted => Finding::not_judged("the run was interrupted meanwhile"),
    };
    let mut result = result(planned, finding, evidence);
    result.began = began;
    // As the report's JSON keeps it, so that documents made from that later are the same.
    result.took = Duration::from_millis(u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX));
    (result, ending)
}

async fn measure(planned: &Planned, scene: &Scene, evidence: &mut Evidence) -> Ending {
    let limit = (planned.estimate * PATIENCE).max(LEAST);
    let judging = async { (planned.criterion.judge)(scene, evidence).await };
    let judging = tokio::time::timeout(limit, AssertUnwindSafe(judging).catch_unwind());
    let ended = tokio::select! {
        biased;
        () = scene.cancel.cancelled() => return Ending::Interrupted,
        ended = judging => ended,
    };
    Ending::Found(match ended {
        Ok(Ok(Ok(finding))) => finding,
        Ok(Ok(Err(obstacle))) => Finding::not_judged(obstacle.0),
        Ok(Err(panic)) => {
            let said = said(panic.as_ref());
            let summary = format!("memsentry itself failed here, which is a bug of its own: {said}");
            return Ending::Panicked(Finding::not_judged(summary));
        }
        Err(_) => {
            let (limit, estimate) = (about(limit), about(planned.estimate));
            Finding::not_judged(format!("it was not done after {limit}, where about {estimate} was expected"))
        }
    })
}

fn not_reached(planned: &Planned, scene: &Scene) -> CriterionResult {
    let mut result = result(planned, Finding::not_judged("the run was interrupted before"), Evidence::default());
    result.began = scene.clock.now();
    result
}

fn result(planned: &Planned, finding: Finding, evidence: Evidence) -> CriterionResult {
    let criterion = planned.criterion;
    CriterionResult {
        id: criterion.id.to_owned(),
        area: criterion.area,
        promise: criterion.promise.to_owned(),
        method: criterion.method.to_owned(),
        verdict: finding.verdict,
        summary: finding.summary,
        evidence,
        began: crate::model::Timestamp::default(),
        took: Duration::default(),
    }
}

/// The words of a panic.
fn said(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::fixture::{self, PASSES};
    use super::super::{Criterion, Need, Obstacle, Verdict};
    use super::*;

    fn plan(criteria: &[&'static Criterion]) -> Plan {
        let planned = |criterion: &&'static Criterion| Planned {
            criterion,
            estimate: (criterion.estimate)(&fixture::scene()),
            unmet: None,
        };
        Plan { criteria: criteria.iter().map(planned).collect(), left_out: Vec::new() }
    }

    const HANGS: Criterion = Criterion { id: "hangs", judge: |_, _| Box::pin(std::future::pending()), ..PASSES };
    const PANICS: Criterion = Criterion {
        id: "panics",
        judge: |_, evidence| {
            Box::pin(async {
                evidence.note("seen until then");
                panic!("{}", "an index out of bounds")
            })
        },
        ..PASSES
    };
    const STUMBLES: Criterion = Criterion {
        id: "stumbles",
        judge: |_, _| Box::pin(async { Err(Obstacle::new("no second user is configured")) }),
        ..PASSES
    };
    const CANCELS: Criterion = Criterion {
        id: "cancels",
        judge: |scene, _| {
            Box::pin(async {
                scene.cancel.cancel();
                std::future::pending().await
            })
        },
        ..PASSES
    };
    const BREAKS: Criterion = Criterion {
        id: "breaks",
        needs: &[Need::Faults],
        judge: |scene, _| {
            Box::pin(async {
                scene.healing.faults("http://127.0.0.1:1")?;
                Ok(Finding::pass("it broke"))
            })
        },
        ..PASSES
    };

    #[tokio::test(start_paused = true)]
    async fn nothing_that_a_criterion_does_keeps_the_next_one_from_being_judged() {
        let plan = plan(&[&HANGS, &PANICS, &STUMBLES, &PASSES]);
        let (scene, heard) = (fixture::scene(), RefCell::new(Vec::new()));
        let judged = judge(
            &plan,
            &scene,
            &[],
            || StdDuration::ZERO,
            |event| {
                if let Event::Ended(result) = event {
                    heard.borrow_mut().push(result.id.clone());
                }
            },
        );
        let judged = judged.await;
        let verdicts: Vec<(Verdict, &str)> =
            judged.results.iter().map(|result| (result.verdict, result.summary.as_str())).collect();
        assert_eq!(
            verdicts,
            [
                (Verdict::NotJudged, "it was not done after 60 s, where about 1 s was expected"),
                (Verdict::NotJudged, "memsentry itself failed here, which is a bug of its own: an index out of bounds"),
                (Verdict::NotJudged, "no second user is configured"),
                (Verdict::Pass, "as promised"),
            ]
        );
        assert_eq!(judged.bugs, ["panics"]);
        assert!(!judged.interrupted);
        assert_eq!(judged.results[1].evidence.notes, ["seen until then"]);
        assert_eq!(judged.results[0].took, Duration::from_secs(60));
        assert_eq!(*heard.borrow(), ["hangs", "panics", "stumbles", "passes"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupted_run_keeps_what_it_has_and_hands_over_nothing_that_is_half_done() {
        let plan = plan(&[&STUMBLES, &CANCELS, &PASSES]);
        let (scene, heard) = (fixture::scene(), RefCell::new(0));
        let kept = [fixture::result("stumbles")];
        let judged = judge(
            &plan,
            &scene,
            &kept,
            || StdDuration::ZERO,
            |event| {
                if let Event::Ended(_) = event {
                    *heard.borrow_mut() += 1;
                }
            },
        );
        let judged = judged.await;
        assert!(judged.interrupted && judged.bugs.is_empty());
        assert_eq!(*heard.borrow(), 0);
        let found: Vec<(&str, Verdict)> =
            judged.results.iter().map(|result| (result.summary.as_str(), result.verdict)).collect();
        assert_eq!(found[0], ("s", Verdict::Pass), "what was judged before is not judged again");
        assert_eq!(found[1], ("the run was interrupted meanwhile", Verdict::NotJudged));
        assert_eq!(found[2], ("the run was interrupted before", Verdict::NotJudged));
    }

    #[tokio::test]
    async fn what_a_criterion_broke_is_mended_after_it_and_a_failure_to_is_said() {
        let judged = judge(&plan(&[&BREAKS]), &fixture::scene(), &[], || StdDuration::ZERO, |_| {}).await;
        assert_eq!(judged.results[0].verdict, Verdict::Pass);
        assert!(judged.unhealed[0].starts_with("breaks: the faults endpoint: "), "{:?}", judged.unhealed);
        assert!(judged.results[0].evidence.notes[0].contains("could not be mended"));
    }
}
