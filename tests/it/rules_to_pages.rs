//! Random samples through the real rules, the real dispatcher and the real queue, over a test clock: with reloads of both,
//! restarts, silences, inhibition and a receiver that refuses. What is told is what a small specification of `for` says, each
//! firing and each end once, and all of it is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use memsentry::metrics::Registry;
use memsentry::model::{AlertStatus, Duration, Labels, Timestamp, parse_conditions};
use memsentry::notify::{Dispatcher, Draft, Notification, Plan, Settings};
use memsentry::promql::Limits;
use memsentry::rules::{Options, RuleSet, Source};
use memsentry::store::{Document, NotificationLogRow};
use memsentry::tsdb::{self, Tsdb};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use receiver::{Mood, Receiver};

mod receiver;

const LIMITS: Limits =
    Limits { max_samples: 1_000_000, timeout: Duration::from_secs(10), lookback: Duration::from_secs(300) };
/// Between two samples, and two evaluations.
const TICK: StdDuration = StdDuration::from_secs(5);
/// `for` of the rules: the boss fires at once, the others not.
const HOLD: StdDuration = StdDuration::from_secs(30);
const NAMES: [&str; 4] = ["a", "b", "c", "boss"];
/// The series that the boss inhibits.
const INHIBITED: &str = "c";

