//! The guard of a run that makes data or breaks things: a process of its own that cleans up when the run dies.
//!
//! [`Guard`] starts it and holds the only end of a pipe to its standard input. Over that it says, one JSON line each,
//! what will have to be undone, and at the end `"done"`. If the pipe ends without that, the run was killed, and the
//! guard does what the run owed. It is in a process group of its own and ends with no signal but SIGKILL, so that
//! neither Ctrl-C nor a kill of the run's group takes it along. Secrets reach it by the configuration alone.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::io::AsyncBufReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::acceptance::{self, Healing, Step, remove_data};
use crate::config;
use crate::model::Stopwatch;
use crate::queue::Database;

use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "guard",
    about: "Clean up when the run that started it dies; not for people",
    arguments: |command| Arguments::augment_args(command).hide(true),
    run: |matches| with(matches, run),
};

/// What the run says when it has cleaned up by itself.
const DONE: &str = "\"done\"";
/// What the guard says when it is ready.
const READY: &str = "ready";
/// Longest wait for a guard that may wait for the one of an earlier run.
const LONGEST_START: StdDuration = StdDuration::from_secs(150);
/// How long what does not work is tried again.
const STEPS_FOR: StdDuration = StdDuration::from_secs(30);
const DATA_FOR: StdDuration = StdDuration::from_secs(90);
const PAUSE: StdDuration = StdDuration::from_millis(500);
/// How long the guard may take to end.
const LONGEST_END: StdDuration = StdDuration::from_secs(5);

#[derive(Debug, Args)]
struct Arguments {
    #[arg(long)]
    config: PathBuf,
    #[arg(long)]
    target: String,
    #[arg(long)]
    run_id: String,
    /// A file whose lock says that the run is still being worked on
    #[arg(long)]
    lock: Option<PathBuf>,
}

/// A running guard, as the run sees it.
pub(super) struct Guard {
    child: Child,
    pipe: Arc<Mutex<Option<ChildStdin>>>,
}

impl Guard {
    /// Starts the guard of the run `run_id` on this target, and waits until it is ready. With `lock`, it is ready once
    /// no other guard holds that file.
    ///
    /// # Errors
    /// It did not start, or was not ready in time; nothing must be made or broken then.
    pub(super) async fn start(config: &Path, target: &str, run_id: &str, lock: Option<PathBuf>) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find our own program to start the guard")?;
        let mut command = Command::new(program);
        command.arg("guard").arg("--config").arg(config).args(["--target", target, "--run-id", run_id]);
        if let Some(lock) = lock {
            command.arg("--lock").arg(lock);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().context("cannot start the guard")?;
        let pipe = Arc::new(Mutex::new(child.stdin.take()));
        let stdout = child.stdout.take();
        let mut guard = Self { child, pipe };
        let first_line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line)).transpose().map(|_| line)
        });
        match timeout(LONGEST_START, first_line).await {
            Ok(Ok(Ok(line))) if line.trim() == READY => Ok(guard),
            Ok(_) => bail!("the guard did not start"),
            Err(_) => {
                let _ = guard.child.kill();
                bail!("another run, or the guard of one that died, still works in the same folder")
            }
        }
    }

    /// What criteria tell it through.
    pub(super) fn healing(&self) -> Healing {
        let pipe = Arc::clone(&self.pipe);
        Healing::guarded(move |step: &Step| write(&pipe, &serde_json::to_string(step)?))
    }

    /// Says that everything was undone, and waits until the guard has ended.
    pub(super) async fn done(mut self) {
        // A guard that is gone needs no words.
        let _ = write(&self.pipe, DONE);
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        let ended = tokio::task::spawn_blocking(move || self.child.wait());
        let _ = timeout(LONGEST_END, ended).await;
    }
}

/// Once written it is in the kernel's hands, and outlives us.
fn write(pipe: &Mutex<Option<ChildStdin>>, line: &str) -> std::io::Result<()> {
    match pipe.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        Some(pipe) => pipe.write_all(format!("{line}\n").as_bytes()),
        None => Err(std::io::ErrorKind::BrokenPipe.into()),
    }
}

fn run(arguments: Arguments) -> Exit {
    let config = match config::load(&arguments.config) {
        Ok(loaded) => loaded.config,
        Err(problems) => {
            output::problems(&problems);
            return Exit::Input;
        }
    };
    let Some(target) = config.targets.into_iter().find(|target| target.name == arguments.target) else {
        output::talk(&format!("error: unknown target {:?}", arguments.target));
        return Exit::Input;
    };
    let database = target.database.as_ref().map(|settings| Database::new(settings, &arguments.run_id));
    // Held until we end.
    let _lock = match arguments.lock.as_deref().map(acceptance::journal::lock).transpose() {
        Ok(lock) => lock,
        Err(error) => {
            output::talk(&format!("error: cannot lock the run's folder: {error}"));
            return Exit::Input;
        }
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(guard(&arguments.run_id, database));
            // Standard input is read in a thread that may wait for ever.
            runtime.shutdown_background();
            exit
        }
        Err(_) => Exit::Bug,
    }
}

async fn guard(run_id: &str, database: Option<Database>) -> Exit {
    // Whoever catches a signal no longer ends by it.
    let _ignored = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    output::data(READY);
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == DONE {
            return Exit::Fine;
        }
        // A line that was cut off was never answered for, so nothing was broken by it.
        steps.extend(serde_json::from_str::<Step>(&line));
    }
    output::talk(&format!("memsentry guard: run {run_id} ended without cleaning up; doing it now"));
    let mended = mend(&steps).await;
    // What the run had just sent may still arrive.
    tokio::time::sleep(PAUSE).await;
    let removed = match database {
        Some(database) => remove(&database, run_id).await,
        None => true,
    };
    if mended && removed { Exit::Fine } else { Exit::No }
}

async fn mend(steps: &[Step]) -> bool {
    let watch = Stopwatch::start();
    let mut all = true;
    for step in steps {
        let mut result = step.perform().await;
        while result.is_err() && watch.elapsed() < STEPS_FOR {
            tokio::time::sleep(PAUSE).await;
            result = step.perform().await;
        }
        match result {
            Ok(()) => output::talk("memsentry guard: the faults are ended"),
            Err(error) => {
                all = false;
                output::talk(&format!("memsentry guard: could not be mended: {error}"));
            }
        }
    }
    all
}

async fn remove(database: &Database, run_id: &str) -> bool {
    match remove_data(database, DATA_FOR).await {
        Ok(sweep) => {
            let (removed, left) = (sweep.removed, sweep.left);
            output::talk(&format!("memsentry guard: removed {removed} conversations of {run_id}, {left} are left"));
            left == 0
        }
        Err(error) => {
            output::talk(&format!("memsentry guard: the data of {run_id} could not be removed: {error}"));
            output::talk(&format!("hint: memsentry validate --clean-up {run_id}"));
            false
        }
    }
}
