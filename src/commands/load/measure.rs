//! One measurement: the load in its own thread, the queue beside it, and whoever watches.

use std::time::Duration as StdDuration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::model::{Problem, Stopwatch};
use crate::traffic::{
    Chat, Conditions, Followed, Follower, Judged, Listeners, Load, Loop, Progress, QueueNow, Recorder, Step, judge,
};

use super::display::Display;
use super::plan::Plan;
use super::push::Push;

/// What one measurement brought.
pub(super) struct Measured {
    pub(super) recorder: Recorder,
    pub(super) followed: Option<Followed>,
    pub(super) judged: Judged,
    pub(super) seconds: f64,
}

/// What goes on now, as far as it is known.
#[derive(Clone)]
pub(super) struct Now {
    progress: watch::Receiver<Progress>,
    queue: watch::Receiver<QueueNow>,
    follows: bool,
}

impl Now {
    /// Both views as one.
    pub(super) fn get(&self) -> Progress {
        let mut now = self.progress.borrow().clone();
        if self.follows {
            let queue = *self.queue.borrow();
            (now.queue_depth, now.unprocessed) = (queue.depth, Some(queue.unprocessed));
        }
        now
    }

    /// Waits for news.
    pub(super) async fn changed(&mut self) {
        let told = tokio::select! {
            told = self.progress.changed() => told,
            told = self.queue.changed(), if self.follows => told,
        };
        if told.is_err() {
            // The sender has ended: the queue may still be followed.
            tokio::time::sleep(StdDuration::from_millis(500)).await;
        }
    }
}

/// Sends, follows and judges.
pub(super) async fn measure(
    plan: &Plan,
    arrivals: Loop,
    chats: &[Chat],
    display: &Display,
    push: &Push,
    cancel: &CancellationToken,
) -> Result<Measured, Box<Problem>> {
    let (told, progress) = watch::channel(Progress::default());
    let (queue_told, queue) = watch::channel(QueueNow::default());
    let began = Stopwatch::start();
    let follows = plan.scenario.steps.iter().any(|step| step.writes() || *step == Step::Retrieval);
    let database = plan.database.clone().filter(|_| follows);
    let (follower, accepted) = match database {
        Some(database) => {
            let (follower, accepted) = Follower::new(database, began, queue_told);
            (Some(follower), Some(accepted))
        }
        None => (None, None),
    };
    let mut now = Now { progress, queue, follows: follower.is_some() };
    let load = Load {
        scenario: plan.scenario,
        arrivals: arrivals.clone(),
        users: plan.users.clone(),
        chats: chats.to_vec(),
        most_in_flight: plan.in_flight,
        max_rate: plan.max_rate,
        began,
    };
    let listeners = Listeners { progress: told, accepted, cancel: cancel.clone() };
    let sending = async {
        let recorder = load.run(listeners).await?;
        Ok::<_, Box<Problem>>((recorder, began.elapsed().as_secs_f64()))
    };
    let following = async {
        match follower {
            Some(follower) => Some(follower.run(plan.drain, cancel.clone()).await),
            None => None,
        }
    };
    let shown = now.clone();
    let work = async { tokio::join!(sending, following) };
    display.begins(&arrivals);
    let (sent, followed) = tokio::select! {
        both = work => both,
        never = display.watch(&mut now) => match never {},
        never = push.watch(shown) => match never {},
    };
    display.ends();
    let (recorder, seconds) = sent?;
    let conditions = Conditions { interrupted: cancel.is_cancelled(), ignores_rate_limit: plan.ignores_rate_limit };
    let judged = judge(&plan.objectives, &recorder, followed.as_ref(), conditions);
    Ok(Measured { recorder, followed, judged, seconds })
}
