//! Runs that differ and runs that do not.

use std::time::Duration as StdDuration;

use proptest::prelude::*;

use super::super::tests::fixture;
use super::*;
use crate::acceptance::FigureValue;
use crate::traffic::Distribution;

fn figure<'a>(report: &'a mut Report, id: &str, name: &str) -> &'a mut Figure {
    let result = report.results.iter_mut().find(|result| result.id == id).expect("the criterion");
    result.evidence.figures.iter_mut().find(|figure| figure.name == name).expect("the figure")
}

#[test]
fn a_run_compared_with_itself_has_no_difference() {
    let report = fixture::rich();
    let comparison = compare(&report, &report);
    assert_eq!((comparison.changes.as_slice(), comparison.incomparable.len()), (&[][..], 1), "{comparison:?}");
    assert!(comparison.incomparable[0].why.contains("too few"), "{comparison:?}");
    assert!(comparison.within_noise > 20, "{comparison:?}");
    assert!(comparison.sentence().starts_with("Nothing changed beyond noise"));
}

#[test]
fn what_moved_beyond_its_interval_is_told_with_its_direction() {
    let old = fixture::rich();
    let mut new = old.clone();
    figure(&mut new, "update-latency", "update visible").value = FigureValue::Distribution(Distribution::of_times(
        (0..400).map(|n| StdDuration::from_micros(2_400_000 + n * 1000)),
    ));
    figure(&mut new, "memory-continuity", "facts kept").value = FigureValue::Share { part: 60, whole: 120 };
    let result = new.results.iter_mut().find(|result| result.id == "user-isolation").expect("it");
    result.verdict = Verdict::Pass;
    result.evidence.cases[0].ok = Some(true);
    let comparison = compare(&old, &new);
    let told = comparison.lines().join("\n");
    for part in [
        "worse   update-latency: update visible median",
        "worse   memory-continuity: facts kept",
        "better  user-isolation: pass, was fail",
        "better  user-isolation: case",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    let back = compare(&new, &old);
    assert_eq!((back.better(), back.worse()), (comparison.worse(), comparison.better()));
}

#[test]
fn little_moves_are_noise() {
    let old = fixture::rich();
    let mut new = old.clone();
    figure(&mut new, "memory-continuity", "facts kept").value = FigureValue::Share { part: 117, whole: 120 };
    figure(&mut new, "recovers-from-agent-hang", "recovery").value = FigureValue::Number(3.3);
    assert_eq!(compare(&old, &new).changes, []);
}

#[test]
fn what_one_run_did_not_judge_is_neither_better_nor_worse() {
    let old = fixture::rich();
    let mut new = old.clone();
    let result = new.results.iter_mut().find(|result| result.id == "user-isolation").expect("it");
    result.verdict = Verdict::NotJudged;
    result.evidence = crate::acceptance::Evidence::default();
    let comparison = compare(&old, &new);
    assert_eq!((comparison.better(), comparison.worse(), comparison.changes.len()), (0, 0, 1));
    let why = "not compared: user-isolation: one of the runs did not judge it";
    assert!(comparison.lines().iter().any(|line| line.starts_with(why)), "{comparison:?}");
    assert!(comparison.sentence().ends_with("1 changed in what is known."), "{}", comparison.sentence());
}

#[test]
fn cases_of_one_name_that_changed_alike_are_told_once() {
    let mut old = fixture::rich();
    let again = old.results[1].evidence.cases[0].clone();
    old.results[1].evidence.cases.push(again);
    let mut new = old.clone();
    new.results[1].evidence.cases.iter_mut().for_each(|case| case.ok = case.ok.map(|_| true));
    let comparison = compare(&old, &new);
    let told = comparison.told(Direction::Better);
    assert!(told.len() == 1 && told[0].1.ends_with("(2 of that name)"), "{told:?}");
    assert_eq!(comparison.better(), 2);
}

#[test]
fn what_cannot_be_compared_is_named_with_the_reason() {
    let old = fixture::rich();
    let mut new = old.clone();
    new.promised.update_visible_seconds = 5.0;
    new.target.version = Some("9.9".into());
    figure(&mut new, "update-latency", "update visible").promised = Some(5.0);
    figure(&mut new, "update-latency", "accept").unit = "updates".into();
    figure(&mut new, "memory-continuity", "facts kept").value = FigureValue::Number(1.0);
    new.results.retain(|result| result.id != "queue-fifo");
    let told = compare(&old, &new).lines().join("\n");
    for part in [
        "not compared: queue-fifo: only the earlier run has this criterion",
        "not compared: update-latency, update visible: its bound is another one",
        "not compared: update-latency, accept: its unit or its meaning is another one",
        "not compared: memory-continuity, facts kept: it was measured as something else",
        "mind: Another promise (update visible, seconds): 2 then, 5 now.",
        "mind: The service has another version",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
}

proptest! {
    // Histograms are slow without optimisation.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_was_measured_is_the_same_as_itself_and_opposite_in_reverse(
        micros in prop::collection::vec(1_u64..5_000_000, 0..600),
        other in prop::collection::vec(1_u64..5_000_000, 0..600),
        part in 0_u64..500,
        number in -1e6_f64..1e6,
    ) {
        let base = fixture::rich();
        let with = |micros: &[u64], number: f64| {
            let mut report = base.clone();
            let times = micros.iter().copied().map(StdDuration::from_micros);
            figure(&mut report, "update-latency", "update visible").value = FigureValue::Distribution(Distribution::of_times(times));
            figure(&mut report, "memory-continuity", "facts kept").value = FigureValue::Share { part, whole: part + micros.len() as u64 };
            figure(&mut report, "recovers-from-agent-hang", "recovery").value = FigureValue::Number(number);
            report
        };
        let (one, two) = (with(&micros, number), with(&other, -number));
        prop_assert_eq!(compare(&one, &one).changes, vec![]);
        let (there, back) = (compare(&one, &two), compare(&two, &one));
        prop_assert_eq!((there.better(), there.worse()), (back.worse(), back.better()));
        prop_assert_eq!(there.within_noise, back.within_noise);
    }
}
