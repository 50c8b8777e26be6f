//! Go or no-go, and under which conditions.

use super::assumptions::{Standing, assumptions};
use super::words::{counted, inert};
use super::{Report, Verdict};

/// What follows from a validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// Whether to go live, as far as was judged.
    pub go: bool,
    /// The recommendation with the numbers that decided, as a sentence.
    pub sentence: String,
    /// What it depends on and what is not covered by it, each a sentence.
    pub conditions: Vec<String>,
}

impl Recommendation {
    /// Of a finished validation. What was not judged never counts for a go.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self { go: report.is_ready(), sentence: sentence(report), conditions: conditions(report) }
    }
}

fn sentence(report: &Report) -> String {
    let [pass, fail, open] = [Verdict::Pass, Verdict::Fail, Verdict::NotJudged].map(|verdict| report.count(verdict));
    let judged = pass + fail;
    let not_judged = match open {
        0 => String::new(),
        open => format!(" {} could not be judged.", counted(open, "further promise", "further promises")),
    };
    let partial = open > 0 || !report.left_out.is_empty();
    match (pass, fail) {
        (_, 0) if report.interrupted => {
            let kept = counted(pass, "promise was", "promises were");
            format!("No go yet: the run was interrupted; {kept} found kept until then.{not_judged}")
        }
        (0, 0) => format!("No go: nothing could be judged.{not_judged}"),
        (_, 0) if partial => {
            let all = counted(judged, "judged promise is", "judged promises are");
            format!(
                "Go, as far as was judged: {} kept.{not_judged}",
                if judged == 1 { all } else { format!("all {all}") }
            )
        }
        (_, 0) => format!(
            "Go: {} kept.",
            if judged == 1 { "the promise is".into() } else { format!("all {judged} promises are") }
        ),
        (_, fail) => format!(
            "No go: {fail} of {} {} broken.{not_judged}",
            counted(judged, "judged promise", "judged promises"),
            if fail == 1 { "is" } else { "are" }
        ),
    }
}

fn conditions(report: &Report) -> Vec<String> {
    let mut conditions = Vec::new();
    if report.interrupted {
        conditions.push("The run was ended before everything that was asked for had been judged.".to_owned());
    }
    if !report.left_out.is_empty() {
        let ids: Vec<String> = report.left_out.iter().map(|id| inert(id)).collect();
        let count = counted(ids.len(), "criterion was", "criteria were");
        conditions.push(format!("{count} left out on request: {}.", ids.join(", ")));
    }
    let open: Vec<String> = report.ended(Verdict::NotJudged).map(|result| inert(&result.id)).collect();
    if !open.is_empty() {
        conditions.push(format!("Nothing is known about {}: not judged is no pass.", open.join(", ")));
    }
    let doubtful = assumptions(report).into_iter().filter(|assumption| assumption.standing == Standing::Refuted);
    conditions
        .extend(doubtful.map(|assumption| format!("It does not hold that {}: {}.", assumption.what, assumption.why)));
    conditions
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture::ready;
    use super::*;

    #[test]
    fn a_run_that_was_interrupted_is_no_go_however_well_it_went() {
        let whole = ready();
        assert!(Recommendation::of(&whole).go);
        let told = Recommendation::of(&Report { interrupted: true, ..whole });
        assert!(!told.go && told.sentence.starts_with("No go yet: the run was interrupted; "), "{}", told.sentence);
    }
}
