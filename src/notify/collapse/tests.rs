//! What is left of a backlog: everything that fired and everything that was over, once.

use super::*;
use crate::model::AlertStatus;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn told(group: &str, shard: &str, starts: i64, ends: Option<i64>) -> Told {
    let labels = Labels::from_pairs([("alertname", group), ("shard", shard)]);
    let mut told =
        Told { fingerprint: labels.fingerprint().to_string(), labels, starts_at: at(starts), ..Told::default() };
    if let Some(end) = ends {
        told.end(at(end));
    }
    told
}

fn message(id: &str, group: &str, decided: i64, reason: Reason, alerts: Vec<Told>) -> Waiting {
    let group_labels = Labels::from_pairs([("alertname", group)]);
    let notification = Notification {
        receiver: "r".into(),
        group_key: format!("{{}}:{group_labels}"),
        thread: format!("thread of {group}"),
        reason,
        decided_at: at(decided),
        group_labels,
        alerts,
        ..Notification::sample(at(decided))
    };
    let row = OutboxRow {
        id: id.into(),
        receiver: "r".into(),
        notifier: "webhook[0]".into(),
        group_key: notification.group_key.clone(),
        body: serde_json::to_string(&notification).expect("JSON"),
        created_at: at(decided),
        next_attempt_at: at(decided),
        attempts: 3,
        last_error: Some("refused".into()),
    };
    Waiting { row, notification }
}

fn backlog() -> Vec<Waiting> {
    use Reason::{AllResolved, FirstNotification, NewAlerts, SomeResolved};
    vec![
        message("a1", "A", 10, FirstNotification, vec![told("A", "1", 5, None)]),
        message("b1", "B", 20, FirstNotification, vec![told("B", "1", 15, None)]),
        message("a2", "A", 30, NewAlerts, vec![told("A", "1", 5, None), told("A", "2", 25, None)]),
        message("b2", "B", 40, AllResolved, vec![told("B", "1", 15, Some(35))]),
        message("a3", "A", 50, SomeResolved, vec![told("A", "2", 25, None), told("A", "1", 5, Some(45))]),
    ]
}

fn read(merged: &Replacement) -> Notification {
    serde_json::from_str(&merged.row.body).expect("a notification")
}

fn states(notification: &Notification) -> Vec<(String, String, AlertStatus)> {
    let one = |told: &Told| (told.name().to_owned(), told.labels.get("shard").unwrap_or("").to_owned(), told.status);
    notification.alerts.iter().map(one).collect()
}

#[test]
fn programs_get_one_message_for_each_group_under_its_own_key() {
    let merged = collapse(backlog(), false, at(60), |_| None);
    let [a, b] = merged.as_slice() else { panic!("{} messages", merged.len()) };
    assert_eq!((a.gone.join(" "), b.gone.join(" ")), ("a1 a2 a3".to_owned(), "b1 b2".to_owned()));
    let (a, b) = (read(a), read(b));
    assert_eq!((a.group_key.as_str(), b.group_key.as_str()), ("{}:{alertname=\"A\"}", "{}:{alertname=\"B\"}"));
    let (firing, resolved) = (AlertStatus::Firing, AlertStatus::Resolved);
    assert_eq!(states(&a), [("A".into(), "2".into(), firing), ("A".into(), "1".into(), resolved)]);
    assert_eq!(states(&b), [("B".into(), "1".into(), resolved)]);
    assert_eq!((a.reason, b.reason), (Reason::FirstNotification, Reason::AllResolved));
    assert_eq!(a.collapsed, Some(Collapsed { messages: 3, since: at(10) }));
    assert_eq!(a.thread, "thread of A");
}

#[test]
fn people_get_one_message_for_everything() {
    let merged = collapse(backlog(), true, at(60), |_| None);
    let [one] = merged.as_slice() else { panic!("{} messages", merged.len()) };
    let told = read(one);
    assert_eq!(told.group_key, "{}:{}");
    assert_eq!(one.row.group_key, told.group_key);
    assert_eq!(states(&told).len(), 3);
    assert_eq!(told.collapsed, Some(Collapsed { messages: 5, since: at(10) }));
    assert_eq!((one.row.attempts, one.row.created_at, one.row.next_attempt_at), (3, at(50), at(60)));
}

#[test]
fn what_came_after_a_collapse_is_told_with_it_the_next_time() {
    let first = collapse(backlog(), true, at(60), |_| None).pop().expect("one");
    let notification = read(&first);
    let later = message("a4", "A", 70, Reason::AllResolved, vec![told("A", "2", 25, Some(65))]);
    let again = vec![Waiting { row: first.row, notification }, later];
    let told = read(&collapse(again, true, at(80), |_| None).pop().expect("one"));
    assert!(states(&told).iter().all(|(.., status)| *status == AlertStatus::Resolved), "{told:?}");
    assert_eq!((told.alerts.len(), told.reason), (3, Reason::AllResolved));
    assert_eq!(told.collapsed, Some(Collapsed { messages: 6, since: at(10) }));
}

#[test]
fn who_is_not_told_of_resolves_is_not_told_either_that_what_is_over_fires() {
    let over = |told: &Told| (told.name() == "A" && told.ends_at.is_none()).then(|| at(55));
    let told = read(&collapse(backlog(), true, at(60), over).pop().expect("one"));
    assert_eq!(told.reason, Reason::AllResolved);
    assert!(told.alerts.iter().any(|alert| alert.ends_at == Some(at(55))));
}

#[test]
fn a_message_that_stands_alone_stays_as_it_is() {
    let mut waiting = backlog();
    waiting.truncate(2);
    assert!(collapse(waiting, false, at(60), |_| None).is_empty());
}

#[test]
fn the_same_backlog_has_the_same_key_and_another_has_another() {
    let id = |waiting| collapse(waiting, true, at(60), |_| None).pop().expect("one").row.id;
    assert_eq!(id(backlog()), id(backlog()));
    assert_ne!(id(backlog()), id(backlog().split_off(1)));
}
