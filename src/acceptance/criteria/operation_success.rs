//! Memory operations succeed: conversations are made, updates accepted and processed, memories read.

use futures_util::future::join_all;

use crate::memory_api::{CallError, Trigger};
use crate::queue::RowState;

use super::super::passage::{is_limit, mark, note, snippet};
use super::super::tally::Tally;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Obstacle, Scene};

/// With so many and no failure, 99.5 % lie just below what is likely with 95 % confidence.
const FEWEST: u64 = 800;
const MOST: u64 = 1600;
/// Conversations at once.
const CHATS: usize = 6;
/// Requests of each conversation in one round, and how many operations they are.
const PER_ROUND: usize = 2;

pub(super) const CRITERION: Criterion = Criterion {
    id: "operation-success",
    area: Area::Performance,
    promise: "Memory operations succeed at the promised share.",
    method: "Rounds of an update and a retrieval in six conversations at once. An update succeeds when it is accepted \
             and its row becomes complete, a retrieval when it brings a memory. 429 is neither success nor failure.",
    needs: &[],
    estimate: |scene| scene.time_for(FEWEST as usize, scene.promises.update_visible.0 / 12),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let promised = scene.promises.success;
    let mut tally = Tally::new(promised, FEWEST, MOST);
    let chats = scene.chats(CHATS, evidence).await?;
    let (mut limited, mut failures) = (0_u64, Vec::new());
    while !tally.is_decided() {
        let rounds = join_all(chats.iter().map(|chat| round(scene, chat))).await;
        for round in rounds {
            evidence.join(round.evidence);
            limited += round.limited;
            (0..round.succeeded).for_each(|_| tally.add(true));
            round.failures.iter().for_each(|_| tally.add(false));
            failures.extend(round.failures);
        }
        if limited > 10 {
            return Err(Obstacle::new(format!("{limited} requests within the promised rate were refused with 429")));
        }
    }
    if limited > 0 {
        evidence.note(format!("{limited} requests were refused with 429 and do not count"));
    }
    if scene.database.is_none() {
        evidence.note("without a database, an update counts as a success when it is accepted");
    }
    failures.sort();
    failures.dedup();
    failures.into_iter().for_each(|failure| evidence.note(failure));
    evidence.share("operations that succeeded", tally.part(), tally.whole(), Some(promised));
    Ok(tally.finding("operations succeeded"))
}

#[derive(Default)]
struct Round {
    evidence: Evidence,
    succeeded: usize,
    limited: u64,
    failures: Vec<String>,
}

impl Round {
    fn failed(&mut self, error: &CallError) {
        if is_limit(error) {
            self.limited += 1;
        } else {
            self.failures.push(error.to_string());
        }
    }
}

async fn round(scene: &Scene, chat: &Chat) -> Round {
    let mut round = Round { succeeded: PER_ROUND, ..Round::default() };
    let answer = chat.user.turn().await.update(&chat.id, &snippet(&mark()), Trigger::Test).await;
    note(&answer, &mut round.evidence);
    match answer {
        Ok(accepted) if scene.database.is_some() => {
            match scene.settled(&accepted.value.queue_id, scene.patience()).await {
                Ok(row) if row.row.state() == RowState::Complete => {}
                Ok(row) => round.failures.push(format!("an accepted update was {:?} at last", row.row.status)),
                Err(obstacle) => round.failures.push(obstacle.0),
            }
        }
        Ok(_) => {}
        Err(error) => round.failed(&error),
    }
    let answer = chat.user.turn().await.memory(&chat.id).await;
    note(&answer, &mut round.evidence);
    if let Err(error) = &answer {
        round.failed(error);
    }
    let lost = round.failures.len() + usize::try_from(round.limited).unwrap_or(0);
    round.succeeded -= lost.min(PER_ROUND);
    round
}
