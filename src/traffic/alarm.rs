//! Wakes at an instant, to some microseconds: tokio's own timers are a millisecond wide, which is more than a fast
//! service takes.
//!
//! One kernel timer, set anew only when the instant changes. An idle core takes some tens of microseconds to wake, so it is
//! set a little early, and the rest is waited for awake, with a look at the sockets in each round. Where there is no
//! such timer, tokio's are used.

use std::time::Duration as StdDuration;

use crate::model::Stopwatch;

/// How much earlier the kernel is told.
const LEAD: StdDuration = StdDuration::from_micros(80);

/// An alarm on the scale of a stopwatch.
pub(super) struct Alarm {
    watch: Stopwatch,
    #[cfg(target_os = "linux")]
    timer: Option<kernel::Timer>,
}

impl Alarm {
    /// Must be made inside the runtime that waits for it.
    pub(super) fn new(watch: Stopwatch) -> Self {
        Self {
            watch,
            #[cfg(target_os = "linux")]
            timer: kernel::Timer::new().ok(),
        }
    }

    /// Waits until so much time has passed on the stopwatch.
    pub(super) async fn until(&mut self, at: StdDuration) {
        #[cfg(target_os = "linux")]
        if let Some(timer) = &mut self.timer
            && timer.wait(self.watch, at.saturating_sub(LEAD)).await.is_ok()
        {
            while self.watch.elapsed() < at {
                // Hands over to whatever has happened meanwhile; never waits.
                tokio::task::yield_now().await;
            }
            return;
        }
        tokio::time::sleep_until(self.watch.started() + at).await;
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration as StdDuration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::model::Stopwatch;

    pub(super) struct Timer {
        file: AsyncFd<OwnedFd>,
        set_to: Option<StdDuration>,
    }

    impl Timer {
        #[expect(
            deprecated,
            reason = "its successor is unsafe because of types that close their file; OwnedFd does not"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self { file: AsyncFd::with_interest(file, Interest::READABLE)?, set_to: None })
        }

        /// May be dropped and called again: a timer that is set already is only waited for.
        pub(super) async fn wait(&mut self, watch: Stopwatch, at: StdDuration) -> io::Result<()> {
            let Some(left) = at.checked_sub(watch.elapsed()).filter(|left| !left.is_zero()) else {
                return Ok(());
            };
            if self.set_to != Some(at) {
                let nothing = Timespec { tv_sec: 0, tv_nsec: 0 };
                let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
                let once = Itimerspec { it_interval: nothing, it_value: left };
                timerfd_settime(self.file.get_ref(), TimerfdTimerFlags::empty(), &once)?;
                self.set_to = Some(at);
            }
            let mut expirations = [0; 8];
            let read = |file: &OwnedFd| Ok(rustix::io::read(file, &mut expirations)?);
            self.file.async_io(Interest::READABLE, read).await?;
            self.set_to = None;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_wakes_not_before_its_instant_and_again_for_the_next() {
        let watch = Stopwatch::start();
        let mut alarm = Alarm::new(watch);
        for millis in [3, 5, 5, 9] {
            let at = StdDuration::from_millis(millis);
            // Given up half-way, as by a request that ended meanwhile, and waited for again.
            tokio::select! { () = alarm.until(at) => {}, () = tokio::task::yield_now() => alarm.until(at).await }
            assert!(watch.elapsed() >= at, "{millis}");
        }
    }
}
