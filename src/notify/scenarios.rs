//! Scenarios, text in and text out: what comes in, and exactly what is told, when, and why.
//!
//! Each line is a time and an event. `fire`, `resolve`, `silence ID MATCHERS DURATION`, `expire ID`, `reload` and
//! `restart` are done to the dispatcher; every `send` line must come out, in order and at that time, and nothing
//! else. Alerts are confirmed every 15 s, as two groups of rules do in turn. A crash loses whatever was not committed.
//! The stories begin on Friday, 15 January 2027, 08:00 UTC.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use crate::model::{Alert, AlertStatus, Duration, Labels, Timestamp, parse_conditions};
use crate::store::{Document, HistoryEntry, NotificationLogRow, OutboxRow};

use super::message::Notification;
use super::notifiers::Retry;
use super::queue::{Queue, Settled};
use super::route::Plan;
use super::settings::Settings;
use super::silence::{Draft, Planned};
use super::{Dispatcher, Reason};

mod escalation;
mod model;
mod muting;
mod routing;
mod stories;

/// How often the rules report: each of two rule groups every 15 s.
const ROUND: StdDuration = StdDuration::from_millis(7_500);
/// For how long a report is good.
const VALID: StdDuration = StdDuration::from_secs(60);

/// What would be on disk.
#[derive(Debug, Default, Clone)]
struct Disk {
    documents: BTreeMap<String, String>,
    silences: BTreeMap<String, String>,
    log: BTreeMap<String, NotificationLogRow>,
    /// What waits for its receiver's answer.
    outbox: Vec<OutboxRow>,
}

/// One message as it was committed.
#[derive(Debug, Clone)]
struct Sent {
    at: Timestamp,
    notifier: String,
    message: Notification,
    /// What did fire when it was decided.
    really: BTreeSet<String>,
    /// What was not to be told to whom when it was decided.
    suppressed: Suppressed,
    /// When each was last not to be told, up to then.
    last_suppressed: BTreeMap<(String, String), Timestamp>,
}

/// Receivers and names.
type Suppressed = BTreeSet<(String, String)>;

impl Sent {
    /// Values of the label `a` of the alerts with this status, sorted.
    fn names(&self, status: AlertStatus) -> Vec<String> {
        let alerts = self.message.alerts.iter().filter(|alert| alert.status == status);
        alerts.map(|alert| alert.labels.get("a").unwrap_or("?").to_owned()).collect()
    }
}

/// Rules, dispatcher and disk without the time between them.
struct World {
    settings: Settings,
    dispatcher: Dispatcher,
    disk: Disk,
    now: Timestamp,
    next_round: Timestamp,
    firing: BTreeMap<String, Timestamp>,
    resolved: BTreeMap<String, (Timestamp, Timestamp)>,
    rules_run: bool,
    /// Whether the rule group of `z` has its turn.
    turn_of_z: bool,
    /// Which of the two rule groups, that of `z` last, spoke since the start.
    heard: [bool; 2],
    /// What fired at the last decision.
    really: BTreeSet<String>,
    sent: Vec<Sent>,
    /// What must not be told, in the words of the specification.
    watch: model::Watch,
    suppressed: Suppressed,
    last_suppressed: BTreeMap<(String, String), Timestamp>,
    /// The key of every message, with its place among all.
    order: BTreeMap<String, usize>,
    queue: Queue,
    /// Receivers that refuse everything for now.
    failing: BTreeSet<String>,
    /// Whether answers reach the disk.
    records: bool,
    /// Receiver, group and key of what was delivered, in order.
    delivered: Vec<(String, String, String)>,
    /// Keys of what was delivered while answers did not reach the disk.
    unrecorded: BTreeSet<String>,
    history: Vec<HistoryEntry>,
}

fn settings(yaml: &str) -> Settings {
    let settings: Settings = serde_yaml::from_str(yaml).expect("valid YAML");
    assert!(settings.problems().is_empty(), "{:?}", settings.problems());
    settings
}

fn alert(name: &str, starts: Timestamp, ends: Option<Timestamp>, at: Timestamp) -> Alert {
    let mut labels = vec![("alertname".to_owned(), "X".to_owned()), ("a".to_owned(), name.to_owned())];
    if let Some((group, _)) = name.split_once('-') {
        labels.push(("g".to_owned(), group.to_owned()));
    }
    Alert {
        labels: Labels::from_pairs(labels),
        annotations: BTreeMap::new(),
        starts_at: starts,
        ends_at: ends,
        valid_until: at + VALID,
        generator_url: String::new(),
        value: 1.0,
        resolved_value: None,
    }
}

impl World {
    fn new(yaml: &str) -> Self {
        let settings = settings(yaml);
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut dispatcher = Dispatcher::new(Plan::new(&settings, "", std::sync::Arc::default()));
        dispatcher.restore(&[], Vec::new(), now);
        dispatcher.observe(&[], now);
        Self {
            settings,
            dispatcher,
            disk: Disk::default(),
            now,
            next_round: now,
            firing: BTreeMap::new(),
            resolved: BTreeMap::new(),
            rules_run: true,
            turn_of_z: false,
            heard: [true; 2],
            really: BTreeSet::new(),
            sent: Vec::new(),
            watch: model::Watch::default(),
            suppressed: Suppressed::new(),
            last_suppressed: BTreeMap::new(),
            order: BTreeMap::new(),
            queue: Queue::default(),
            failing: BTreeSet::new(),
            records: true,
            delivered: Vec::new(),
            unrecorded: BTreeSet::new(),
            history: Vec::new(),
        }
    }

