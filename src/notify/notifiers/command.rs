//! Runs a command and hands it the message on standard input, as the webhook's JSON.
//!
//! Off unless the configuration says `allow_commands`. There is no shell and no environment but what is set here. Exit
//! code 0 is delivered, 65 (the message is refused) is not tried again, anything else is. Past the time-out, or when
//! memsentry ends, the whole process group is killed. What it prints is kept only for the error, 1 KiB of it.

use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};

use crate::model::{Duration, Problem};

use super::super::settings::Receiver;
use super::webhook::Body;
use super::{Answer, Attempt, Failure, FailureReason, Notifier, NotifierKind};

mod settings;

pub use settings::Settings;

/// How much of the output is kept.
const MOST_KEPT: usize = 1024;
/// `EX_DATAERR`: the command cannot use this message, now or later.
const REFUSED: i32 = 65;

/// One command.
pub struct Command {
    program: PathBuf,
    arguments: Vec<String>,
    max_alerts: usize,
    timeout: Duration,
}

impl NotifierKind for Command {
    const NAME: &'static str = "command";
    const KEY: &'static str = "command_configs";
    type Settings = Settings;

    fn settings(receiver: &Receiver) -> &[Settings] {
        &receiver.command_configs
    }

    fn send_resolved(settings: &Settings) -> bool {
        settings.send_resolved
    }

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn build(settings: &Settings) -> Result<Self, Box<Problem>> {
        Ok(Self {
            program: settings.program()?,
            arguments: settings.command.iter().skip(1).cloned().collect(),
            max_alerts: settings.max_alerts,
            timeout: settings.timeout,
        })
    }
}

impl Notifier for Command {
    /// Whether the program is there; it is not run.
    fn reach(&self) -> Option<Answer<'_>> {
        let found = std::fs::metadata(&self.program).map(|data| data.is_file());
        let answer = match found {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("{} is no file", self.program.display())),
            Err(error) => Err(format!("{}: {error}", self.program.display())),
        };
        let failed = |message| Failure::later(FailureReason::Other, message);
        Some(Box::pin(std::future::ready(answer.map_err(failed))))
    }

    fn deliver<'a>(&'a self, attempt: &'a Attempt<'a>) -> Answer<'a> {
        Box::pin(async move {
            let body = Body::new(attempt.notification, attempt.runbooks, self.max_alerts).with(attempt.evidence);
            let body = serde_json::to_vec(&body).map_err(|error| {
                Failure::never(FailureReason::Other, format!("the message cannot be written: {error}"))
            })?;
            let mut group = self.start(attempt).map_err(|error| {
                let message = format!("{} cannot be run: {error}", self.program.display());
                Failure::later(FailureReason::Other, message)
            })?;
            let ended = tokio::time::timeout(self.timeout.std(), group.run(&body)).await;
            let (code, said) = ended.map_err(|_| {
                Failure::later(FailureReason::Timeout, format!("not done within {}, killed", self.timeout))
            })?;
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            match code {
                Some(0) => Ok(()),
                Some(REFUSED) => Err(Failure::never(FailureReason::ClientError, format!("exit code {REFUSED}{said}"))),
                Some(code) => Err(Failure::later(FailureReason::ServerError, format!("exit code {code}{said}"))),
                None => Err(Failure::later(FailureReason::Other, format!("ended by a signal or not at all{said}"))),
            }
        })
    }
}

impl Command {
    fn start(&self, attempt: &Attempt<'_>) -> std::io::Result<Group> {
        let child = Process::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("MEMSENTRY_KEY", attempt.key)
            .env("MEMSENTRY_RECEIVER", &attempt.notification.receiver)
            .env("MEMSENTRY_STATUS", attempt.notification.status().as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Group(child))
    }
}

/// A running command with all that it started; killed when this is dropped before its end.
struct Group(Child);

impl Group {
    /// Its exit code and the beginning of what it printed.
    async fn run(&mut self, body: &[u8]) -> (Option<i32>, String) {
        let (stdin, stdout, stderr) = (self.0.stdin.take(), self.0.stdout.take(), self.0.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // Who does not read it all may still have done its work.
                let _ = stdin.write_all(body).await;
                let _ = stdin.shutdown().await;
            }
        };
        let (status, (), out, err) = tokio::join!(self.0.wait(), write, beginning(stdout), beginning(stderr));
        let said = [err, out].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        (status.ok().and_then(|status| status.code()), said)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it has ended its number may be somebody else's.
        let leader = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// The beginning of what a pipe carries, on one line; the rest is read and forgotten, so that nobody blocks on it.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        let room = MOST_KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(chunk.get(..read.min(room)).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&kept);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests;
