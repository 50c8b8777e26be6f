//! Ids of runs, and what earlier runs left behind: removed when it is old, offered when it is not.

use std::time::Duration as StdDuration;

use crate::acceptance::remove_data;
use crate::config::Target;
use crate::model::{Problem, Timestamp};
use crate::queue::Database;

use super::{Exit, output};

/// What ids of validations begin with.
pub(super) const VALIDATIONS: &str = "validate-";
/// What ids of loads begin with.
pub(super) const LOADS: &str = "load-";
/// Runs whose data may be removed by their id. What the daemon's probes made has other marks.
const RUNS: [&str; 2] = [VALIDATIONS, LOADS];
/// What is older belongs to no run any more, in seconds.
const OLD: f64 = 3600.0;
/// How long removal is tried.
const REMOVE_FOR: StdDuration = StdDuration::from_secs(60);

/// Removes what this run left, and says how much.
pub(super) async fn clean_up(target: &Target, run_id: &str) -> Exit {
    if !RUNS.iter().any(|prefix| run_id.starts_with(prefix)) {
        let problem = Problem::at("--clean-up", format!("{run_id:?} is not the id of a run"));
        return refused(&problem.note("ids of runs begin with validate- or load-"));
    }
    let Some(settings) = &target.database else {
        let message = format!("target {:?} has no database, so nothing can be removed", target.name);
        return refused(&Problem::at("--clean-up", message));
    };
    match remove_data(&Database::new(settings, run_id), REMOVE_FOR).await {
        Ok(sweep) => {
            let (removed, left) = (sweep.removed, sweep.left);
            output::data(&format!("removed {removed} conversations of {run_id}, {left} are left"));
            if left > 0 && !settings.cleanup {
                output::talk("hint: set targets[].database.cleanup: true, so that memsentry may remove what it made");
            }
            if left == 0 { Exit::Fine } else { Exit::No }
        }
        Err(error) => {
            output::talk(&format!("error: {error}"));
            Exit::No
        }
    }
}

/// Before the run `own`: removes what earlier ones with ids of this prefix left more than an hour ago, and says what
/// there is besides.
pub(super) async fn look(target: &Target, own: &str, prefix: &str) {
    let Some(settings) = &target.database else { return };
    // A database that gives no answer will be said where it matters.
    let Ok(leftovers) = Database::new(settings, own).leftovers(prefix).await else { return };
    for left in leftovers.iter().filter(|left| left.run_id != own) {
        let (run, count) = (&left.run_id, left.conversations);
        if left.youngest_seconds > OLD && settings.cleanup {
            match remove_data(&Database::new(settings, run), REMOVE_FOR).await {
                Ok(sweep) => output::talk(&format!("removed {} old conversations of {run}", sweep.removed)),
                Err(error) => output::talk(&format!("warning: the data of {run} could not be removed: {error}")),
            }
        } else {
            output::talk(&format!(
                "note: {run} has {count} conversations here; it is still running, or left them behind\nhint: remove \
                 them with memsentry validate --clean-up {run}"
            ));
        }
    }
}

/// What was given cannot be used.
fn refused(problem: &Problem) -> Exit {
    output::problem(problem, true, "");
    Exit::Input
}

/// A new run's id: when it began, and something that no other run has.
pub(super) fn run_id(prefix: &str, now: Timestamp) -> String {
    let digits: String = now.rfc3339().chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    format!("{prefix}{day}-{time}-{:08x}", rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_says_when_and_is_a_name() {
        let id = run_id(VALIDATIONS, Timestamp::from_millis(1_700_000_000_123));
        assert!(id.starts_with("validate-20231114-221320-") && id.len() == 33, "{id}");
    }
}
