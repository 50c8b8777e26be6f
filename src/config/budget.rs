//! Whether a target's request budget is enough for the probes that run against it.

use crate::model::{Duration, Problem};
use crate::probes::Kind;

use super::Config;

/// Intervals that a probe may have.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);

/// Targets whose `requests_per_minute` is less than what their probes need while all is well.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, target) in config.targets.iter().enumerate() {
        let allowed = f64::from(target.service.requests_per_minute);
        let probes = config.probes.iter().filter(|probe| probe.applies_to(&target.name));
        let mut terms = Vec::new();
        let mut needed = 0.0;
        for probe in probes {
            let (interval, each) = (probe.interval(), Kind::find(&probe.kind).map_or(0, |kind| kind.requests));
            // An interval that is refused says nothing about the budget.
            if each > 0 && (SHORTEST..=LONGEST).contains(&interval) {
                let per_minute = f64::from(each) * 60.0 / interval.std().as_secs_f64();
                needed += per_minute;
                terms.push(format!("{}: {} ({each} every {interval})", probe.name(), shown(per_minute)));
            }
        }
        // 0 lifts the budget.
        if allowed > 0.0 && needed > allowed {
            let message =
                format!("{} a minute are fewer than the {} that its probes need", shown(allowed), shown(needed));
            let problem = Problem::at(format!("targets[{index}].service.requests_per_minute"), message);
            let problem = problem.note(format!("while all is well: {}", terms.join(" + ")));
            problems.push(problem.hint("run the probes less often, or allow more (the service refuses more than 100)"));
        }
    }
    problems
}

/// Without digits that say nothing.
fn shown(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
