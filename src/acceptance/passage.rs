//! Updates followed from the request to the retrieval that shows them, with the time of each part.
//!
//! Waiting for a user's budget is our time, not the service's: it is taken out. The row is the better witness, so that
//! the memory is read only once the row is complete; without a database the memory is asked again and again.

use std::collections::HashMap;
use std::time::Duration as StdDuration;

use futures_util::future::join_all;

use crate::memory_api::{CallError, Exchange, FailureReason, Trigger, Turn, User};
use crate::model::Stopwatch;
use crate::queue::{AuditRow, RowState};

use super::{Chat, Evidence, Obstacle, Scene};

/// Pause between two looks at a row.
const LOOK: StdDuration = StdDuration::from_millis(15);
/// Pause between two looks at many rows.
const LOOK_AT_MANY: StdDuration = StdDuration::from_millis(100);
/// Retrievals in search of one update at most; each costs a request of the budget.
const MOST_READS: u32 = 12;

/// One update on its way.
#[derive(Debug, Clone)]
pub(super) struct Passage {
    /// The request that queued it.
    pub(super) accept: StdDuration,
    /// From the answer until its row was complete, where there is a database.
    pub(super) queued: Option<StdDuration>,
    /// The last retrieval.
    pub(super) read: StdDuration,
    /// From the start of the request to the end of the retrieval that showed it; `None` if none did in time.
    pub(super) visible: Option<StdDuration>,
}

/// A word that nobody else uses; not one that an agent would take for a topic.
pub(super) fn mark() -> String {
    format!("7m{:08x}", rand::random::<u32>())
}

/// A snippet that holds a mark, as a user might write it.
pub(super) fn snippet(mark: &str) -> String {
    format!("Ticket {mark} was handed in.")
}

/// Notes the exchange of an answer, however it ended.
pub(super) fn note<T>(answer: &Result<Exchange<T>, CallError>, evidence: &mut Evidence) {
    match answer {
        Ok(exchange) => evidence.exchange(&exchange.record),
        Err(error) => error.record().into_iter().for_each(|record| evidence.exchange(record)),
    }
}

/// Whether it was the limit that refused, which says nothing about what was asked for.
pub(super) fn is_limit(error: &CallError) -> bool {
    error.reason() == FailureReason::RateLimited
}

/// A time as people read it.
pub(super) fn seconds(time: StdDuration) -> String {
    let millis = time.as_millis();
    if millis < 1000 { format!("{millis} ms") } else { format!("{:.1} s", time.as_secs_f64()) }
}

/// Turns for requests that are sent at once, one after another as the users' budgets allow. To be kept until the
/// requests are answered: what was taken early is sent late. Of each user one turn less is kept than a window holds, because
/// nobody can wait for a turn that he keeps himself.
pub(super) async fn turns(users: impl Iterator<Item = &User>) -> Vec<Turn> {
    let mut kept: HashMap<usize, usize> = HashMap::new();
    let mut turns = Vec::new();
    for user in users {
        let turn = user.turn().await;
        let of_user = kept.entry(user.number()).or_default();
        if *of_user + 1 < user.most() {
            *of_user += 1;
            turns.push(turn);
        }
    }
    turns
}

impl Scene {
    /// How many requests all users together may send in one window; nothing if there is no limit.
    pub(super) fn capacity(&self) -> Option<usize> {
        let requests = usize::try_from(self.promises.settings.rate_limit.requests).unwrap_or(usize::MAX);
        (requests > 0).then(|| requests.saturating_mul(self.users.all().len()))
    }

