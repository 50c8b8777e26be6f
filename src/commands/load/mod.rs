//! `memsentry load`: where are this deployment's limits? Sends, follows what becomes of it, judges, cleans up.
//!
//! `plan` decides whether and as whom it may be done, `session` is one run from the first conversation to the last one
//! removed, `measure` one measurement, `search` many of them, `display` and `push` show it meanwhile. How load is
//! made and judged is in `traffic`.

mod chats;
mod display;
mod measure;
mod plan;
mod push;
mod session;

use std::path::PathBuf;

use clap::Args;

use crate::config;
use crate::model::{Duration, Problem};
use crate::traffic::Verdict;
use crate::traffic::report::{self, Report};
use crate::traffic::search::Found;

use super::{Exit, Subcommand, leftovers, output, with};
use plan::Plan;

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "load",
    about: "Put load on a service and judge how it bears it",
    arguments: |command| Arguments::augment_args(command).after_long_help(plan::listing()),
    run: |matches| with(matches, run),
};

/// Arrivals a second that are never exceeded unless `--max-rate` says so.
const DEFAULT_CAP: f64 = 200.0;

#[derive(Debug, Args)]
struct Arguments {
    /// The target's name; the first of the configuration unless given. Nothing else can be loaded
    #[arg(long)]
    target: Option<String>,
    /// The configuration file
    #[arg(long, default_value = "memsentry.yaml")]
    config: PathBuf,
    /// What is sent; the list stands below (--help)
    #[arg(long, default_value = "update")]
    scenario: String,
    /// How the rate goes over time; the list stands below (--help)
    #[arg(long, default_value = "smoke")]
    profile: String,
    /// Arrivals a second: the profile's full rate. Of breakpoint the first
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    rate: Option<f64>,
    /// How long, such as 30s or 10m, instead of the profile's length. Of breakpoint one step
    #[arg(long, value_name = "TIME")]
    duration: Option<Duration>,
    /// Closed loop: so many at a time, each followed by the next when it has ended, instead of a profile
    #[arg(long, value_name = "N", conflicts_with_all = ["profile", "rate"], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    closed: Option<u32>,
    /// Arrivals a second that are never exceeded, whatever else is given
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CAP)]
    max_rate: f64,
    /// Arrivals under way at most; further ones begin late
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    in_flight: u32,
    /// Conversations to spread the load over; as many as the rate for five seconds unless given, at most 1000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    chats: Option<u32>,
    /// Exceed each user's rate limit, to see what the service does; refusals (429) are then no reason to give no verdict
    #[arg(long)]
    ignore_rate_limit: bool,
    /// How long accepted updates are waited for after the last one
    #[arg(long, value_name = "TIME", default_value = "2m")]
    drain: Duration,
    /// Go on although the conversations that are made cannot be removed
    #[arg(long)]
    leave_data: bool,
    /// Do not ask before a rate above that of a smoke test
    #[arg(long)]
    yes: bool,
    /// The report as one JSON object on standard output, instead of a summary
    #[arg(long)]
    json: bool,
    /// Write the report as one HTML file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The address of the daemon whose page shows the run; that of the configuration unless given
    #[arg(long, value_name = "URL")]
    daemon: Option<String>,
    /// Remove what this earlier run left behind, and do nothing else
    #[arg(long, value_name = "RUN_ID")]
    clean_up: Option<String>,
}

fn run(arguments: Arguments) -> Exit {
    let loaded = match config::load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(problems) => {
            output::problems(&problems);
            return Exit::Input;
        }
    };
    let refused = |problem: Problem| {
        output::problem(&problem, true, "");
        Exit::Input
    };
    let target = match plan::target(&loaded.config, arguments.target.as_deref()) {
        Ok(target) => target,
        Err(problem) => return refused(*problem),
    };
    if let Some(run_id) = &arguments.clean_up {
        return super::run::blocking(leftovers::clean_up(target, run_id));
    }
    let mut plan = match Plan::new(&arguments, &loaded.config, target) {
        Ok(plan) => plan,
        Err(problem) => return refused(*problem),
    };
    plan.tell();
    if let Err(problem) = plan.confirm(&arguments) {
        return refused(*problem);
    }
    super::run::allow_many_connections();
    super::run::blocking(async {
        match session::run(&mut plan, &arguments, target).await {
            Ok(report) => finish(&report, &arguments),
            Err(exit) => exit,
        }
    })
}

/// Writes what was asked for, and says how it ended.
fn finish(report: &Report, arguments: &Arguments) -> Exit {
    if arguments.json {
        output::data(&serde_json::to_string(report).unwrap_or_default());
    } else {
        report::summary(report).iter().for_each(|line| output::data(&output::inert(line)));
    }
    if let Some(file) = &arguments.report {
        if let Err(error) = std::fs::write(file, report::html(report)) {
            let message = format!("{} cannot be written: {error}", file.display());
            output::problem(&Problem::at("--report", message), true, "");
            return Exit::Input;
        }
        output::talk(&format!("wrote {}", file.display()));
    }
    let left = !arguments.leave_data && report.cleanup.is_some_and(|cleanup| cleanup.left != Some(0));
    exit(report, left)
}

/// What the exit code says: of a search whether it found something that holds, else whether the objectives do. Data
/// that were left behind are no good end either.
fn exit(report: &Report, left: bool) -> Exit {
    match report.search.as_ref().map(|search| &search.found) {
        Some(Found { confirmed: true, .. }) if left => Exit::No,
        Some(Found { confirmed: true, .. }) => Exit::Fine,
        Some(Found { holds: None, breaks: Some(_), .. }) => Exit::No,
        Some(_) => Exit::NoVerdict,
        None => match report.judged.verdict {
            Verdict::None => Exit::NoVerdict,
            Verdict::Broken => Exit::No,
            Verdict::Kept if left => Exit::No,
            Verdict::Kept => Exit::Fine,
        },
    }
}
