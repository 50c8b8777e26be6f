//! What may be attempted, when, and what is given up.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn row(id: &str, receiver: &str, group: &str, created: i64) -> OutboxRow {
    OutboxRow {
        id: id.into(),
        receiver: receiver.into(),
        notifier: "webhook[0]".into(),
        group_key: group.into(),
        body: "x".repeat(10),
        created_at: at(created),
        next_attempt_at: at(created),
        attempts: 0,
        last_error: None,
    }
}

fn ids(rows: &[OutboxRow]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

fn receiver(name: &str) -> Address {
    (name.to_owned(), "webhook[0]".to_owned())
}

/// One attempt at what is due, which ends like this, and its record.
fn attempt(queue: &mut Queue, now: Timestamp, result: Result<(), Retry>) -> Vec<Settled> {
    let due = queue.take_due(now);
    let settle = |row: &OutboxRow| {
        let settled = queue.settle(row, result, now, 1.0);
        queue.free(&address(row));
        settled
    };
    due.iter().map(settle).collect()
}

#[test]
fn one_message_at_a_time_goes_to_a_notifier_and_the_next_when_its_answer_is_recorded() {
    let mut queue = Queue::default();
    for (id, group) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        queue.push(row(id, "r", group, 0));
    }
    for id in ["a1", "a2", "b1"] {
        let due = queue.take_due(at(0));
        assert_eq!(ids(&due), [id]);
        assert!(queue.take_due(at(0)).is_empty() && queue.next_due().is_none());
        assert_eq!(queue.settle(&due[0], Ok(()), at(1), 0.0), Settled::Delivered);
        assert!(queue.take_due(at(1)).is_empty(), "{id} is not recorded yet");
        queue.free(&receiver("r"));
    }
    assert_eq!(queue.standing(), (0, None));
}

#[test]
fn a_dead_receiver_holds_up_nobody_else() {
    let mut queue = Queue::default();
    for (id, receiver, group) in [("1", "dead", "a"), ("2", "dead", "b"), ("3", "alive", "a")] {
        queue.push(row(id, receiver, group, 0));
    }
    let due = queue.take_due(at(0));
    assert_eq!(ids(&due), ["3", "1"]);
    queue.settle(&due[0], Ok(()), at(0), 1.0);
    queue.free(&receiver("alive"));
    queue.push(row("4", "alive", "a", 0));
    assert_eq!(ids(&queue.take_due(at(0))), ["4"]);
    queue.settle(&due[1], Err(Retry::Later), at(0), 1.0);
    queue.free(&receiver("dead"));
    assert_eq!(queue.next_due(), Some(at(1)));
    assert_eq!(ids(&queue.take_due(at(1))), ["2"]);
}

#[test]
fn five_failures_in_a_row_make_a_receiver_dead_and_one_success_brings_it_back() {
    let mut queue = Queue::default();
    queue.push(row("1", "r", "a", 0));
    for failures in 1..=DEAD_AFTER {
        attempt(&mut queue, at(i64::from(failures) * 1000), Err(Retry::Later));
        assert_eq!(queue.is_dead(&receiver("r")), failures == DEAD_AFTER);
    }
    let mut restarted = Queue::default();
    restarted.push(queue.backlog(&receiver("r")).remove(0));
    assert!(restarted.is_dead(&receiver("r")), "a restart does not make it well");
    attempt(&mut queue, at(10_000), Ok(()));
    assert!(!queue.is_dead(&receiver("r")));
}

#[test]
fn what_is_told_together_takes_the_place_of_its_parts_before_what_came_later() {
    let mut queue = Queue::default();
    for (id, group, created) in [("a1", "a", 0), ("b1", "b", 1), ("a2", "a", 2)] {
        queue.push(row(id, "r", group, created));
    }
    let due = queue.take_due(at(5));
    assert_eq!(ids(&due), ["a1"]);
    let backlog = queue.backlog(&receiver("r"));
    assert_eq!(ids(&backlog), ["a1", "b1", "a2"]);
    queue.push(row("a3", "r", "a", 6));
    let gone = backlog.iter().map(|row| row.id.clone()).collect();
    queue.replace(&receiver("r"), &gone, vec![row("all", "r", "a", 5)]);
    assert_eq!(queue.standing(), (2, Some(at(5))));
    assert!(queue.take_due(at(6)).is_empty(), "the one message is under way");
    assert_eq!(queue.settle(&row("all", "r", "a", 5), Ok(()), at(7), 0.0), Settled::Delivered);
    queue.free(&receiver("r"));
    assert_eq!(ids(&queue.take_due(at(7))), ["a3"]);
}

#[test]
fn a_message_that_always_fails_does_not_stand_before_the_others() {
    let mut queue = Queue::default();
    queue.push(row("bad", "r", "a", 0));
    let due = queue.take_due(at(0));
    queue.settle(&due[0], Err(Retry::Later), at(0), 1.0);
    queue.free(&receiver("r"));
    queue.push(row("good", "r", "b", 1));
    let due = queue.take_due(at(5));
    assert_eq!(ids(&due), ["good"]);
    queue.settle(&due[0], Ok(()), at(5), 1.0);
    queue.free(&receiver("r"));
    assert_eq!(ids(&queue.take_due(at(5))), ["bad"]);
}

#[test]
fn pauses_double_up_to_five_minutes_and_end_after_a_day() {
    let mut queue = Queue::default();
    queue.push(row("1", "r", "a", 0));
    let (mut now, mut pauses) = (at(0), Vec::new());
    loop {
        let settled = attempt(&mut queue, now, Err(Retry::Later));
        assert_eq!(settled.len(), 1);
        match settled[0] {
            Settled::Postponed { next, .. } => {
                pauses.push(next.since(now).as_secs());
                now = next;
            }
            settled => {
                assert_eq!(settled, Settled::Dropped);
                break;
            }
        }
    }
    assert_eq!(pauses[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert!(now >= at(24 * 3600) && now < at(24 * 3600 + 300), "{now}");
    assert_eq!(queue.standing(), (0, None));
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let mut queue = Queue::default();
    queue.push(row("1", "r", "a", 0));
    queue.push(row("2", "r", "b", 0));
    attempt(&mut queue, at(0), Err(Retry::After(StdDuration::from_secs(90))));
    assert_eq!(queue.next_due(), Some(at(90)));
    assert!(queue.take_due(at(89)).is_empty());
}

#[test]
fn what_is_refused_for_good_is_dropped_at_once() {
    let mut queue = Queue::default();
    queue.push(row("1", "r", "a", 0));
    let due = queue.take_due(at(0));
    assert_eq!(queue.settle(&due[0], Err(Retry::Never), at(0), 1.0), Settled::Dropped);
    assert_eq!(queue.standing(), (0, None));
}

#[test]
fn a_full_outbox_gives_up_what_a_newer_message_about_the_same_group_follows() {
    let mut queue = Queue::default();
    queue.push(row("only word about a", "r", "a", 0));
    for n in 0..MOST_WAITING - 1 {
        assert!(queue.push(row(&format!("b{n}"), "r", "b", 1)).is_empty());
    }
    assert_eq!(ids(&queue.push(row("last", "r", "b", 2))), ["b0"]);
    assert_eq!(queue.standing(), (MOST_WAITING, Some(at(0))));
}

#[test]
fn the_same_message_waits_once() {
    let mut queue = Queue::default();
    queue.push(row("1", "r", "a", 0));
    queue.push(row("1", "r", "a", 0));
    assert_eq!(queue.standing().0, 1);
}
