//! What every measurement takes for granted, and what the run itself saw of that.

use super::Report;
use super::words::{counted, seconds, whole};

/// How an assumption stands after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The run looked, and it holds.
    Confirmed,
    /// The run looked, and it does not hold.
    Refuted,
    /// The run could not look.
    Remaining,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Assumption {
    /// What is assumed, in lower case, to follow "that".
    pub(super) what: String,
    /// How it stands.
    pub(super) standing: Standing,
    /// Why, in lower case and without full stop.
    pub(super) why: String,
}

fn judged(what: &str, seen: Option<(bool, String)>, unseen: &str) -> Assumption {
    let (standing, why) = match seen {
        Some((true, why)) => (Standing::Confirmed, why),
        Some((false, why)) => (Standing::Refuted, why),
        None => (Standing::Remaining, unseen.to_owned()),
    };
    Assumption { what: what.to_owned(), standing, why }
}

/// About the measurement as a whole.
pub(super) fn assumptions(report: &Report) -> Vec<Assumption> {
    let Report { interference, promised, .. } = report;
    let rows = |rows: u64| (rows == 0, format!("others queued {} during the run", many(rows, "row", "rows")));
    let lag = |lag: f64| {
        let most = promised.retrieval_seconds / 10.0;
        let text =
            format!("99 % of our own timers fired within {}; {} would still be fine", seconds(lag), seconds(most));
        (lag <= most, text)
    };
    let clock = |most: f64| {
        move |ahead: f64| {
            let side = if ahead < 0.0 { "behind" } else { "ahead of" };
            let text = format!("it is {} {side} ours; {} would still be fine", seconds(ahead.abs()), seconds(most));
            (ahead.abs() <= most, text)
        }
    };
    let left =
        |left: u64| (left == 0, format!("{} left in the database", many(left, "conversation is", "conversations are")));
    let database = if report.target.database { "it was not measured" } else { "nobody could look into the database" };
    vec![
        judged("nobody else used the queue meanwhile", interference.foreign_rows.map(rows), database),
        judged(
            "the measuring machine kept up with its own timers",
            interference.own_lag_p99_seconds.map(lag),
            "its lag was not measured",
        ),
        // The Date header has whole seconds, so one is within its own precision.
        judged(
            "the service's clock agrees with ours",
            interference.service_clock_ahead_seconds.map(clock(1.0)),
            "no answer told the service's time",
        ),
        judged(
            "the database's clock agrees with ours",
            interference.database_clock_ahead_seconds.map(clock(promised.update_visible_seconds / 10.0)),
            database,
        ),
        judged(
            "one uninterrupted run measured everything",
            Some(match (report.interrupted, report.resumed) {
                (true, _) => (false, "the run was ended early".to_owned()),
                (false, true) => (false, "the run was interrupted and went on later".to_owned()),
                (false, false) => (true, "it ran from beginning to end".to_owned()),
            }),
            "",
        ),
        judged("everything that the run made was removed", report.left_behind.map(left), database),
    ]
}

fn many(number: u64, one: &str, several: &str) -> String {
    match usize::try_from(number) {
        Ok(0) => format!("no {several}"),
        Ok(number) => counted(number, one, several),
        Err(_) => format!("{} {several}", whole(number)),
    }
}
