//! Scripts of reads: what was listed, what must have been counted.

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000;

fn row(id: &str, second: i64, state: State) -> Row {
    Row { id: id.to_owned(), created: second * SECOND, processed: None, state }
}

fn whole(rows: Vec<Row>) -> Listing {
    Listing { rows, truncated: false }
}

/// A read that sees all of these rows, as the database would list them with lists of `list` rows.
fn read_of(ledger: &Ledger, now: i64, table: &[Row], list: usize) -> Lists {
    let since = ledger.since().unwrap_or(now * SECOND - OVERLAP);
    let listing = |state: State, from: i64| {
        let mut rows: Vec<Row> =
            table.iter().filter(|row| row.state == state && row.created >= from).cloned().collect();
        rows.sort_by_key(|row| row.created);
        let truncated = rows.len() >= list;
        rows.truncate(list);
        Listing { rows, truncated }
    };
    Lists {
        now: now * SECOND,
        recent: vec![listing(State::Open, since), listing(State::Complete, since), listing(State::Failed, since)],
        open: vec![listing(State::Open, i64::MIN)],
    }
}

/// Reads, looks up what vanished, and answers what was counted.
fn read(ledger: &mut Ledger, now: i64, table: &[Row], list: usize) -> (u64, usize) {
    let changes = ledger.take(&read_of(ledger, now, table, list));
    let asked = ledger.vanished().to_vec();
    let found: Vec<Row> = table.iter().filter(|row| asked.contains(&row.id)).cloned().collect();
    let settled = ledger.settle(&asked, &found);
    (changes.enqueued, changes.completed.len() + settled.completed.len())
}

#[test]
fn the_first_read_counts_nothing() {
    let table = [row("a", 95, State::Open), row("b", 96, State::Complete), row("c", 1, State::Open)];
    assert_eq!(read(&mut Ledger::default(), 100, &table, 100), (0, 0));
}

#[test]
fn a_row_is_counted_when_it_comes_and_when_it_completes() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[], 100);
    assert_eq!(read(&mut ledger, 115, &[row("a", 110, State::Open)], 100), (1, 0));
    assert_eq!(read(&mut ledger, 130, &[row("a", 110, State::Open)], 100), (0, 0));
    assert_eq!(read(&mut ledger, 145, &[row("a", 110, State::Complete)], 100), (0, 1));
    assert_eq!(read(&mut ledger, 160, &[row("a", 110, State::Complete)], 100), (0, 0));
}

#[test]
fn a_row_that_comes_and_completes_between_two_reads_is_counted_as_both() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[], 100);
    assert_eq!(read(&mut ledger, 115, &[row("a", 110, State::Complete)], 100), (1, 1));
    assert_eq!(read(&mut ledger, 116, &[row("a", 110, State::Complete)], 100), (0, 0));
}

#[test]
fn a_row_whose_insert_commits_late_is_counted_once() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[], 100);
    // Created at 98, before the first read, and visible only now.
    assert_eq!(read(&mut ledger, 105, &[row("a", 98, State::Open)], 100), (1, 0));
    assert_eq!(read(&mut ledger, 110, &[row("a", 98, State::Open)], 100), (0, 0));
}

#[test]
fn a_deleted_row_did_not_complete() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[row("old", 1, State::Open), row("new", 99, State::Open)], 100);
    assert_eq!(read(&mut ledger, 115, &[], 100), (0, 0));
}

#[test]
fn a_failed_row_did_not_complete_until_it_is_queued_again_and_does() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[row("a", 1, State::Open)], 100);
    assert_eq!(read(&mut ledger, 115, &[row("a", 1, State::Failed)], 100), (0, 0));
    assert_eq!(read(&mut ledger, 130, &[row("a", 1, State::Open)], 100), (0, 0));
    assert_eq!(read(&mut ledger, 145, &[row("a", 1, State::Complete)], 100), (0, 1));
}

#[test]
fn what_happens_while_the_database_is_away_is_counted_when_it_is_back() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[row("a", 90, State::Open)], 100);
    let after = [row("a", 90, State::Complete), row("b", 300, State::Complete), row("c", 900, State::Open)];
    assert_eq!(read(&mut ledger, 1_000, &after, 100), (2, 2));
}