fn rules(text: &str) -> RuleSet {
    let down = |name: &str, of: &str, hold: &str| {
        format!(
            "  - name: {name}\n    interval: 5s\n    rules:\n      - alert: Down\n        expr: up{{x{of}\"boss\"}} == 0\n        \
             for: {hold}\n        annotations: {{text: '{text}'}}\n"
        )
    };
    let text = format!("groups:\n{}{}", down("hosts", "!=", "30s"), down("boss", "=", "0s"));
    let options = Options {
        evaluation_interval: Duration::from_secs(5),
        external_labels: Labels::empty(),
        external_url: "http://m".to_owned(),
    };
    let source = Source { name: "rules.yaml".into(), text };
    RuleSet::parse(&[source], &options, &Registry::new()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn plan(hasty: bool) -> Plan {
    let times = if hasty { "group_wait: 0s, group_interval: 20s" } else { "group_wait: 30s, group_interval: 2m" };
    let settings: Settings = serde_yaml::from_str(&format!(
        "{{route: {{receiver: a, group_by: [alertname], {times}, repeat_interval: 12h}}, \
         receivers: [{{name: a, webhook_configs: [{{url: 'http://a'}}]}}], \
         inhibit_rules: [{{source_matchers: [x=boss], target_matchers: [x={INHIBITED}]}}]}}"
    ))
    .expect("YAML");
    assert!(settings.problems().is_empty(), "{:?}", settings.problems());
    Plan::new(&settings, "", Arc::default())
}

/// Everything, and in the same breath what the specification knows of it.
struct World {
    now: Timestamp,
    tsdb: Tsdb,
    rules: RuleSet,
    dispatcher: Dispatcher,
    hasty: bool,
    rule_documents: BTreeMap<String, Document>,
    documents: BTreeMap<String, Document>,
    silences: BTreeMap<String, Document>,
    log: BTreeMap<String, NotificationLogRow>,
    /// Since which sample each series was bad without a break.
    bad_since: BTreeMap<&'static str, Timestamp>,
    bad: BTreeSet<&'static str>,
    silenced: Option<(&'static str, Timestamp)>,
    /// What the receiver believes to fire once it has heard all that was decided.
    believed: BTreeSet<String>,
    /// What was suppressed since it was last told.
    hidden: BTreeSet<String>,
    receiver: Receiver,
    /// Whether the process dies while it delivers.
    dies: bool,
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut dispatcher = Dispatcher::new(plan(false));
        dispatcher.restore(&[], Vec::new(), now);
        Self {
            now,
            tsdb: Tsdb::new(&tsdb::Settings::default(), &Registry::new()),
            rules: rules("first"),
            dispatcher,
            hasty: false,
            rule_documents: BTreeMap::new(),
            documents: BTreeMap::new(),
            silences: BTreeMap::new(),
            log: BTreeMap::new(),
            bad_since: BTreeMap::new(),
            bad: BTreeSet::new(),
            silenced: None,
            believed: BTreeSet::new(),
            hidden: BTreeSet::new(),
            receiver: Receiver::new(),
            dies: false,
        }
    }

    /// What the specification says that fires.
    fn fires(&self, name: &str) -> bool {
        let hold = if name == "boss" { StdDuration::ZERO } else { HOLD };
        self.bad_since.get(name).is_some_and(|since| self.now.since(*since) >= hold)
    }

    fn is_suppressed(&self, name: &str) -> bool {
        let silenced = self.silenced.is_some_and(|(which, end)| which == name && self.now < end);
        silenced || name == INHIBITED && self.fires("boss")
    }

    /// One sample of each series, one evaluation, and everything that is due.
    fn tick(&mut self) {
        self.now = self.now + TICK;
        let value = |name: &str| if self.bad.contains(name) { 0.0 } else { 1.0 };
        let sample = |name: &&str| (Labels::from_pairs([("__name__", "up"), ("x", *name)]), value(name));
        self.tsdb.append(self.now, NAMES.iter().map(sample).collect::<Vec<_>>());
        self.bad_since.retain(|name, _| self.bad.contains(name));
        self.bad.iter().for_each(|name| _ = self.bad_since.entry(name).or_insert(self.now));
        let evaluation = self.rules.evaluate_due(self.now, &self.tsdb, &LIMITS);
        assert!(evaluation.failures.is_empty(), "{:?}", evaluation.failures);
        evaluation.state.remove.iter().for_each(|key| _ = self.rule_documents.remove(key));
        self.rule_documents.extend(evaluation.state.set.into_iter().map(|document| (document.key.clone(), document)));
        match self.rules.is_evaluated() {
            true => self.dispatcher.observe(&evaluation.alerts, self.now),
            false => self.dispatcher.observe_partly(&evaluation.alerts, self.now),
        }
        self.save();
        let suppressed = NAMES.iter().filter(|name| self.is_suppressed(name)).map(|name| (*name).to_owned());
        self.hidden.extend(suppressed.collect::<Vec<_>>());
        for decision in self.dispatcher.decide(self.now) {
            self.log.extend(decision.log.into_iter().map(|row| (row.key.clone(), row)));
            for row in decision.deliveries {
                self.judge(&serde_json::from_str(&row.body).expect("a message"));
                self.receiver.is_to_hear(row);
            }
            self.dispatcher.committed(&[decision.id]);
        }
        self.save();
        self.receiver.attempt(self.now, !self.dies);
        if std::mem::take(&mut self.dies) {
            self.restart();
        }
    }

    /// Every part of a message must have its cause.
    fn judge(&mut self, message: &Notification) {
        let mut news = false;
        for alert in &message.alerts {
            let name = alert.labels.get("x").expect("a name").to_owned();
            let (fires, at) = (self.fires(&name), self.now);
            assert!(!self.is_suppressed(&name), "{name} is told at {at} while it is suppressed: {message:?}");
            if alert.status == AlertStatus::Firing {
                assert!(fires, "{name} is told at {at} and does not fire: {message:?}");
                news |= self.believed.insert(name.clone()) || self.hidden.contains(&name);
            } else {
                assert!(!fires, "{name} is told at {at} as over and fires: {message:?}");
                assert!(
                    self.believed.remove(&name),
                    "the end of {name} is told at {at}, its firing was not: {message:?}"
                );
                news = true;
            }
            self.hidden.remove(&name);
        }
        assert!(news, "told twice without cause at {}: {message:?}", self.now);
    }

    fn save(&mut self) {
        let changes = self.dispatcher.changes();
        changes.remove.iter().for_each(|key| _ = self.documents.remove(key));
        self.documents.extend(changes.set.into_iter().map(|document| (document.key.clone(), document)));
    }

    /// The process ends; another finds what was stored.
    fn restart(&mut self) {
        self.receiver.restart();
        let all = |documents: &BTreeMap<String, Document>| documents.values().cloned().collect::<Vec<_>>();
        self.rules = rules("first");
        self.rules.restore(&all(&self.rule_documents), self.now, Duration::from_secs(300));
        self.dispatcher = Dispatcher::new(plan(self.hasty));
        let silences = all(&self.silences);
        self.dispatcher.change_silences(self.now, |known| known.restore(&silences, self.now));
        let restored = self.dispatcher.restore(&all(&self.documents), self.log.values().cloned().collect(), self.now);
        assert_eq!(restored.unreadable, 0);
    }

    fn silence(&mut self, name: &'static str, length: StdDuration) {
        if self.silenced.is_some_and(|(_, end)| self.now < end) {
            return;
        }
        let matchers = parse_conditions(&format!("x={name}")).expect("a matcher");
        let (by, end) = ("somebody".to_owned(), self.now + length);
        let draft = Draft {
            matchers,
            starts_at: self.now,
            ends_at: end,
            created_by: by.clone(),
            comment: by,
            ..Draft::default()
        };
        let planned = self.dispatcher.silences().plan(&draft, &end.to_string(), self.now).expect("a silence");
        self.silences.extend(planned.documents().0.into_iter().map(|document| (document.key.clone(), document)));
        self.dispatcher.change_silences(self.now, |silences| silences.apply(planned));
        self.silenced = Some((name, end));
    }

    /// What may happen between two samples.
    fn something(&mut self, random: &mut StdRng) {
        let name = NAMES[random.random_range(0..NAMES.len())];
        match random.random_range(0..100) {
            0..10 => _ = self.bad.insert(name),
            10..18 => _ = self.bad.remove(name),
            18..20 => self.restart(),
            20..22 => {
                let mut new = rules(if random.random() { "first" } else { "second" });
                std::mem::swap(&mut self.rules, &mut new);
                self.rules.carry_over(new, self.now);
            }
            22..24 => {
                self.hasty = random.random();
                self.dispatcher.reconfigure(plan(self.hasty), self.now);
            }
            24..26 => self.silence(name, StdDuration::from_secs(random.random_range(5..900))),
            26..29 => self.dies = true,
            29..33 => {
                let moods = [Mood::Accepts, Mood::Refuses, Mood::AsksForTime];
                self.receiver.mood = moods[random.random_range(0..moods.len())];
            }
            _ => {}
        }
    }

    /// Long enough for every silence, hold, interval and pause.
    fn settle_down(&mut self) {
        self.receiver.mood = Mood::Accepts;
        (0..300).for_each(|_| self.tick());
        for name in NAMES.iter().filter(|name| !self.is_suppressed(name)) {
            assert_eq!(self.believed.contains(*name), self.fires(name), "what the receiver believes of {name}");
        }
    }
}

fn live(seed: u64) -> [usize; 2] {
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::new();
    for _ in 0..random.random_range(10..400) {
        world.something(&mut random);
        world.tick();
    }
    world.settle_down();
    world.bad.clear();
    world.settle_down();
    assert!(world.believed.is_empty() && world.documents.is_empty(), "left: {:?}", world.documents);
    world.receiver.has_heard_all()
}

#[test]
fn each_firing_and_each_end_is_told_once_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, lives) =
        (number("MEMSENTRY_SEED").unwrap_or_else(rand::random), number("MEMSENTRY_LIVES").unwrap_or(8));
    println!("{lives} lives, MEMSENTRY_SEED={first}");
    let mut all = [0; 2];
    for life in 0..lives {
        let seed = first.wrapping_add(life);
        println!("MEMSENTRY_SEED={seed} MEMSENTRY_LIVES=1");
        let heard = live(seed);
        all = [all[0] + heard[0], all[1] + heard[1]];
    }
    println!("{} messages, {} heard again after a crash", all[0], all[1]);
}
