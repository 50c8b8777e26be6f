//! How long each call may take, for those who make a hundred thousand a second: one timer for all calls of a connection,
//! set again only when it rings, because to set and clear one for each call is dear.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of one call after the other.
#[derive(Default)]
pub(super) struct Patience(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// What comes of `work`, or nothing if `deadline` is there first. No deadline may be before the last one, or it is
    /// heard too late.
    pub(super) async fn before<F: Future + Unpin>(&mut self, deadline: Instant, mut work: F) -> Option<F::Output> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        poll_fn(|context| {
            if let Poll::Ready(output) = Pin::new(&mut work).poll(context) {
                return Poll::Ready(Some(output));
            }
            while timer.as_mut().poll(context).is_ready() {
                if timer.deadline() >= deadline {
                    return Poll::Ready(None);
                }
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration as StdDuration;

    use super::*;
    use crate::model::Stopwatch;

    #[tokio::test(start_paused = true)]
    async fn each_call_has_its_own_time_though_the_timer_is_set_once() {
        let (mut patience, watch) = (Patience::default(), Stopwatch::start());
        let mut call = async |takes: u64, may: u64| {
            let began = Stopwatch::start();
            let work = pin!(tokio::time::sleep(StdDuration::from_secs(takes)));
            let in_time = patience.before(began.started() + StdDuration::from_secs(may), work).await.is_some();
            (in_time, began.elapsed().as_secs())
        };
        assert_eq!(call(3, 10).await, (true, 3));
        // The timer rings for the first call at 10, which this one must outlive, up to 13 and no longer.
        assert_eq!(call(9, 10).await, (true, 9));
        assert_eq!(call(60, 10).await, (false, 10));
        assert_eq!(call(60, 10).await, (false, 10));
        assert_eq!(call(1, 10).await, (true, 1));
        assert_eq!(watch.elapsed().as_secs(), 33);
    }
}
