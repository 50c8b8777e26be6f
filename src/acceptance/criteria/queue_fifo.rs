//! First in, first out: within a chat always, across chats as far as several workers allow.
//!
//! Two rows say something only if both waited at the same time. Which of them was done first is told by `processed_at`
//! where it is set, otherwise by looking: in one look the later row was complete and the earlier one was not.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use super::super::steps::{nonce, together};
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use crate::model::Stopwatch;
use crate::queue::{AuditRow, RowState};

const CHATS: usize = 5;
const A_CHAT: usize = 6;
const ROUNDS: usize = 4;
/// Pairs that must have waited together, in one chat and across chats.
const FEWEST: u64 = 10;
/// The share of pairs across chats that may be overtaken: workers side by side do that to neighbours, while a queue that
/// is no queue does it to half of all pairs.
const OVERTAKEN: f64 = 0.25;
const LOOK: StdDuration = StdDuration::from_millis(8);

pub(super) const CRITERION: Criterion = Criterion {
    id: "queue-fifo",
    area: Area::Queue,
    promise: "Updates are processed in the order in which they came: strictly within a chat, and across chats up to what workers \
              side by side overtake.",
    method: "Rounds of thirty updates of five chats at once, until enough pairs of rows have waited at the same time; their order is \
             taken from processed_at, or from looks every few milliseconds. Within a chat one inversion fails; across chats a \
             quarter of the pairs, because several workers may overtake each other there.",
    needs: &[Need::Database],
    estimate: |scene| scene.paced(2 * 35, 5) + scene.updates(8),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

/// Pairs that waited together, and those of them whose later row was done first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Pairs {
    together: u64,
    inverted: u64,
}

/// When a row was seen: in which looks it was waiting, and in which it was complete first.
#[derive(Debug, Default)]
struct Seen {
    /// As last seen.
    row: Option<AuditRow>,
    first: usize,
    complete: Option<usize>,
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let (mut within, mut across, mut rows) = (Pairs::default(), Pairs::default(), 0);
    for _ in 0..ROUNDS {
        let seen = round(scene, evidence).await?;
        rows += seen.len();
        let (chat, all) = pairs(&seen);
        within = Pairs { together: within.together + chat.together, inverted: within.inverted + chat.inverted };
        across = Pairs { together: across.together + all.together, inverted: across.inverted + all.inverted };
        if within.inverted > 0 || (within.together >= FEWEST && across.together >= FEWEST) {
            break;
        }
    }
    let words = format!(
        "of {rows} rows, {} pairs within a chat waited together and {} were overtaken; across chats {} of {}",
        within.together, within.inverted, across.inverted, across.together
    );
    let kept = |pairs: Pairs| pairs.together - pairs.inverted;
    evidence.share("pairs within a chat in order", kept(within), within.together, Some(1.0));
    evidence.share("pairs across chats in order", kept(across), across.together, Some(1.0 - OVERTAKEN));
    if within.inverted > 0 {
        return Ok(Finding::fail(words));
    }
    if within.together < FEWEST || across.together < FEWEST {
        return Err(Obstacle::new(format!("too few updates waited at the same time to be overtaken: {words}")));
    }
    if across.inverted > 0 {
        evidence.note("rows of different chats overtook each other, as workers side by side do");
    }
    Ok(Finding::when(across.inverted as f64 <= OVERTAKEN * across.together as f64, words))
}

/// Sends updates of several chats at once and looks until all are done.
async fn round(scene: &Scene, evidence: &mut Evidence) -> Result<Vec<Seen>, Obstacle> {
    let mut chats = Vec::new();
    for turn in 0..CHATS {
        chats.push(scene.chat(scene.user(turn), evidence).await?);
    }
    let ids: Vec<String> = chats.iter().map(|chat| chat.id.clone()).collect();
    let mut own = Evidence::default();
    let ((), seen) = tokio::try_join!(send(scene, &chats, evidence), watch(scene, &ids, &mut own))?;
    evidence.absorb(own);
    Ok(seen)
}

/// Chats side by side, the updates of one chat one after the other: what was not accepted yet has no place in the order.
async fn send(scene: &Scene, chats: &[Chat], evidence: &mut Evidence) -> Result<(), Obstacle> {
    let work = chats.iter().map(|chat| async move {
        let mut own = Evidence::default();
        (send_to(scene, chat, &mut own).await, own)
    });
    together(evidence, work).await.into_iter().collect()
}