    /// About how long so many requests take within the users' budgets, when each takes `each` and all wait in turn.
    pub(super) fn time_for(&self, requests: usize, each: StdDuration) -> StdDuration {
        let windows = self.capacity().map_or(0, |capacity| requests.saturating_sub(1) / capacity.max(1));
        let own = each.saturating_mul(u32::try_from(requests).unwrap_or(u32::MAX));
        let per = self.promises.settings.rate_limit.per.std();
        own.max(per.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX)))
    }

    /// A turn of the chat's user, and how long it was waited for.
    async fn turn_of(&self, chat: &Chat) -> (Turn, StdDuration) {
        let watch = Stopwatch::start();
        let turn = chat.user.turn().await;
        (turn, watch.elapsed())
    }

    /// Sends a snippet with `mark` in it and follows it until a retrieval shows the mark, for `within` at most.
    ///
    /// # Errors
    /// The snippet was not accepted, or what happened then cannot be seen.
    pub(super) async fn passage(
        &self,
        chat: &Chat,
        mark: &str,
        within: StdDuration,
        evidence: &mut Evidence,
    ) -> Result<Passage, Obstacle> {
        let (turn, _) = self.turn_of(chat).await;
        let watch = Stopwatch::start();
        let mut ours = StdDuration::ZERO;
        let answer = turn.update(&chat.id, &snippet(mark), Trigger::Test).await;
        drop(turn);
        note(&answer, evidence);
        let accepted = answer?;
        let accept = watch.elapsed();
        let mut queued = None;
        if self.database.is_some() {
            let row = self.watched(&accepted.value.queue_id, within.saturating_sub(accept)).await?;
            queued = Some(watch.elapsed() - accept);
            evidence.row(&row);
        }
        let pause = (within / MOST_READS).max(LOOK);
        loop {
            let (turn, waited) = self.turn_of(chat).await;
            ours += waited;
            let reading = Stopwatch::start();
            let answer = turn.memory(&chat.id).await;
            drop(turn);
            note(&answer, evidence);
            let (read, total) = (reading.elapsed(), watch.elapsed().saturating_sub(ours));
            if answer?.value.mentions(mark) {
                return Ok(Passage { accept, queued, read, visible: Some(total) });
            }
            if total >= within {
                return Ok(Passage { accept, queued, read, visible: None });
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Like [`Scene::settled`], but with closer looks.
    async fn watched(&self, queue_id: &str, within: StdDuration) -> Result<AuditRow, Obstacle> {
        let database = self.database()?;
        let watch = Stopwatch::start();
        loop {
            match database.audit_row(queue_id).await? {
                Some(row) if row.row.state() != RowState::Waiting || watch.elapsed() >= within => return Ok(row),
                None if watch.elapsed() >= within => {
                    return Err(Obstacle::new(format!("there is no queue row {queue_id}")));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// As many conversations, spread over all users.
    ///
    /// # Errors
    /// One was not made.
    pub(super) async fn chats(&self, count: usize, evidence: &mut Evidence) -> Result<Vec<Chat>, Obstacle> {
        let users = self.users.all();
        let mut chats = Vec::with_capacity(count);
        for n in 0..count {
            let Some(user) = users.get(n % users.len().max(1)) else { break };
            chats.push(self.chat(user, evidence).await?);
        }
        Ok(chats)
    }

    /// Sends all of these (chat, mark) at once, each with a turn taken beforehand.
    pub(super) async fn burst(&self, updates: &[(Chat, String)], evidence: &mut Evidence) -> Burst {
        let turns = turns(updates.iter().map(|(chat, _)| &chat.user)).await;
        let watch = Stopwatch::start();
        let sent = updates.iter().map(|(chat, mark)| async move {
            chat.user.client().update(&chat.id, &snippet(mark), Trigger::Test).await
        });
        let mut burst = Burst { watch, accepted: Vec::new(), refused: Vec::new(), limited: 0, times: Vec::new() };
        for ((chat, mark), answer) in updates.iter().zip(join_all(sent).await) {
            note(&answer, evidence);
            match answer {
                Ok(accepted) => {
                    burst.times.push(accepted.record.timings.total);
                    burst.accepted.push(Sent {
                        queue_id: accepted.value.queue_id,
                        chat_id: chat.id.clone(),
                        mark: mark.clone(),
                        complete: None,
                    });
                }
                Err(error) if is_limit(&error) => burst.limited += 1,
                Err(error) => burst.refused.push(error.to_string()),
            }
        }
        drop(turns);
        burst
    }

    /// Looks at the rows of a burst until all are complete or given up, or nothing moves for `patience`; answers with
    /// all rows of its chats.
    ///
    /// # Errors
    /// There is no database, or it gives no answer.
    pub(super) async fn follow(&self, burst: &mut Burst, patience: StdDuration) -> Result<Vec<AuditRow>, Obstacle> {
        let database = self.database()?;
        let mut chats: Vec<String> = burst.accepted.iter().map(|sent| sent.chat_id.clone()).collect();
        chats.sort();
        chats.dedup();
        let (mut moved, mut before) = (Stopwatch::start(), usize::MAX);
        loop {
            let rows = database.rows_of(&chats).await?;
            let now = burst.watch.elapsed();
            let mut open = 0;
            for sent in burst.accepted.iter_mut().filter(|sent| sent.complete.is_none()) {
                let row = rows.iter().find(|row| row.id == sent.queue_id);
                match row.map(|row| row.row.state()) {
                    Some(RowState::Complete) => sent.complete = Some(now),
                    Some(RowState::GivenUp) => {}
                    Some(RowState::Waiting) | None => open += 1,
                }
            }
            if open == 0 {
                return Ok(rows);
            }
            if open < before {
                (moved, before) = (Stopwatch::start(), open);
            } else if moved.elapsed() >= patience {
                return Ok(rows);
            }
            tokio::time::sleep(LOOK_AT_MANY).await;
        }
    }
}

/// Updates that were sent at once.
pub(super) struct Burst {
    /// Since all of them were sent.
    pub(super) watch: Stopwatch,
    /// Those that were accepted.
    pub(super) accepted: Vec<Sent>,
    /// Why others were not.
    pub(super) refused: Vec<String>,
    /// Those that a rate limit refused.
    pub(super) limited: usize,
    /// How long the requests took that were accepted.
    pub(super) times: Vec<StdDuration>,
}

/// One accepted update.
pub(super) struct Sent {
    pub(super) queue_id: String,
    pub(super) chat_id: String,
    pub(super) mark: String,
    /// When its row was first seen complete, from the start of the burst.
    pub(super) complete: Option<StdDuration>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_api::{Pace, Settings, Users};
    use crate::metrics::Registry;
    use crate::model::{Clock, Duration, Secret};

    #[tokio::test(start_paused = true)]
    async fn turns_are_kept_until_the_answers_and_never_so_many_that_nobody_gets_one() {
        let settings = Settings { token: Some(Secret::new("t".into())), ..Settings::new("http://127.0.0.1:1") };
        let pace = Pace { requests: 5, per: Duration::from_secs(10) };
        let users = Users::new("main", &settings, &[], pace, &Registry::new(), &Clock::system()).unwrap();
        let kept = turns(std::iter::repeat_n(users.first(), 4)).await;
        tokio::time::advance(StdDuration::from_secs(60)).await;
        assert_eq!((kept.len(), users.room()), (4, 1), "they may be answered only now");
        drop(kept);
        tokio::time::advance(StdDuration::from_secs(10)).await;
        // More than a window holds: the last ones wait for each other, for a window each.
        let watch = Stopwatch::start();
        assert_eq!(turns(std::iter::repeat_n(users.first(), 7)).await.len(), 4);
        assert_eq!(watch.elapsed().as_secs(), 20);
    }
}
