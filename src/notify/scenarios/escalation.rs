//! Stories of acknowledgements and escalation: who is told, when, and what history hears.

use super::super::acknowledge::Request;
use super::super::history::Facts;
use super::*;
use crate::store::HistoryEntry;

/// Three people, one after the other.
const CALL: &str = "{route: {receiver: oncall, repeat_interval: 2h, \
    escalate: [{after: 15m, receiver: boss}, {after: 30m, receiver: chief}]}, \
    receivers: [{name: oncall, webhook_configs: [{url: 'http://a'}]}, \
    {name: boss, webhook_configs: [{url: 'http://a'}]}, {name: chief, webhook_configs: [{url: 'http://a'}]}]}";

fn acknowledge(world: &mut World, name: &str, expires_in: Option<&str>) {
    let request = Request {
        alerts: vec![alert(name, world.now, None, world.now).fingerprint().to_string()],
        by: "ann".to_owned(),
        comment: String::new(),
        expires_in: Some(expires_in.map(offset).unwrap_or_default()),
    };
    let spoken = world.dispatcher.plan_acknowledgement(&request, world.now).expect("it fires");
    for document in &spoken.set {
        world.disk.documents.insert(document.key.clone(), document.body.clone());
    }
    world.history.extend(spoken.history.clone());
    world.dispatcher.spoken(spoken, world.now);
}

fn withdraw(world: &mut World, name: &str) {
    let id = alert(name, world.now, None, world.now).fingerprint().to_string();
    let spoken = world.dispatcher.plan_withdrawal(&[id], world.now).expect("it is acknowledged");
    for key in &spoken.remove {
        world.disk.documents.remove(key);
    }
    world.history.extend(spoken.history.clone());
    world.dispatcher.spoken(spoken, world.now);
}

/// Runs a story: `ack NAME [TIME]`, `withdraw NAME`, and what other stories know. Lines with a receiver are what must
/// be told, and nothing else.
fn tell(yaml: &str, story: &str) -> World {
    let mut world = World::new(yaml);
    let start = world.now;
    let mut expected = Vec::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = start + offset(words[0]);
        if ["oncall", "boss", "chief"].contains(&words[1]) {
            expected.push(line.to_owned());
            continue;
        }
        world.run_until(at);
        match words[1] {
            "fire" => world.fire(words[2]),
            "resolve" => world.resolve(words[2]),
            "restart" => world.restart(),
            "reload" => world.reload(line.split_once("reload").expect("settings").1),
            "ack" => acknowledge(&mut world, words[2], words.get(3).copied()),
            "withdraw" => withdraw(&mut world, words[2]),
            "end" => {}
            other => panic!("unknown event {other}"),
        }
        world.flush();
        world.next_round = world.next_round.max(world.now);
    }
    let line = |sent: &Sent| {
        let at = Duration::from(sent.at.since(start));
        let firing = sent.names(AlertStatus::Firing).into_iter();
        let over = sent.names(AlertStatus::Resolved).into_iter().map(|name| format!("{name}(over)"));
        let names: Vec<String> = firing.chain(over).collect();
        format!("{at} {} {} {}", sent.message.receiver, sent.message.reason.as_str(), names.join(" "))
    };
    let mut happened: Vec<(Timestamp, String)> = world.sent.iter().map(|sent| (sent.at, line(sent))).collect();
    let order = |line: &str| ["oncall", "boss", "chief"].iter().position(|name| line.contains(name));
    happened.sort_by_key(|(at, line)| (*at, order(line)));
    let happened: Vec<String> = happened.into_iter().map(|(_, line)| line).collect();
    assert_eq!(happened, expected, "happened on the left, expected on the right");
    world
}

#[test]
fn what_nobody_acknowledges_is_told_further_step_by_step_and_so_is_its_end() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         15m30s boss first_notification a
         30m30s chief first_notification a
         40m resolve a
         40m30s oncall all_resolved a(over)
         40m30s boss all_resolved a(over)
         40m30s chief all_resolved a(over)
         5h end",
    );
}

#[test]
fn what_is_acknowledged_in_time_is_told_no_further_and_not_repeated() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         15m29s ack a
         5h resolve a
         5h30s oncall all_resolved a(over)
         6h end",
    );
}

#[test]
fn an_acknowledgement_between_two_steps_stops_the_second_and_who_was_told_hears_the_end() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         15m30s boss first_notification a
         20m ack a
         40m resolve a
         40m30s oncall all_resolved a(over)
         40m30s boss all_resolved a(over)
         3h end",
    );
}

