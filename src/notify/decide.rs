//! What to tell now: runs every group that is due through the stages and writes the messages.
//!
//! A decision is the log rows and outbox rows that belong into one transaction. The dispatcher's own memory
//! moves on only when [`Dispatcher::committed`] hears that the decision was kept; until then the group stays
//! due and a new decision replaces the old one.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use crate::model::{Duration, Fingerprint, Timestamp};
use crate::store::{NotificationLogRow, OutboxRow};

use super::compose::{Life, digest};
use super::dedup::{self, Entry, Hashes, Standing, Wish};
use super::dispatcher::Dispatcher;
use super::flush::{Flush, Member};
use super::group::{Group, GroupId};
use super::inhibit::Inhibitors;
use super::message::{Notification, Told};
use super::reason::Reason;
use super::route::PlannedNotifier;

/// One group's worth of what is to be told: all of it goes into one transaction.
#[derive(Debug, Clone)]
pub struct Decision {
    /// For [`Dispatcher::committed`].
    pub id: u64,
    /// What the notifiers will have been told.
    pub log: Vec<NotificationLogRow>,
    /// The messages.
    pub deliveries: Vec<OutboxRow>,
    /// Why, for each of `deliveries`.
    pub reasons: Vec<Reason>,
}

/// Decisions that nobody has committed yet.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    next: u64,
    open: BTreeMap<u64, Open>,
}

/// What a commit will change.
#[derive(Debug)]
struct Open {
    group: GroupId,
    at: Timestamp,
    told: Vec<(String, Entry)>,
    /// Members that are over, with the version that was looked at.
    over: Vec<(Fingerprint, u64)>,
    sent: bool,
    /// Whether something is muted, and when that may change by the clock alone.
    held_back: (bool, Option<Timestamp>),
}

impl Undecided {
    fn add(&mut self, open: Open) -> u64 {
        self.open.retain(|_, other| other.group != open.group);
        self.next += 1;
        self.open.insert(self.next, open);
        self.next
    }
}

impl Dispatcher {
    /// What is to be told at `at`. Keep `log` and `deliveries` of each decision in one transaction, then call
    /// [`Dispatcher::committed`].
    pub fn decide(&mut self, at: Timestamp) -> Vec<Decision> {
        // Nothing is told after a restart before the rules were heard: what would inhibit may not be known yet.
        if self.unheard {
            return Vec::new();
        }
        self.expire_acknowledgements(at);
        self.follow_clock(at);
        let due = self.groups.iter().filter(|(_, group)| group.due_at() <= at).map(|(id, _)| id.clone());
        let due: Vec<GroupId> = due.collect();
        if due.is_empty() {
            return Vec::new();
        }
        let inhibitors = self.inhibitors(at);
        due.into_iter().filter_map(|id| self.decide_group(id, &inhibitors, at)).collect()
    }

    /// What inhibits at `at`.
    pub(super) fn inhibitors(&self, at: Timestamp) -> Inhibitors {
        let firing = self.alerts.iter().filter(|(_, held)| self.alerts.ended(held, at).is_none());
        Inhibitors::new(&self.plan.inhibit_rules, firing.map(|(id, held)| (id, &held.alert.labels)))
    }

    /// A clock that was set back must not hold up anybody's page.
    fn follow_clock(&mut self, at: Timestamp) {
        for group in self.groups.values_mut() {
            if let Some(route) = group.route.and_then(|index| self.plan.route(index)) {
                let longest = at + route.group_wait.max(route.group_interval);
                group.next_flush = group.next_flush.min(longest);
            }
        }
    }

    fn decide_group(&mut self, id: GroupId, inhibitors: &Inhibitors, at: Timestamp) -> Option<Decision> {
        let group = self.groups.get(&id)?;
        if group.route.is_none() && !self.anybody_was_told(&id) {
            self.drop_group(&id);
            return None;
        }
        let flush = Flush::new(self, &id, group, inhibitors, at);
        let (standing, leaving) = (flush.standing(), flush.is_leaving());
        let (mut told, mut messages, mut owed) = (Vec::new(), Vec::new(), Hashes::new());
        for notifier in self.plan.notifiers(&id.receiver) {
            let key = id.log_key(&notifier.name);
            let wish = Wish { only_resolved: leaving, ..self.wish(group, notifier) };
            let (entry, message) = tell(&flush, group, &id, notifier, (wish, self.log.get(&key)), &standing);
            owed.extend(entry.as_ref().or(self.log.get(&key)).into_iter().flat_map(|entry| &entry.owed));
            told.extend(entry.map(|entry| (key, entry)));
            messages.extend(message);
        }
        let (over, held_back, mutes) = (flush.over(&owed), flush.held_back(), flush.mutes());
        self.note_mutes(&id, mutes, at);
        let open = Open { group: id, at, over, held_back, sent: !messages.is_empty(), told };
        if open.told.is_empty() {
            self.settle_group(&open);
            return None;
        }
        let log = open.told.iter().map(|(key, entry)| self.row(&open.group, key, entry, entry.sent_at)).collect();
        let (reasons, deliveries) = messages.into_iter().unzip();
        Some(Decision { id: self.undecided.add(open), log, deliveries, reasons })
    }

