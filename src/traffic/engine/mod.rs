//! Sends: in open loop at given instants, whatever comes back; in closed loop as fast as answers come.
//!
//! One thread with a runtime of its own does nothing else, so that following the queue, drawing and reporting delay no
//! request. What is under way is bounded; an arrival beyond the bound begins late, is counted as held back, and its
//! latency still counts from when it should have begun.

mod steps;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration as StdDuration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::memory_api::{Users, Wire};
use crate::model::{Problem, Stopwatch};

use super::alarm::Alarm;
use super::arrivals::{self, Arrivals, Stage};
use super::crowd::{Chat, Crowd};
use super::record::{Progress, Recorder};
use super::scenario::Scenario;

/// Between two words to those who watch.
const PERIOD: StdDuration = StdDuration::from_secs(1);

/// Rounds through what is under way before the runtime has its turn.
const ROUNDS: usize = 64;

/// How long after the end of a schedule arrivals that were held back may still begin.
const OVERTIME: StdDuration = StdDuration::from_secs(2);

/// How arrivals come about.
#[derive(Debug, Clone)]
pub enum Loop {
    /// At instants that these stages give.
    Open(Vec<Stage>),
    /// So many at a time, each followed by the next when it has ended.
    Closed {
        /// How many.
        at_once: usize,
        /// For how long.
        length: StdDuration,
    },
}

/// One run of a scenario.
pub struct Load {
    /// What is sent.
    pub scenario: &'static Scenario,
    /// When.
    pub arrivals: Loop,
    /// Who sends.
    pub users: Users,
    /// The conversations; the scenario may need none.
    pub chats: Vec<Chat>,
    /// Arrivals under way at most.
    pub most_in_flight: usize,
    /// Arrivals a second that are not exceeded in closed loop either.
    pub max_rate: f64,
    /// The run's beginning; all times count from here.
    pub began: Stopwatch,
}

/// An update that the service accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The queue row's id.
    pub queue_id: String,
    /// When the update should have begun, since the beginning of the run.
    pub intended: StdDuration,
}

/// Where a run tells what it does.
pub struct Listeners {
    /// Once a second.
    pub progress: watch::Sender<Progress>,
    /// Each accepted update. What does not fit is left out.
    pub accepted: Option<mpsc::Sender<Accepted>>,
    /// Ends the run early; what is under way is given up.
    pub cancel: CancellationToken,
}

impl Load {
    /// Runs in a thread of its own until all arrivals have ended.
    ///
    /// # Errors
    /// The service's address cannot be put into a request, or the system refuses a thread.
    pub async fn run(self, listeners: Listeners) -> Result<Recorder, Box<Problem>> {
        let refused = |why: String| Box::new(Problem::at("", format!("the load could not be sent: {why}")));
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| refused(error.to_string()))?;
            // Fairness between tasks is of no use where there is only one.
            runtime.block_on(tokio::task::unconstrained(self.send(listeners)))
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(refused(error.to_string())))
    }

    async fn send(self, listeners: Listeners) -> Result<Recorder, Box<Problem>> {
        // Closed loop asks how many there can be, and to note when an answer came costs a tenth of a request.
        let notes_arrivals = matches!(self.arrivals, Loop::Open(_));
        let wire = Wire::new(self.users.first().client(), notes_arrivals)?;
        let sender = Sender {
            scenario: self.scenario,
            crowd: Crowd::new(&self.users, self.chats, wire),
            recorder: RefCell::new(Recorder::new()),
            began: self.began,
            in_flight: Cell::new(0),
            moves: Cell::new(0),
            listeners,
        };
        match self.arrivals {
            Loop::Open(stages) => sender.open(&stages, self.most_in_flight.max(1)).await,
            Loop::Closed { at_once, length } => sender.closed(at_once.max(1), length, self.max_rate).await,
        }
        sender.tell();
        Ok(sender.recorder.into_inner())
    }
}