#[test]
fn an_acknowledgement_that_expires_begins_the_time_anew_and_repeats_go_on() {
    let world = tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         10m ack a 20m
         45m boss first_notification a
         1h chief first_notification a
         2h30s oncall repeat a
         2h10m end",
    );
    let said: Vec<Facts> =
        world.history.iter().filter(|entry| entry.event == "unacknowledged").map(Facts::read).collect();
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].by.as_deref(), said[0].because.as_deref()), (Some("ann"), Some("its time is over")));
}

#[test]
fn an_acknowledgement_taken_back_is_as_if_it_had_never_been() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         10m ack a
         20m withdraw a
         20m boss first_notification a
         30m30s chief first_notification a
         31m end",
    );
}

#[test]
fn a_new_firing_needs_a_new_acknowledgement() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         5m ack a
         10m resolve a
         10m30s oncall all_resolved a(over)
         20m fire a
         20m30s oncall first_notification a
         35m30s boss first_notification a
         36m end",
    );
}

#[test]
fn each_alert_of_a_group_has_its_own_time_also_behind_one_that_was_told_further() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         14m fire b
         15m30s oncall new_alerts a b
         15m30s boss first_notification a
         30m30s boss new_alerts a b
         30m30s chief first_notification a
         31m ack b
         31m ack a
         46m end",
    );
}

#[test]
fn news_are_told_though_all_else_is_acknowledged() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         10m ack a
         3h fire b
         3h30s oncall new_alerts a b
         3h10m end",
    );
}

#[test]
fn neither_a_crash_nor_a_restart_forgets_an_acknowledgement_or_the_time() {
    tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         10m restart
         15m30s boss first_notification a
         20m ack a
         21m restart
         40m resolve a
         40m30s oncall all_resolved a(over)
         40m30s boss all_resolved a(over)
         41m end",
    );
}

#[test]
fn a_step_that_is_taken_out_of_the_configuration_still_tells_the_end_of_what_it_told() {
    let without = CALL.replace("{after: 15m, receiver: boss}, ", "");
    tell(
        CALL,
        &format!(
            "0s fire a
             30s oncall first_notification a
             15m30s boss first_notification a
             16m reload {without}
             30m30s chief first_notification a
             40m resolve a
             40m30s oncall all_resolved a(over)
             40m30s boss all_resolved a(over)
             40m30s chief all_resolved a(over)
             41m end"
        ),
    );
}

#[test]
fn a_step_that_comes_with_a_reload_counts_from_the_first_telling() {
    let without = "{route: {receiver: oncall, repeat_interval: 2h}, \
        receivers: [{name: oncall, webhook_configs: [{url: 'http://a'}]}]}";
    tell(
        without,
        &format!(
            "0s fire a
             30s oncall first_notification a
             10m reload {CALL}
             15m30s boss first_notification a
             20m ack a
             21m end"
        ),
    );
}

#[test]
fn history_hears_of_every_change_and_messages_say_who_takes_care() {
    let world = tell(
        CALL,
        "0s fire a
         30s oncall first_notification a
         15m30s boss first_notification a
         20m ack a
         22m fire b
         25m30s oncall new_alerts a b
         40m resolve a
         40m30s oncall some_resolved b a(over)
         40m30s boss new_alerts b a(over)
         41m end",
    );
    let heard: Vec<(&str, Option<&str>)> =
        world.history.iter().map(|entry| (entry.event.as_str(), entry.receiver.as_deref())).collect();
    let wanted = [
        ("firing", None),
        ("escalated", Some("boss")),
        ("acknowledged", None),
        ("firing", None),
        ("resolved", None),
        ("escalated", Some("boss")),
    ];
    assert_eq!(heard, wanted);
    let of = |entry: &HistoryEntry| Facts::read(entry).because.unwrap_or_default();
    assert_eq!(of(&world.history[1]), "told to oncall, and nobody acknowledged it within 15m");
    let annotation = |sent: &Sent, name: &str, key: &str| {
        let told = sent.message.alerts.iter().find(|told| told.labels.get("a") == Some(name))?;
        told.annotations.get(key).cloned()
    };
    let (boss, news) = (&world.sent[1], &world.sent[2]);
    assert_eq!(annotation(boss, "a", "escalation").as_deref(), Some("nobody acknowledged it within 15m"));
    assert!(annotation(news, "a", "acknowledged").is_some_and(|text| text.starts_with("by ann at ")));
    assert_eq!(annotation(news, "b", "acknowledged"), None);
}
