//! What one arrival does, from its turn to its record.

use std::time::Duration as StdDuration;

use serde::de::DeserializeOwned;

use crate::memory_api::{self, CallFailure, FailureReason, Memory, Wire, WireCall};
use crate::model::synthetic::{nonce, snippet};

use super::super::crowd::Turn;
use super::super::record::{Done, HeldBack};
use super::super::scenario::Step;
use super::{Accepted, Sender};

/// How long a roundtrip waits until the memory holds its snippet.
const PATIENCE: StdDuration = StdDuration::from_secs(30);
/// First and longest pause between two of its reads.
const FIRST_PAUSE: StdDuration = StdDuration::from_millis(50);
const LONGEST_PAUSE: StdDuration = StdDuration::from_millis(500);

/// How long an arrival waits for a turn before it is left out.
const OUT_OF_TURN: StdDuration = StdDuration::from_secs(3);

type Failed = (FailureReason, String);

impl Sender {
    /// One arrival in open loop, intended for `intended`; `late` if a bound has held it back already.
    pub(super) async fn due(&self, number: u64, intended: StdDuration, late: bool) {
        let step = self.scenario.step(number);
        match self.crowd.turn(step, OUT_OF_TURN).await {
            Some((turn, waited)) => self.arrival(step, turn, Some(intended), (late, waited)).await,
            None => self.recorder.borrow_mut().gave_up(),
        }
    }

    /// One arrival in closed loop, which is intended for when there is a turn; whether there was one within `patience`.
    pub(super) async fn next(&self, number: u64, patience: StdDuration) -> bool {
        let step = self.scenario.step(number);
        let Some((turn, _)) = self.crowd.turn(step, patience).await else { return false };
        self.recorder.borrow_mut().due();
        self.arrival(step, turn, None, (false, false)).await;
        true
    }

    async fn arrival(&self, step: Step, turn: Turn<'_>, intended: Option<StdDuration>, (late, waited): (bool, bool)) {
        let mut wire = self.crowd.wire();
        let started = self.began.elapsed();
        self.moves.set(self.moves.get() + 1);
        let intended = intended.unwrap_or(started);
        let held_back = match (late, waited) {
            (_, true) => Some(HeldBack::OutOfTurn),
            (true, false) => Some(HeldBack::Crowded),
            (false, false) => None,
        };
        self.recorder.borrow_mut().began(intended, started, held_back);
        let outcome = match step {
            Step::Health => self.ask(&mut wire, &turn, WireCall::Health).await.map(|_| ()),
            Step::Update => self.update(&mut wire, &turn, &nonce(), intended).await,
            Step::Retrieval => self.read(&mut wire, &turn).await.map(|_| ()),
            Step::Roundtrip => self.roundtrip(&mut wire, &turn, intended).await,
        };
        // When the answer was there, not when this thread had time to read it.
        // A time before the request is from a clock that was set meanwhile.
        let answered = wire.answered().map(|at| at.since(self.began)).filter(|at| *at >= started);
        let ended = answered.unwrap_or_else(|| self.began.elapsed());
        self.moves.set(self.moves.get() + 1);
        self.crowd.put(wire);
        self.recorder.borrow_mut().ended(Done { step, intended, started, ended, outcome });
    }

    async fn ask(&self, wire: &mut Wire, turn: &Turn<'_>, call: WireCall<'_>) -> Result<bytes::Bytes, Failed> {
        let answer = wire.send(turn.user().client(), call).await;
        turn.answered();
        answer.map_err(|CallFailure { reason, message, .. }| {
            if reason == FailureReason::RateLimited {
                turn.user().pause(None);
            }
            (reason, message)
        })
    }

    /// Queues a snippet and has it followed.
    async fn update(&self, wire: &mut Wire, turn: &Turn<'_>, nonce: &str, intended: StdDuration) -> Result<(), Failed> {
        let call = WireCall::Update { chat_id: turn.chat(), snippet: &snippet(nonce) };
        let body = self.ask(wire, turn, call).await?;
        let memory_api::Accepted { queue_id, .. } = read(&body)?;
        self.recorder.borrow_mut().accepted += 1;
        if let Some(accepted) = &self.listeners.accepted {
            // Full or gone: it is not followed, which the follower counts by what is missing.
            let _ = accepted.try_send(Accepted { queue_id, intended });
        }
        Ok(())
    }

    async fn read(&self, wire: &mut Wire, turn: &Turn<'_>) -> Result<Memory, Failed> {
        let body = self.ask(wire, turn, WireCall::Memory { chat_id: turn.chat() }).await?;
        read(&body)
    }

    async fn roundtrip(&self, wire: &mut Wire, turn: &Turn<'_>, intended: StdDuration) -> Result<(), Failed> {
        let nonce = nonce();
        self.update(wire, turn, &nonce, intended).await?;
        let (sent, mut pause) = (self.began.elapsed(), FIRST_PAUSE);
        while self.began.elapsed() < sent + PATIENCE {
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
            turn.renew().await;
            if self.read(wire, turn).await?.mentions(&nonce) {
                return Ok(());
            }
        }
        Err((FailureReason::Timeout, format!("the memory does not hold its snippet after {} s", PATIENCE.as_secs())))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(body).map_err(|error| (FailureReason::Malformed, format!("not the promised body: {error}")))
}
