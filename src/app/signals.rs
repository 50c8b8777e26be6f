//! Signals in, systemd's notifications out.
//!
//! The watchdog is fed only while the judge comes round: a daemon that hangs is restarted by systemd, not
//! believed.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::daemon::Core;

/// How often the watchdog is fed; systemd's limit in the shipped unit is three times as long or more.
const FEED: StdDuration = StdDuration::from_secs(10);

/// Serves signals until one asks to end.
pub(super) async fn serve(core: &Arc<Core>) -> std::io::Result<()> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut feed = tokio::time::interval(FEED);
    tell(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            _ = hang_up.recv() => {
                tell(&[NotifyState::Reloading]);
                // Refused or not, the daemon goes on; the reload has said which.
                let _ = core.reload().await;
                tell(&[NotifyState::Ready]);
            }
            _ = feed.tick() => {
                if core.judge.idle().is_none_or(|idle| idle < core.judge.patience()) {
                    tell(&[NotifyState::Watchdog]);
                } else {
                    tracing::error!("the judge does not come round, the watchdog is not fed");
                }
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tell(&[NotifyState::Stopping]);
    Ok(())
}

fn tell(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(states);
}