    fn fire(&mut self, name: &str) {
        self.resolved.remove(name);
        self.firing.entry(name.to_owned()).or_insert(self.now);
        self.round(name.starts_with('z'));
    }

    fn resolve(&mut self, name: &str) {
        if let Some(start) = self.firing.remove(name) {
            self.resolved.insert(name.to_owned(), (start, self.now));
        }
        self.round(name.starts_with('z'));
    }

    /// A rule group reports, that of `z` or that of all others: all that fires, and for 15 minutes all that is over.
    fn round(&mut self, of_z: bool) {
        let now = self.now;
        let mine = |name: &String| name.starts_with('z') == of_z;
        self.resolved.retain(|_, (_, end)| now.since(*end) < StdDuration::from_secs(900));
        let firing = self.firing.iter().filter(|(name, _)| mine(name));
        let firing = firing.map(|(name, start)| alert(name, *start, None, now));
        let resolved = self.resolved.iter().filter(|(name, _)| mine(name));
        let resolved = resolved.map(|(name, (start, end))| alert(name, *start, Some(*end), now));
        let reports: Vec<Alert> = firing.chain(resolved).collect();
        self.heard[usize::from(of_z)] = true;
        match self.heard {
            [true, true] => self.dispatcher.observe(&reports, now),
            _ => self.dispatcher.observe_partly(&reports, now),
        }
    }

    /// Silences what the matchers match, from now on.
    fn silence(&mut self, id: &str, matchers: &str, length: StdDuration) {
        let matchers = parse_conditions(matchers).expect("matchers");
        let (starts_at, ends_at) = (self.now, self.now + length);
        let (created_by, comment) = ("somebody".to_owned(), "a story".to_owned());
        let draft = Draft { matchers, starts_at, ends_at, created_by, comment, ..Draft::default() };
        let planned = self.dispatcher.silences().plan(&draft, id, self.now).expect("a silence");
        self.apply(planned);
    }

    fn expire(&mut self, id: &str) {
        if let Ok(Some(planned)) = self.dispatcher.silences().plan_end(id, self.now) {
            self.apply(planned);
        }
    }

    fn apply(&mut self, planned: Planned) {
        let (set, _) = planned.documents();
        self.disk.silences.extend(set.into_iter().map(|document| (document.key, document.body)));
        self.dispatcher.change_silences(self.now, |silences| silences.apply(planned));
    }

    fn save(&mut self) {
        let changes = self.dispatcher.changes();
        for document in changes.set {
            self.disk.documents.insert(document.key, document.body);
        }
        self.history.extend(changes.history);
        for key in changes.remove {
            self.disk.documents.remove(&key);
        }
    }

    fn decide(&mut self) -> Vec<super::Decision> {
        self.really = self.firing.keys().cloned().collect();
        self.suppressed = self.watch.suppressed(&self.really, self.now);
        self.last_suppressed.extend(self.suppressed.iter().map(|who| (who.clone(), self.now)));
        self.dispatcher.decide(self.now)
    }

    /// Decides and commits all that is due.
    fn flush(&mut self) {
        self.save();
        for decision in self.decide() {
            self.commit(&decision);
            self.queue_up(&decision);
            self.dispatcher.committed(&[decision.id]);
        }
        self.save();
        self.deliver();
    }

    fn queue_up(&mut self, decision: &super::Decision) {
        for row in &decision.deliveries {
            assert!(self.queue.push(row.clone()).is_empty(), "given up");
        }
    }

    /// Attempts all that may be attempted now.
    fn deliver(&mut self) {
        loop {
            let due = self.queue.take_due(self.now);
            if due.is_empty() {
                return;
            }
            for row in due {
                let answer = if self.failing.contains(&row.receiver) { Err(Retry::Later) } else { Ok(()) };
                if answer.is_ok() {
                    self.delivered.push((row.receiver.clone(), row.group_key.clone(), row.id.clone()));
                }
                if self.records {
                    self.record(&row, answer);
                } else if answer.is_ok() {
                    self.unrecorded.insert(row.id);
                }
            }
        }
    }

    /// Notes an answer on disk; only then the notifier gets its next message.
    fn record(&mut self, row: &OutboxRow, answer: Result<(), Retry>) {
        match self.queue.settle(row, answer, self.now, 0.5) {
            Settled::Delivered => self.disk.outbox.retain(|waiting| waiting.id != row.id),
            Settled::Postponed { attempts, next } => {
                let waiting = self.disk.outbox.iter_mut().find(|waiting| waiting.id == row.id).expect("on disk");
                (waiting.attempts, waiting.next_attempt_at) = (attempts, next);
            }
            Settled::Dropped => panic!("given up: {row:?}"),
        }
        self.queue.free(&(row.receiver.clone(), row.notifier.clone()));
    }

