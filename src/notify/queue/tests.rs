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

#[test]
fn messages_about_one_group_go_one_after_the_other() {
    let mut queue = Queue::default();
    for (id, group) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        queue.push(row(id, "r", group, 0));
    }
    let due = queue.take_due(at(0), 64);
    assert_eq!(ids(&due), ["a1", "b1"]);
    assert!(queue.take_due(at(0), 64).is_empty());
    assert_eq!(queue.settle(&due[0], Ok(()), at(1), 0.0), Settled::Delivered);
    assert_eq!(ids(&queue.take_due(at(1), 64)), ["a2"]);
}

#[test]
fn a_dead_receiver_holds_up_nobody_else_and_is_tried_with_one_message_at_a_time() {
    let mut queue = Queue::default();
    for (id, receiver, group) in [("1", "dead", "a"), ("2", "dead", "b"), ("3", "alive", "a")] {
        queue.push(row(id, receiver, group, 0));
    }
    let due = queue.take_due(at(0), 64);
    assert_eq!(ids(&due), ["3", "1", "2"]);
    queue.settle(&due[1], Err(Retry::Later), at(0), 1.0);
    queue.settle(&due[2], Err(Retry::Later), at(0), 1.0);
    queue.settle(&due[0], Ok(()), at(0), 1.0);
    queue.push(row("4", "alive", "a", 0));
    assert_eq!(ids(&queue.take_due(at(0), 64)), ["4"]);
    assert_eq!(queue.next_due(), Some(at(2)));
    assert_eq!(queue.take_due(at(2), 64).len(), 1);
}

#[test]
fn a_message_that_always_fails_does_not_stand_before_the_others() {
    let mut queue = Queue::default();
    queue.push(row("bad", "r", "a", 0));
    let due = queue.take_due(at(0), 64);
    queue.settle(&due[0], Err(Retry::Later), at(0), 1.0);
    queue.push(row("good", "r", "b", 1));
    let due = queue.take_due(at(5), 64);
    assert_eq!(ids(&due), ["good"]);
    queue.settle(&due[0], Ok(()), at(5), 1.0);
    assert_eq!(ids(&queue.take_due(at(5), 64)), ["bad"]);
}

#[test]
fn pauses_double_up_to_five_minutes_and_end_after_a_day() {
    let mut queue = Queue::default();
    queue.push(row("1", "r", "a", 0));
    let (mut now, mut pauses) = (at(0), Vec::new());
    loop {
        let due = queue.take_due(now, 64);
        assert_eq!(due.len(), 1);
        match queue.settle(&due[0], Err(Retry::Later), now, 1.0) {
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
    let due = queue.take_due(at(0), 64);
    queue.settle(&due[0], Err(Retry::After(StdDuration::from_secs(90))), at(0), 1.0);
    queue.settle(&due[1], Ok(()), at(0), 1.0);
    assert_eq!(queue.next_due(), Some(at(90)));
}

#[test]
fn what_is_refused_for_good_is_dropped_at_once() {
    let mut queue = Queue::default();
    queue.push(row("1", "r", "a", 0));
    let due = queue.take_due(at(0), 64);
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