    fn wish(&self, group: &Group, notifier: &PlannedNotifier) -> Wish {
        let route = group.route.and_then(|index| self.plan.route(index));
        Wish {
            send_resolved: notifier.send_resolved,
            repeat_interval: route.map_or(StdDuration::MAX, |route| route.repeat_interval),
            only_resolved: route.is_none(),
        }
    }

    /// Whether a notifier believes that something of this group fires.
    fn anybody_was_told(&self, id: &GroupId) -> bool {
        let notifiers = self.plan.notifiers(&id.receiver).iter();
        notifiers.filter_map(|notifier| self.log.get(&id.log_key(&notifier.name))).any(|entry| !entry.is_over())
    }

    /// The stored form of an entry that was last needed at `at`.
    fn row(&self, id: &GroupId, key: &str, entry: &Entry, at: Timestamp) -> NotificationLogRow {
        const LEFT: StdDuration = StdDuration::from_secs(24 * 3600);
        let route = self.groups.get(id).and_then(|group| group.route).and_then(|index| self.plan.route(index));
        let repeat = route.map_or(LEFT, |route| route.repeat_interval.max(route.group_interval));
        NotificationLogRow {
            key: key.to_owned(),
            firing: entry.firing.iter().copied().collect(),
            owed: entry.owed.iter().copied().collect(),
            sent_at: entry.sent_at,
            // A group that is over is needed no longer than until the next tidying.
            expires_at: if entry.is_over() { entry.sent_at } else { at + repeat * 2 },
        }
    }

    /// Entries of groups that live on though nothing is told about them, as under a long silence; to be stored
    /// again, or they would be tidied away with those of groups that are gone. `soon` is the time between two calls.
    #[must_use]
    pub fn log_in_use(&self, soon: StdDuration, at: Timestamp) -> Vec<NotificationLogRow> {
        let entries = self.groups.keys().flat_map(|id| {
            let keys = self.plan.notifiers(&id.receiver).iter().map(|notifier| id.log_key(&notifier.name));
            keys.filter_map(move |key| Some((id, self.log.get(&key)?, key))).filter(|(_, entry, _)| !entry.is_over())
        });
        let old = entries.filter(|(id, entry, key)| self.row(id, key, entry, entry.sent_at).expires_at < at + soon * 2);
        old.map(|(id, entry, key)| self.row(id, &key, entry, at)).collect()
    }

    /// Notes that these decisions were kept, or will be told from memory alone.
    pub fn committed(&mut self, ids: &[u64]) {
        for id in ids {
            if let Some(open) = self.undecided.open.remove(id) {
                let mut news = Hashes::new();
                for (key, entry) in &open.told {
                    let before = self.log.insert(key.clone(), entry.clone());
                    let knew = |hash: &&u64| !before.as_ref().is_some_and(|before| before.knows(**hash));
                    news.extend(entry.firing.iter().filter(knew));
                }
                if open.sent {
                    let news: Vec<Fingerprint> = news.into_iter().map(Fingerprint).collect();
                    self.note_told(&open.group, &open.told, &news, open.at);
                }
                self.settle_group(&open);
            }
        }
    }