#[test]
fn a_lookup_that_fails_is_made_good_at_the_next_read() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[row("a", 1, State::Open)], 100);
    let table = [row("a", 1, State::Complete)];
    assert_eq!(ledger.take(&read_of(&ledger, 115, &table, 100)), Changes::default());
    assert_eq!(ledger.vanished(), ["a"]);
    assert_eq!(read(&mut ledger, 130, &table, 100), (0, 1));
}

#[test]
fn a_burst_longer_than_a_list_is_counted_over_several_reads() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[], 10);
    let burst: Vec<Row> = (0..35).map(|n| row(&format!("{n}"), 101 + n % 12, State::Complete)).collect();
    let mut counted = (0, 0);
    for now in [115, 130, 145, 160, 175] {
        let (enqueued, completed) = read(&mut ledger, now, &burst, 10);
        counted = (counted.0 + enqueued, counted.1 + completed);
    }
    assert_eq!(counted, (35, 35));
}

#[test]
fn more_rows_at_one_instant_than_a_list_holds_do_not_stop_the_count_of_later_ones() {
    let mut ledger = Ledger::default();
    read(&mut ledger, 100, &[], 10);
    let mut table: Vec<Row> = (0..30).map(|n| row(&format!("{n}"), 110, State::Complete)).collect();
    table.push(row("later", 120, State::Complete));
    let counted: u64 = [115, 130, 145, 160].map(|now| read(&mut ledger, now, &table, 10).0).iter().sum();
    assert_eq!(counted, 11, "one list's worth of the instant, and the later row");
}

#[test]
fn a_clock_that_goes_back_sets_a_new_baseline() {
    let mut ledger = Ledger::default();
    let table = [row("a", 999, State::Complete), row("b", 495, State::Complete)];
    read(&mut ledger, 1_000, &table, 100);
    assert_eq!(read(&mut ledger, 500, &table, 100), (0, 0));
}

#[test]
fn processing_time_is_what_the_service_wrote_or_at_most_until_it_was_seen() {
    let mut ledger = Ledger::default();
    ledger.take(&Lists { now: 100 * SECOND, ..Lists::default() });
    let written = Row { processed: Some(112 * SECOND), ..row("a", 110, State::Complete) };
    let lists =
        Lists { now: 115 * SECOND, recent: vec![whole(vec![written, row("b", 111, State::Complete)])], open: vec![] };
    assert_eq!(ledger.take(&lists).completed, [2 * SECOND, 4 * SECOND]);
}

proptest! {
    /// First-in, first-out rows whose lives end in completion: whenever reads happen, all are counted once.
    #[test]
    fn every_row_of_a_fifo_queue_is_counted_exactly_once(
        arrivals in proptest::collection::vec((0_i64..200, 0_i64..9, 0_i64..60), 0..80),
        mut reads in proptest::collection::vec(0_i64..300, 0..30),
    ) {
        reads.sort_unstable();
        let mut arrivals = arrivals;
        arrivals.sort_unstable();
        let mut done = 0;
        // Created, visible a little later, complete in the order of arrival.
        let lives: Vec<(String, i64, i64, i64)> = arrivals.iter().enumerate().map(|(n, (at, late, takes))| {
            done = done.max(at + late + takes);
            (n.to_string(), 1_000 + at, 1_000 + at + late, 1_000 + done)
        }).collect();
        let mut ledger = Ledger::default();
        let table_at = |now: i64| -> Vec<Row> {
            lives.iter().filter(|life| life.2 <= now).map(|life| {
                row(&life.0, life.1, if life.3 <= now { State::Complete } else { State::Open })
            }).collect()
        };
        read(&mut ledger, 999, &table_at(999), 40);
        let mut counted = (0, 0);
        for now in reads.into_iter().map(|at| 1_000 + at).chain([5_000, 5_015, 5_030, 5_045, 5_060]) {
            let (enqueued, completed) = read(&mut ledger, now, &table_at(now), 40);
            counted = (counted.0 + enqueued, counted.1 + completed);
        }
        prop_assert_eq!(counted, (lives.len() as u64, lives.len()));
    }
}
