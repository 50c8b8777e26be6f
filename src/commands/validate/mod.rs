//! `memsentry validate`: is this deployment ready? Judges the service's promises by measuring.
//!
//! `stage` sets the scene, `session` is one run from the guard's start to its end, `display` what a person sees
//! meanwhile, `verdicts` the table at the end, `files` what is written. What is judged, and how, is in `acceptance`.

mod display;
mod files;
mod session;
mod stage;
mod verdicts;

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::acceptance::Verdict;
use crate::acceptance::report::compare;
use crate::config::{self, Loaded};

use super::{Exit, Subcommand, leftovers, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "validate",
    about: "Judge whether a deployment keeps its promises, by measuring it",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    /// The target's name; the first of the configuration unless given
    #[arg(long)]
    target: Option<String>,
    /// The configuration file
    #[arg(long, default_value = "memsentry.yaml")]
    config: PathBuf,
    /// Judge only these criteria or areas; may repeat, or be separated by commas
    #[arg(long, value_name = "ID|AREA", value_delimiter = ',')]
    only: Vec<String>,
    /// Do not judge these criteria or areas; may repeat, or be separated by commas
    #[arg(long, value_name = "ID|AREA", value_delimiter = ',')]
    skip: Vec<String>,
    /// Show what would be done and how long it takes, and do nothing
    #[arg(long)]
    plan: bool,
    /// Also break things, to see whether the service recovers; needs the target's section validate.chaos
    #[arg(long)]
    chaos: bool,
    /// Do not ask before things are broken
    #[arg(long)]
    yes: bool,
    /// What is not judged is not accepted either: exit with 1
    #[arg(long)]
    strict: bool,
    /// The report as one JSON object on standard output, instead of the table
    #[arg(long)]
    json: bool,
    /// Write the verdicts as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the documents, report.html and report.json into this folder; results are kept there as they come
    #[arg(long, value_name = "DIR")]
    report_dir: Option<PathBuf>,
    /// Go on with the run that was interrupted in --report-dir
    #[arg(long, requires = "report_dir", conflicts_with_all = ["only", "skip"])]
    resume: bool,
    /// Compare with an earlier report.json
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Remove what this earlier run of validate or load left behind, and do nothing else
    #[arg(long, value_name = "RUN_ID", conflicts_with_all = ["plan", "resume", "chaos", "report_dir", "junit", "against"])]
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
    super::run::allow_many_connections();
    super::run::blocking(async {
        match start(&arguments, loaded).await {
            Ok(exit) | Err(exit) => exit,
        }
    })
}

async fn start(arguments: &Arguments, loaded: Loaded) -> Result<Exit, Exit> {
    let Loaded { config, .. } = &loaded;
    let target = stage::target(config, arguments.target.as_deref())?;
    if let Some(run_id) = &arguments.clean_up {
        return Ok(leftovers::clean_up(target, run_id).await);
    }
    let kept = session::kept(arguments)?;
    let scene = stage::scene(arguments, config, target, kept.as_ref()).await?;
    let against = files::earlier(arguments.against.as_deref())?;
    let plan = stage::plan(arguments, &scene, kept.as_ref())?;
    display::plan(&plan, &scene, kept.as_ref().map_or(&[], |kept| &kept.results));
    if arguments.plan {
        return Ok(Exit::Fine);
    }
    if arguments.chaos && plan.breaks_things() {
        confirm(arguments, &scene.target)?;
    }
    let cancel = scene.cancel.clone();
    let work = async {
        let mut ended = session::run(arguments, target, scene, &plan, kept).await?;
        ended.report.comparison = against.as_ref().map(|old| compare(old, &ended.report));
        let written = files::write(arguments, &ended.report);
        if arguments.json {
            output::data(&serde_json::to_string(&ended.report).unwrap_or_default());
        } else {
            verdicts::show(&ended.report, arguments.strict);
        }
        written.map(|()| exit(&ended, arguments))
    };
    tokio::select! {
        exit = work => exit,
        exit = leave(&cancel) => Err(exit),
    }
}

/// Ready or not. A bug of ours is neither: whoever reads the exit code must not take it for a verdict.
fn exit(ended: &session::Ended, arguments: &Arguments) -> Exit {
    if !ended.bugs.is_empty() {
        output::talk(&format!("error: memsentry itself failed in {}; please report it", ended.bugs.join(", ")));
        return Exit::Bug;
    }
    if ended.report.interrupted {
        if let Some(folder) = &arguments.report_dir {
            output::talk(&format!("hint: go on with --resume --report-dir {}", folder.display()));
        }
        return Exit::No;
    }
    let open = arguments.strict && ended.report.count(Verdict::NotJudged) > 0;
    if ended.report.is_ready() && !open { Exit::Fine } else { Exit::No }
}

fn confirm(arguments: &Arguments, target: &str) -> Result<(), Exit> {
    if arguments.yes {
        return Ok(());
    }
    let question = format!("Things will be broken on {target}, and mended again. Go on? [y/N]");
    match output::confirmed(&question) {
        Some(true) => Ok(()),
        Some(false) => {
            output::talk("nothing was done");
            Err(Exit::No)
        }
        None => {
            output::talk("error: --chaos breaks things, and there is no terminal to ask at\nhint: say --yes as well");
            Err(Exit::Input)
        }
    }
}

/// The first signal ends the run in order; the second leaves at once, which leaves the rest to the guard.
async fn leave(cancel: &CancellationToken) -> Exit {
    let [Ok(mut interrupt), Ok(mut terminate)] = [SignalKind::interrupt(), SignalKind::terminate()].map(signal) else {
        // Without signals nobody can ask to end; the guard is there for the rest.
        return std::future::pending().await;
    };
    for said in
        ["interrupted: cleaning up; once more leaves at once", "leaving at once; the guard cleans up in the background"]
    {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        output::talk(said);
        cancel.cancel();
    }
    Exit::No
}
