//! A backlog is worked off in order, and the API does not notice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use crate::model::Stopwatch;
use crate::queue::{AuditRow, Chaos, RowState};

use super::super::passage::{mark, seconds, snippet};
use super::super::share::Standing;
use super::super::tally::Tally;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use super::retrieval_latency::Reads;

/// Twice the depth at which somebody is paged, and how long that may last before somebody is.
const BACKLOG: usize = 200;
const LONGEST: StdDuration = StdDuration::from_secs(300);
const CHATS: u32 = 20;
const AGO: StdDuration = StdDuration::from_secs(60);
/// Retrievals beside it.
const READS: (u64, u64) = (20, 60);
const READS_A_LOOK: usize = 5;
const LOOK: StdDuration = StdDuration::from_millis(100);

pub(super) const CRITERION: Criterion = Criterion {
    id: "drains-backlog",
    area: Area::Faults,
    promise: "A backlog is worked off within five minutes, each conversation in order, while the API keeps its promises.",
    method: "Two hundred rows in twenty conversations are queued by SQL as if the worker had been away for a minute. \
             Their rows are watched until all are complete; retrievals are measured meanwhile. Within a conversation \
             no row may be complete while an older one is open, nor be processed before it.",
    needs: &[Need::Database, Need::Chaos],
    // Rows come faster than single updates become visible, by how much is what is measured.
    estimate: |scene| scene.time_for(40, StdDuration::from_millis(20)) + scene.promises.update_visible.0 * 20,
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let chaos = scene.chaos()?;
    let chat = scene.chat(scene.users.freest(), evidence).await?;
    scene.remember(&chat, &snippet(&mark()), scene.patience(), evidence).await?;
    let template = scene.chat(scene.users.freest(), evidence).await?;
    let copies = chaos.copy(&template.id, CHATS).await?;
    let finding = measure(scene, &chaos, &chat, &copies, evidence).await;
    match chaos.remove(&copies).await {
        Ok(removed) => evidence.note(format!("{removed} conversations of the backlog were removed again")),
        Err(error) => evidence.note(format!("the backlog is removed at the end of the run, for now: {error}")),
    }
    finding
}

async fn measure(
    scene: &Scene,
    chaos: &Chaos,
    chat: &Chat,
    copies: &[String],
    evidence: &mut Evidence,
) -> Result<Finding, Obstacle> {
    let backlog: Vec<(String, String)> =
        copies.iter().cycle().take(BACKLOG).map(|copy| (copy.clone(), snippet(&mark()))).collect();
    chaos.enqueue(&backlog, AGO).await?;
    let (promise, share) = scene.promises.retrieval;
    let mut reads = Reads::new(Tally::new(share, READS.0, READS.1));
    let (watch, mut moved) = (Stopwatch::start(), Stopwatch::start());
    let (mut left, mut overtaken) = (BACKLOG, BTreeSet::new());
    let drained = loop {
        let rows = scene.database()?.rows_of(copies).await?;
        overtaken.extend(overtakers(&rows));
        let open = rows.iter().filter(|row| row.row.state() == RowState::Waiting).count();
        if open < left {
            (left, moved) = (open, Stopwatch::start());
        }
        if open == 0 {
            rows.iter().take(5).for_each(|row| evidence.row(row));
            let failed = rows.iter().filter(|row| row.row.state() == RowState::GivenUp).count();
            break Ok((watch.elapsed(), failed));
        }
        if moved.elapsed() >= scene.patience() || watch.elapsed() >= LONGEST {
            break Err(open);
        }
        // Only what is read beside the backlog says something about it.
        for _ in 0..READS_A_LOOK {
            if !reads.tally.is_decided() {
                reads.read(chat, promise, evidence).await?;
            }
        }
        tokio::time::sleep(LOOK).await;
    };
    evidence.share("retrievals in time beside a backlog", reads.tally.part(), reads.tally.whole(), Some(share));
    Ok(finding(drained, overtaken.len(), &reads.tally, promise, evidence))
}

/// Rows that are complete although an older row of their conversation is open, or was processed later.
fn overtakers(rows: &[AuditRow]) -> Vec<String> {
    let mut chats: BTreeMap<&str, Vec<&AuditRow>> = BTreeMap::new();
    for row in rows {
        chats.entry(&row.chat_id).or_default().push(row);
    }
    let mut found = Vec::new();
    for rows in chats.values() {
        for pair in rows.windows(2) {
            let [older, newer] = pair else { continue };
            if newer.row.state() != RowState::Complete {
                continue;
            }
            let later = matches!((older.row.processed_at, newer.row.processed_at), (Some(a), Some(b)) if a > b);
            if older.row.state() == RowState::Waiting || later {
                found.push(newer.id.clone());
            }
        }
    }
    found
}

fn finding(
    drained: Result<(StdDuration, usize), usize>,
    overtaken: usize,
    reads: &Tally,
    promise: StdDuration,
    evidence: &mut Evidence,
) -> Finding {
    let mut wrong = Vec::new();
    let mut told =
        format!("{} of {} retrievals beside it took at most {}", reads.part(), reads.whole(), seconds(promise));
    match drained {
        Ok((took, failed)) => {
            #[allow(clippy::cast_precision_loss)] // two hundred
            let rate = BACKLOG as f64 / took.as_secs_f64().max(0.001);
            evidence.number("backlog worked off in", "seconds", took.as_secs_f64(), Some(LONGEST.as_secs_f64()));
            told = format!("{BACKLOG} rows were worked off in {}, {rate:.0} a second; {told}", seconds(took));
            if failed > 0 {
                wrong.push(format!("{failed} of {BACKLOG} rows were given up"));
            }
        }
        Err(open) => wrong.push(format!("{open} of {BACKLOG} rows of the backlog stayed open")),
    }
    evidence.case(
        "order within conversations",
        "0 rows overtake an older one",
        overtaken.to_string(),
        Some(overtaken == 0),
    );
    if overtaken > 0 {
        wrong.push(format!("{overtaken} rows overtook an older one of their conversation"));
    }
    if reads.standing() == Standing::Broken {
        wrong.push("retrievals broke their promise meanwhile".to_owned());
    }
    match (wrong.is_empty(), reads.standing()) {
        (false, _) => Finding::fail(format!("{}; {told}", wrong.join("; "))),
        (true, Standing::Open) => Finding::not_judged(format!("too few retrievals to tell: {told}")),
        (true, _) => Finding::pass(told),
    }
}
