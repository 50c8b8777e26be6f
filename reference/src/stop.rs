//! What ends the service: a signal, the end of standard input, or the end of the parent.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the parent is looked for.
const PARENT_INTERVAL: Duration = Duration::from_millis(250);

/// The signals that end the service; caught from the moment this is made.
pub struct Signals([Signal; 3]);

impl Signals {
    /// Catches SIGINT, SIGTERM and SIGHUP.
    pub fn catch() -> std::io::Result<Self> {
        let [interrupt, terminate, hangup] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Self([signal(interrupt)?, signal(terminate)?, signal(hangup)?]))
    }

    /// Cancels `stop` at the first of them.
    pub async fn watch(mut self, stop: CancellationToken) {
        let [interrupt, terminate, hangup] = &mut self.0;
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = hangup.recv() => "SIGHUP",
            () = stop.cancelled() => return,
        };
        tracing::info!(signal = name, "shutting down");
        stop.cancel();
    }
}

/// Cancels `stop` when the process `pid` is gone, even if another has its number by then.
pub async fn watch_parent(pid: u32, stop: CancellationToken) {
    let first = birth(pid);
    while first.is_some() && birth(pid) == first {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PARENT_INTERVAL) => {}
        }
    }
    tracing::info!(pid, "the parent is gone, shutting down");
    stop.cancel();
}

/// When a process began, in clock ticks: with its number, that is one process and no other. A zombie has ended.
fn birth(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, blanks and brackets included; what follows its last bracket is plain.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| started.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_has_a_birth_and_a_missing_one_has_not() {
        assert!(birth(std::process::id()).is_some_and(|ticks| ticks.parse::<u64>().is_ok()));
        assert_eq!(birth(u32::MAX), None);
    }
}