/// A run under way.
struct Sender {
    scenario: &'static Scenario,
    crowd: Crowd,
    recorder: RefCell<Recorder>,
    began: Stopwatch,
    in_flight: Cell<usize>,
    /// Begins and ends of arrivals.
    moves: Cell<u64>,
    listeners: Listeners,
}

impl Sender {
    async fn open(&self, stages: &[Stage], most: usize) {
        let mut coming = Arrivals::new(stages).zip(0_u64..);
        let mut next = coming.next();
        let mut under_way = FuturesUnordered::new();
        let (mut alarm, mut ticker) = (Alarm::new(self.began), ticker());
        // Whoever was due before this was held back by the bound.
        let (mut full, mut full_until) = (false, StdDuration::ZERO);
        // A run ends on time: what a slow service has held back for so long does not begin any more.
        let end = arrivals::length(stages) + OVERTIME;
        while next.is_some() || !under_way.is_empty() {
            let now = self.began.elapsed();
            if full {
                full_until = now;
            }
            while let Some((at, number)) = next.filter(|(at, _)| *at <= now && under_way.len() < most) {
                self.recorder.borrow_mut().due();
                under_way.push(self.due(number, at, at < full_until));
                next = coming.next();
            }
            if let Some((_, number)) = next.filter(|_| now >= end) {
                self.recorder.borrow_mut().left_out(arrivals::total(stages).saturating_sub(number));
                next = None;
            }
            full = under_way.len() >= most;
            self.in_flight.set(under_way.len());
            let due = next.filter(|_| under_way.len() < most).map(|(at, _)| at);
            tokio::select! {
                biased;
                () = self.listeners.cancel.cancelled() => return,
                Some(()) = self.ended(&mut under_way), if !under_way.is_empty() => {}
                () = alarm.until(due.unwrap_or_default()), if due.is_some() => {}
                _ = ticker.tick() => self.tell(),
            }
        }
    }

    async fn closed(&self, at_once: usize, length: StdDuration, max_rate: f64) {
        let number = Cell::new(0_u64);
        let worker = async || {
            loop {
                let this = number.replace(number.get() + 1);
                #[allow(clippy::cast_precision_loss)]
                let not_before = StdDuration::try_from_secs_f64(this as f64 / max_rate.max(f64::MIN_POSITIVE));
                let not_before = not_before.unwrap_or(StdDuration::MAX).min(length);
                let mut now = self.began.elapsed();
                if now < not_before {
                    tokio::time::sleep_until(self.began.started() + not_before).await;
                    now = self.began.elapsed();
                }
                if now >= length || !self.next(this, length.saturating_sub(now)).await {
                    return;
                }
            }
        };
        let mut workers: FuturesUnordered<_> = (0..at_once).map(|_| worker()).collect();
        self.in_flight.set(at_once);
        let mut ticker = ticker();
        while !workers.is_empty() {
            tokio::select! {
                biased;
                () = self.listeners.cancel.cancelled() => return,
                Some(()) = self.ended(&mut workers) => self.in_flight.set(workers.len()),
                _ = ticker.tick() => self.tell(),
            }
        }
    }

    /// The next that ends. A set of futures hands over to the runtime when they wake themselves, as every request does;
    /// going on while there is progress saves the runtime a look at all sockets for every second request.
    fn ended<F: Future<Output = ()>>(&self, under_way: &mut FuturesUnordered<F>) -> impl Future<Output = Option<()>> {
        poll_fn(move |context| {
            for _ in 0..ROUNDS {
                let before = self.moves.get();
                let next = under_way.poll_next_unpin(context);
                if next.is_ready() || self.moves.get() == before {
                    return next;
                }
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn tell(&self) {
        let progress = self.recorder.borrow_mut().progress(self.began.elapsed(), self.in_flight.get());
        self.listeners.progress.send_replace(progress);
    }
}

fn ticker() -> tokio::time::Interval {
    let mut ticker = tokio::time::interval(PERIOD);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    ticker.reset();
    ticker
}