    /// Lets go what is over and told, and sets the group's next look.
    fn settle_group(&mut self, open: &Open) {
        let Some(group) = self.groups.get_mut(&open.group) else { return };
        for (member, version) in &open.over {
            // What changed meanwhile has not been told.
            if self.alerts.get(*member).is_some_and(|held| held.version == *version) && group.remove(*member) {
                self.alerts.left(*member);
            }
        }
        let route = group.route.and_then(|index| self.plan.route(index));
        let interval = route.map_or(StdDuration::from_secs(60), |route| route.group_interval);
        let off_grid = open.at < group.next_flush;
        if open.sent && off_grid {
            group.next_flush = open.at + interval;
        } else {
            group.advance(interval, open.at);
        }
        // After a message the next regular look is soon enough: the interval is the least between two.
        let (muted, until) = open.held_back;
        // But whoever is to be told further is told on time.
        let further = route.is_some_and(|route| route.escalation.is_some());
        group.holds_back = muted && (!open.sent || further);
        group.unmute_at = until.filter(|_| group.holds_back);
        let notifiers = self.plan.notifiers(&open.group.receiver);
        let entries = notifiers.iter().filter_map(|notifier| self.log.get(&open.group.log_key(&notifier.name)));
        let told = entries.filter(|entry| !entry.firing.is_empty());
        let repeat_at = route.and_then(|route| told.map(|entry| entry.sent_at + route.repeat_interval).min());
        // A repeat that was due and not told waits for the next regular look.
        group.repeat_at = repeat_at.filter(|repeat| open.at < *repeat);
        if group.members.is_empty() {
            // What a notifier believes to fire stays known: after a crash its alert may come back, or its end.
            for key in notifiers.iter().map(|notifier| open.group.log_key(&notifier.name)) {
                if self.log.get(&key).is_some_and(Entry::is_over) {
                    self.log.remove(&key);
                }
            }
            let id = open.group.clone();
            self.drop_group(&id);
        }
    }
}

/// What a message shows.
struct News<'a> {
    firing: &'a Hashes,
    resolved: Hashes,
}

/// What one notifier is told about a group: its new log entry and its message, if any.
fn tell(
    flush: &Flush<'_>,
    group: &Group,
    id: &GroupId,
    notifier: &PlannedNotifier,
    (wish, entry): (Wish, Option<&Entry>),
    standing: &Standing,
) -> (Option<Entry>, Option<(Reason, OutboxRow)>) {
    let Some(reason) = dedup::needs_update(entry, standing, wish, flush.at) else {
        let passed_over = entry.map(|entry| standing.passed_over(entry, wish));
        return (passed_over.filter(|next| Some(next) != entry), None);
    };
    let next = standing.told(entry, wish, flush.at);
    if reason == Reason::AllResolved && !wish.send_resolved {
        return (Some(next), None);
    }
    let news = News { firing: &next.firing, resolved: standing.resolved(entry) };
    let notification = write(flush, group, id, notifier, &news, reason);
    let previous = entry.map(|entry| entry.sent_at);
    let row = OutboxRow {
        id: delivery_id(&notification, &news, previous),
        receiver: id.receiver.clone(),
        notifier: notifier.name.clone(),
        group_key: id.key.clone(),
        body: serde_json::to_string(&notification).unwrap_or_default(),
        created_at: flush.at,
        next_attempt_at: flush.at,
        attempts: 0,
        last_error: None,
    };
    (Some(next), Some((reason, row)))
}

fn write(
    flush: &Flush<'_>,
    group: &Group,
    id: &GroupId,
    notifier: &PlannedNotifier,
    news: &News<'_>,
    reason: Reason,
) -> Notification {
    let plan = flush.plan;
    let shown = |member: &&Member<'_>| match member.ended {
        _ if member.is_muted() => false,
        None => news.firing.contains(&member.id.0),
        Some(_) => notifier.send_resolved && news.resolved.contains(&member.id.0),
    };
    let members = flush.members.iter().filter(shown);
    let mut alerts: Vec<Told> = members.map(|member| told(flush, member)).collect();
    alerts.sort_by(|a, b| (a.status, &a.labels).cmp(&(b.status, &b.labels)));
    let life = Life { id, labels: &group.labels, created_at: group.created_at };
    plan.compose(alerts, &life, &notifier.name, reason, flush.at)
}

/// One alert as it is told: with who takes care of it, and why it comes so far.
fn told(flush: &Flush<'_>, member: &Member<'_>) -> Told {
    let mut told = Told::new(&member.held.alert, member.ended);
    if let Some(given) = member.acknowledged.filter(|_| member.ended.is_none()) {
        told.annotations.insert("acknowledged".to_owned(), given.in_words());
    }
    if let Some(after) = flush.after.filter(|_| member.ended.is_none()) {
        let text = format!("nobody acknowledged it within {}", Duration::from(after));
        told.annotations.insert("escalation".to_owned(), text);
    }
    told
}

/// The key by which a receiver recognises a repeat: the same for the same news about the same life of the
/// group, also if it was decided anew after a crash.
fn delivery_id(notification: &Notification, news: &News<'_>, previous: Option<Timestamp>) -> String {
    let previous = previous.map_or(String::new(), |at| at.millis().to_string());
    let sets = format!("{:?} {:?}", news.firing, news.resolved);
    digest(&[&notification.thread, &previous, notification.reason.as_str(), &sets])
}