    fn commit(&mut self, decision: &super::Decision) {
        for row in &decision.log {
            self.disk.log.insert(row.key.clone(), row.clone());
        }
        for row in &decision.deliveries {
            assert!(self.order.insert(row.id.clone(), self.sent.len()).is_none(), "key used twice: {row:?}");
            self.disk.outbox.push(row.clone());
            let message: Notification = serde_json::from_str(&row.body).expect("a message");
            let (suppressed, last_suppressed) = (self.suppressed.clone(), self.last_suppressed.clone());
            let (at, notifier, really) = (self.now, row.notifier.clone(), self.really.clone());
            self.sent.push(Sent { at, notifier, message, really, suppressed, last_suppressed });
        }
    }

    /// The process dies and another starts; only the disk survives. The rules keep their own state.
    fn restart(&mut self) {
        self.dispatcher = Dispatcher::new(Plan::new(&self.settings, "", std::sync::Arc::default()));
        let document = |(key, body): (&String, &String)| Document { key: key.clone(), body: body.clone() };
        let documents: Vec<Document> = self.disk.documents.iter().map(document).collect();
        let silences: Vec<Document> = self.disk.silences.iter().map(document).collect();
        self.dispatcher.change_silences(self.now, |all| all.restore(&silences, self.now));
        self.heard = [false; 2];
        let log = self.disk.log.values().cloned().collect();
        let restored = self.dispatcher.restore(&documents, log, self.now);
        assert_eq!(restored.unreadable, 0);
        self.records = true;
        self.queue = Queue::default();
        self.disk.outbox.iter().for_each(|row| assert!(self.queue.push(row.clone()).is_empty()));
    }

    fn reload(&mut self, yaml: &str) {
        self.settings = settings(yaml);
        let plan = Plan::new(&self.settings, "", std::sync::Arc::default());
        self.dispatcher.reconfigure(plan, self.now);
    }

    /// Lets time pass, round by round and look by look.
    fn run_until(&mut self, end: Timestamp) {
        loop {
            let due = self.dispatcher.next_due().filter(|due| *due > self.now);
            let due = due.or_else(|| self.dispatcher.next_due().map(|_| self.now + StdDuration::from_millis(1)));
            let round = if self.rules_run { self.next_round } else { Timestamp::from_millis(i64::MAX) };
            let next = due.map_or(round, |due| due.min(round)).max(self.now);
            let next = self.queue.next_due().map_or(next, |due| due.max(self.now).min(next));
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            if next >= round {
                self.round(self.turn_of_z);
                self.turn_of_z = !self.turn_of_z;
                self.next_round = self.now + ROUND;
            }
            self.flush();
        }
    }
}

/// `0s`, `5m30s` after the beginning.
fn offset(text: &str) -> StdDuration {
    text.parse::<Duration>().unwrap_or_else(|error| panic!("{text}: {error}")).std()
}

/// Runs a story under the settings; every `send` line must be what happens.
fn check_with(yaml: &str, story: &str) {
    let mut world = World::new(yaml);
    let start = world.now;
    let mut expected = Vec::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = start + offset(words[0]);
        if words[1] == "send" {
            expected.push(words.join(" "));
            continue;
        }
        world.run_until(at);
        match words[1] {
            "fire" => words[2..].iter().for_each(|name| world.fire(name)),
            "resolve" => words[2..].iter().for_each(|name| world.resolve(name)),
            "restart" => world.restart(),
            "silence" => world.silence(words[2], words[3], offset(words[4])),
            "expire" => world.expire(words[2]),
            "rules" => world.rules_run = words[2] == "on",
            "reload" => world.reload(line.split_once("reload").expect("settings").1),
            "end" => {}
            other => panic!("unknown event {other}"),
        }
        world.flush();
        // Rules that stand still report nothing by themselves.
        world.next_round = world.next_round.max(world.now);
    }
    let line = |sent: &Sent| {
        let at = Duration::from(sent.at.since(start));
        let receiver = Some(format!("{}:", sent.message.receiver)).filter(|receiver| receiver != "a:");
        let (receiver, reason) = (receiver.unwrap_or_default(), sent.message.reason.as_str());
        let mut line = format!("{at} send {receiver}{} {reason}", sent.notifier);
        line.push_str(&sent.names(AlertStatus::Firing).iter().map(|name| format!(" {name}")).collect::<String>());
        line.push_str(
            &sent.names(AlertStatus::Resolved).iter().map(|name| format!(" {name}(over)")).collect::<String>(),
        );
        line
    };
    let happened: Vec<String> = world.sent.iter().map(line).collect();
    let short = |line: &String| line.replace(" webhook[0] ", " ").replace(":webhook[0] ", ": ");
    assert_eq!(happened.iter().map(short).collect::<Vec<_>>(), expected, "happened on the left, expected on the right");
}

/// One webhook, grouped by name, Alertmanager's defaults.
const USUAL: &str = "{route: {receiver: a}, receivers: [{name: a, webhook_configs: [{url: 'http://a'}]}]}";

fn check(story: &str) {
    check_with(USUAL, story);
}
