//! Random lives against a small specification: whatever happens, and whenever the process dies, every firing
//! is told, every told firing's end is told, and nothing is told twice without cause.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Where in its work the process dies.
#[derive(Debug, Clone, Copy)]
enum Crash {
    /// With everything on disk.
    Idle,
    /// After reports came in, before anything of them was stored.
    BeforeSaving,
    /// After deciding, before the transaction.
    BeforeCommit,
    /// After the transaction, before memory moved on and before what followed was stored.
    AfterCommit,
    /// The same, and the alerts could not be stored before it either.
    AlertsUnsaved,
}

#[derive(Debug, Clone)]
enum Event {
    Fire(usize),
    Resolve(usize),
    Wait(u32),
    /// Decides, and while the transaction runs the alert begins or ends.
    Between(usize, bool),
    Restart(Crash),
    Reload(bool),
}

const NAMES: [&str; 5] = ["x-1", "x-2", "y-1", "y-2", "z-1"];
const PLAIN: &str = "{route: {receiver: a, group_by: [g], repeat_interval: 47m}, \
    receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}";
const OTHER: &str = "{route: {receiver: a, group_by: [g], group_wait: 10s, group_interval: 1m, repeat_interval: 20m}, \
    receivers: [{name: a, webhook_configs: [{url: 'http://b'}]}]}";

fn event() -> impl Strategy<Value = Event> {
    let crash = prop_oneof![
        Just(Crash::Idle),
        Just(Crash::BeforeSaving),
        Just(Crash::BeforeCommit),
        Just(Crash::AfterCommit),
        Just(Crash::AlertsUnsaved)
    ];
    prop_oneof![
        4 => (0..NAMES.len()).prop_map(Event::Fire),
        4 => (0..NAMES.len()).prop_map(Event::Resolve),
        6 => (1_u32..900).prop_map(Event::Wait),
        2 => (0..NAMES.len(), any::<bool>()).prop_map(|(index, fires)| Event::Between(index, fires)),
        3 => crash.prop_map(Event::Restart),
        1 => any::<bool>().prop_map(Event::Reload),
    ]
}

impl World {
    /// Dies in the middle of the work that is due now, or would be.
    fn crash(&mut self, crash: Crash) {
        if !matches!(crash, Crash::Idle | Crash::BeforeSaving) {
            // The next look, so that there is something to decide.
            self.now = self.dispatcher.next_due().map_or(self.now, |due| due.max(self.now));
        }
        match crash {
            Crash::Idle => self.flush(),
            Crash::BeforeSaving => self.round(false),
            Crash::BeforeCommit => {
                self.save();
                self.decide();
            }
            Crash::AfterCommit | Crash::AlertsUnsaved => {
                if matches!(crash, Crash::AfterCommit) {
                    self.save();
                }
                for decision in self.decide() {
                    self.commit(&decision);
                }
            }
        }
        self.restart();
    }
}

/// Decides, lets something happen, commits.
fn between(world: &mut World, name: &str, fires: bool) {
    world.save();
    let decisions = world.decide();
    if fires {
        world.fire(name)
    } else {
        world.resolve(name)
    }
    for decision in decisions {
        world.commit(&decision);
        world.dispatcher.committed(&[decision.id]);
    }
    world.save();
}

/// What the specification says of a whole life: each message had a cause in what its notifier was told before.
fn every_message_has_a_cause(sent: &[Sent]) {
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for sent in sent {
        let before = told.entry(&sent.message.group_key).or_default();
        let firing: BTreeSet<String> = sent.names(AlertStatus::Firing).into_iter().collect();
        let over: BTreeSet<String> = sent.names(AlertStatus::Resolved).into_iter().collect();
        assert!(over.is_subset(before), "told the end of what was never told: {sent:?}");
        assert!(before.difference(&firing).all(|name| over.contains(name)), "vanished without a word: {sent:?}");
        let new = !firing.is_subset(before);
        assert!(firing.difference(before).all(|name| sent.really.contains(name)), "told what does not fire: {sent:?}");
        match sent.message.reason {
            Reason::FirstNotification => assert!(before.is_empty() && new, "{sent:?}"),
            Reason::NewAlerts => assert!(!before.is_empty() && new, "{sent:?}"),
            Reason::SomeResolved => assert!(!over.is_empty() && !firing.is_empty() && !new, "{sent:?}"),
            Reason::AllResolved => assert!(!over.is_empty() && firing.is_empty(), "{sent:?}"),
            Reason::Repeat => assert!(over.is_empty() && !new && !firing.is_empty(), "{sent:?}"),
        }
        *before = firing;
    }
}

fn repeats_keep_their_distance(sent: &[Sent]) {
    let mut last: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for sent in sent {
        let before = last.insert(&sent.message.group_key, sent.at);
        if is_repeat(sent) {
            let distance = sent.at.since(before.expect("something was told before"));
            assert!(distance >= StdDuration::from_secs(20 * 60), "repeated after {distance:?}");
        }
    }
}

/// Lives through the events and judges every message and the end.
fn live(events: Vec<Event>) {
    let mut world = World::new(PLAIN);
    for event in events {
        match event {
            Event::Fire(index) => world.fire(NAMES[index]),
            Event::Resolve(index) => world.resolve(NAMES[index]),
            Event::Wait(seconds) => {
                let end = world.now + StdDuration::from_secs(u64::from(seconds));
                world.run_until(end);
            }
            Event::Between(index, fires) => {
                // The next look, so that there is something to decide.
                world.now = world.dispatcher.next_due().map_or(world.now, |due| due.max(world.now));
                between(&mut world, NAMES[index], fires);
            }
            Event::Restart(crash) => world.crash(crash),
            Event::Reload(other) => world.reload(if other { OTHER } else { PLAIN }),
        }
        every_message_has_a_cause(&world.sent);
    }
    // Long enough for every wait, interval and grace to pass.
    world.run_until(world.now + StdDuration::from_secs(16 * 60));
    let fires: BTreeSet<String> = world.firing.keys().cloned().collect();
    assert_eq!(believed(&world.sent, "webhook[0]"), fires, "what the receiver believes, and what is");
    repeats_keep_their_distance(&world.sent);
    every_message_has_a_cause(&world.sent);
    // When all is over, nothing is left behind.
    for name in NAMES {
        world.resolve(name);
    }
    world.run_until(world.now + StdDuration::from_secs(16 * 60));
    assert_eq!(believed(&world.sent, "webhook[0]"), BTreeSet::new());
    assert!(world.disk.documents.is_empty(), "left on disk: {:?}", world.disk.documents);
    assert_eq!(world.dispatcher.next_due(), None);
}

/// 64 lives in the suite; `PROPTEST_CASES` asks for more.
fn lives() -> ProptestConfig {
    let default = ProptestConfig::default();
    // 256 is what proptest takes when nobody asks.
    let cases = if default.cases == 256 { 64 } else { default.cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(lives())]

    #[test]
    fn nothing_is_lost_and_nothing_is_told_without_cause(events in prop::collection::vec(event(), 1..60)) {
        live(events);
    }
}

#[test]
fn what_was_told_before_a_crash_is_not_forgotten_with_the_group_it_stood_in() {
    use Event::{Between, Fire, Resolve, Restart};
    let crashes = [Crash::BeforeCommit, Crash::AlertsUnsaved].map(Restart);
    let [first, second] = crashes;
    live(vec![Fire(3), Resolve(3), first, Fire(2), second, Between(0, false), Fire(0)]);
}