async fn send_to(scene: &Scene, chat: &Chat, evidence: &mut Evidence) -> Result<(), Obstacle> {
    for number in 0..A_CHAT {
        let snippet = format!("My code number {number} is {}. It was day {number}.", nonce());
        scene.update(chat, &snippet, evidence).await?;
    }
    Ok(())
}

async fn watch(scene: &Scene, chats: &[String], evidence: &mut Evidence) -> Result<Vec<Seen>, Obstacle> {
    let (database, patience) = (scene.database()?, scene.patience());
    let clock = Stopwatch::start();
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    for look in 0.. {
        for row in database.rows_of(chats).await? {
            let known = seen.entry(row.id.clone()).or_insert_with(|| Seen { first: look, ..Seen::default() });
            if row.row.state() == RowState::Complete && known.complete.is_none() {
                known.complete = Some(look);
            }
            known.row = Some(row);
        }
        let done = seen.values().filter(|seen| seen.complete.is_some()).count();
        if done == CHATS * A_CHAT {
            break;
        }
        if clock.elapsed() >= patience + scene.paced((CHATS * A_CHAT) as u32, CHATS) {
            let all = CHATS * A_CHAT;
            return Err(Obstacle::new(format!(
                "{done} of {all} updates were complete after {:.1} s",
                patience.as_secs_f64()
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
    let mut seen: Vec<Seen> = seen.into_values().collect();
    seen.iter().filter_map(|seen| seen.row.as_ref()).for_each(|row| evidence.row(row));
    seen.sort_by_key(|seen| seen.row.as_ref().map(|row| row.row.created_at));
    Ok(seen)
}

/// Pairs of one chat, and pairs of different chats.
fn pairs(seen: &[Seen]) -> (Pairs, Pairs) {
    let (mut within, mut across) = (Pairs::default(), Pairs::default());
    for (at, earlier) in seen.iter().enumerate() {
        for later in &seen[at + 1..] {
            let (Some(first), Some(second)) = (&earlier.row, &later.row) else { continue };
            // The clock that orders them has milliseconds here.
            if first.row.created_at == second.row.created_at {
                continue;
            }
            let Some((waited, inverted)) = order(earlier, first, later, second) else { continue };
            let pairs = if first.chat_id == second.chat_id { &mut within } else { &mut across };
            pairs.together += u64::from(waited || inverted);
            pairs.inverted += u64::from(inverted);
        }
    }
    (within, across)
}

/// Whether the two waited together, and whether the later one was done first; `None` if that cannot be told.
fn order(earlier: &Seen, first: &AuditRow, later: &Seen, second: &AuditRow) -> Option<(bool, bool)> {
    if let (Some(one), Some(two)) = (first.row.processed_at, second.row.processed_at) {
        // What was done before the other came did not wait with it.
        return Some((one > second.row.created_at, two < one));
    }
    let (one, two) = (earlier.complete?, later.complete?);
    (one != two).then_some((later.first < one, two < one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::queue::QueueRow;

    fn seen(chat: &str, created: i64, processed: Option<i64>, looks: (usize, usize)) -> Seen {
        let row = QueueRow {
            status: "complete".into(),
            created_at: Timestamp::from_millis(created),
            processed_at: processed.map(Timestamp::from_millis),
            retry_count: 0,
            error_message: None,
        };
        let row = AuditRow { id: format!("{chat}{created}"), chat_id: chat.into(), row };
        Seen { row: Some(row), first: looks.0, complete: Some(looks.1) }
    }

    #[test]
    fn only_rows_that_waited_together_count_and_each_kind_of_pair_by_itself() {
        let in_order = [
            seen("a", 1, Some(10), (0, 1)),
            seen("a", 2, Some(11), (0, 1)),
            seen("b", 3, Some(12), (0, 1)),
            seen("a", 50, Some(60), (5, 6)),
        ];
        let (within, across) = pairs(&in_order);
        assert_eq!(within, Pairs { together: 1, inverted: 0 }, "the fourth came when the first two were done");
        assert_eq!(across, Pairs { together: 2, inverted: 0 });
        let (within, _) = pairs(&[seen("a", 1, Some(20), (0, 1)), seen("a", 2, Some(10), (0, 1))]);
        assert_eq!(within, Pairs { together: 1, inverted: 1 });
    }

    #[test]
    fn without_processed_at_the_looks_tell_and_one_look_tells_nothing() {
        let (within, _) = pairs(&[seen("a", 1, None, (0, 3)), seen("a", 2, None, (1, 2)), seen("a", 3, None, (1, 3))]);
        assert_eq!(within, Pairs { together: 2, inverted: 1 });
    }
}
