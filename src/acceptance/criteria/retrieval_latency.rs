//! A memory is read in time.

use std::time::Duration as StdDuration;

use crate::traffic::Distribution;

use super::super::passage::{is_limit, mark, note, seconds, snippet};
use super::super::tally::Tally;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Obstacle, Scene};

const FEWEST: u64 = 100;
const MOST: u64 = 300;
/// Conversations that are read, at most; one for each user.
const MOST_CHATS: usize = 10;

pub(super) const CRITERION: Criterion = Criterion {
    id: "retrieval-latency",
    area: Area::Performance,
    promise: "A memory is read within the promised time.",
    method: "Retrievals of filled memories one after the other over kept connections, from sending the request to the \
             last byte of the answer. Retrievals that fail are told apart; they are not fast or slow.",
    needs: &[],
    estimate: |scene| scene.time_for(FEWEST as usize + 5, scene.promises.retrieval.0),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let (promise, share) = scene.promises.retrieval;
    let chats = scene.chats(scene.users.all().len().min(MOST_CHATS), evidence).await?;
    for chat in &chats {
        let text = snippet(&mark());
        if scene.database.is_some() {
            scene.remember(chat, &text, scene.patience(), evidence).await?;
        } else {
            scene.update(chat, &text, evidence).await?;
        }
    }
    let mut reads = Reads::new(Tally::new(share, FEWEST, MOST));
    while !reads.tally.is_decided() {
        let Some(chat) = chats.iter().max_by_key(|chat| chat.user.room()) else { break };
        reads.read(chat, promise, evidence).await?;
    }
    evidence.times("retrieval", Distribution::of_times(reads.times.iter().copied()), Some(promise.as_secs_f64()));
    evidence.share("retrievals in time", reads.tally.part(), reads.tally.whole(), Some(share));
    Ok(reads.tally.finding(&format!("retrievals took at most {}", seconds(promise))))
}

/// Retrievals one after the other.
pub(super) struct Reads {
    /// Those that were in time.
    pub(super) tally: Tally,
    /// How long those took that succeeded.
    pub(super) times: Vec<StdDuration>,
    failed: u64,
}

impl Reads {
    pub(super) fn new(tally: Tally) -> Self {
        Self { tally, times: Vec::new(), failed: 0 }
    }

    /// One retrieval.
    ///
    /// # Errors
    /// A rate limit, or too many failures to measure the others.
    pub(super) async fn read(
        &mut self,
        chat: &Chat,
        promise: StdDuration,
        evidence: &mut Evidence,
    ) -> Result<(), Obstacle> {
        let answer = chat.user.turn().await.memory(&chat.id).await;
        note(&answer, evidence);
        match answer {
            Ok(exchange) => {
                let took = exchange.record.timings.total;
                self.tally.add(took <= promise);
                self.times.push(took);
                Ok(())
            }
            Err(error) if is_limit(&error) => Err(error.into()),
            Err(error) => {
                self.failed += 1;
                // One in ten, after the first few.
                if self.failed > 5 && self.failed * 10 > self.tally.whole() {
                    let failed = self.failed;
                    return Err(Obstacle::new(format!("{failed} retrievals failed, at last: {error}")));
                }
                Ok(())
            }
        }
    }
}
