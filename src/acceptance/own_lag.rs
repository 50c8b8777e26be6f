//! Whether this machine was fit to measure: a time that our own lateness may have made is no evidence against a service.
//!
//! The ticker of `observe` says how late our timers fired while a criterion was judged. Where that is a large part of the
//! time that was promised, a broken promise is not judged instead. A kept one stands: lateness only adds.

use std::time::Duration as StdDuration;

use super::{Area, CriterionResult, FigureValue, Verdict};

/// Lag may be this share of the shortest promised time,
const SHARE: f64 = 0.25;
/// but is never too much below this, in seconds,
const LEAST: f64 = 0.01;
/// and too much above this where no time was promised, because requests then run into their time-outs.
const WITHOUT_TIMES: f64 = 1.0;

/// Takes a verdict back that our own lag may have caused; `lag` is the 99th percentile while it was made.
pub(super) fn allow_for(result: &mut CriterionResult, lag: StdDuration) {
    let timed = matches!(result.area, Area::Performance | Area::Consistency | Area::Faults);
    let (lag, most) = (lag.as_secs_f64(), most(result));
    if timed && result.verdict == Verdict::Fail && lag > most {
        result.verdict = Verdict::NotJudged;
        result.summary = format!(
            "this machine was too busy to tell: its own timers were {:.0} ms late, where {:.0} ms would be fine; {}",
            lag * 1e3,
            most * 1e3,
            result.summary
        );
    }
}

/// How late our timers may be, in seconds.
fn most(result: &CriterionResult) -> f64 {
    let times = result.evidence.figures.iter().filter(|figure| {
        figure.unit == "seconds" && figure.less_is_better && matches!(figure.value, FigureValue::Distribution(_))
    });
    let shortest = times.filter_map(|figure| figure.promised).reduce(f64::min);
    shortest.map_or(WITHOUT_TIMES, |promised| (promised * SHARE).max(LEAST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acceptance::Evidence;
    use crate::model::{Duration, Timestamp};
    use crate::traffic::Distribution;

    fn result(area: Area, verdict: Verdict, promised: Option<f64>) -> CriterionResult {
        let mut evidence = Evidence::default();
        evidence.times("retrieval", Distribution::of_times([StdDuration::from_millis(150)]), promised);
        CriterionResult {
            id: "retrieval-latency".into(),
            area,
            promise: String::new(),
            method: String::new(),
            verdict,
            summary: "1 of 1 took too long".into(),
            evidence,
            began: Timestamp::default(),
            took: Duration::default(),
        }
    }

    fn after(lag_ms: u64, mut result: CriterionResult) -> (Verdict, String) {
        allow_for(&mut result, StdDuration::from_millis(lag_ms));
        (result.verdict, result.summary)
    }

    #[test]
    fn a_slow_service_is_not_blamed_for_a_slow_machine() {
        let (verdict, why) = after(40, result(Area::Performance, Verdict::Fail, Some(0.1)));
        assert_eq!(verdict, Verdict::NotJudged);
        let expected = "this machine was too busy to tell: its own timers were 40 ms late, where 25 ms would be fine; 1 of 1 took too long";
        assert_eq!(why, expected);
        assert_eq!(after(20, result(Area::Performance, Verdict::Fail, Some(0.1))).0, Verdict::Fail);
        assert_eq!(after(400, result(Area::Performance, Verdict::Fail, Some(2.0))).0, Verdict::Fail);
        assert_eq!(after(900, result(Area::Performance, Verdict::Fail, None)).0, Verdict::Fail);
        assert_eq!(after(1100, result(Area::Performance, Verdict::Fail, None)).0, Verdict::NotJudged);
    }

    #[test]
    fn what_was_kept_all_the_same_and_what_is_about_no_time_stands() {
        assert_eq!(after(5000, result(Area::Performance, Verdict::Pass, Some(0.1))).0, Verdict::Pass);
        assert_eq!(after(5000, result(Area::Isolation, Verdict::Fail, None)).0, Verdict::Fail);
    }
}
