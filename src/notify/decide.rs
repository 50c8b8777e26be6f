//! What to tell now: runs every group that is due through the stages and writes the messages.
//!
//! A decision is the log rows and outbox rows that belong into one transaction. The dispatcher's own memory
//! moves on only when [`Dispatcher::committed`] hears that the decision was kept; until then the group stays
//! due and a new decision replaces the old one.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use sha2::{Digest, Sha256};

use crate::model::{Fingerprint, Timestamp};
use crate::store::{NotificationLogRow, OutboxRow};

use super::alerts::Held;
use super::dedup::{self, Entry, Standing, Wish};
use super::dispatcher::Dispatcher;
use super::group::{Group, GroupId};
use super::message::{MOST_ALERTS, Notification, Told, common_annotations, common_labels};
use super::reason::Reason;
use super::route::{Plan, PlannedNotifier};

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
}

impl Undecided {
    fn add(&mut self, open: Open) -> u64 {
        self.open.retain(|_, other| other.group != open.group);
        self.next += 1;
        self.open.insert(self.next, open);
        self.next
    }
}

/// One group as it stands at one instant. Inhibition, mute intervals and silences take their alerts out of
/// `members` between [`Flush::new`] and [`Flush::standing`].
struct Flush<'a> {
    plan: &'a Plan,
    at: Timestamp,
    members: Vec<Member<'a>>,
}

/// One alert of a group as it stands.
struct Member<'a> {
    id: Fingerprint,
    held: &'a Held,
    ended: Option<Timestamp>,
}

impl<'a> Flush<'a> {
    fn new(dispatcher: &'a Dispatcher, group: &Group, at: Timestamp) -> Self {
        let alerts = &dispatcher.alerts;
        let member = |id: &Fingerprint| {
            let held = alerts.get(*id)?;
            Some(Member { id: *id, held, ended: alerts.ended(held, at) })
        };
        Self { plan: &dispatcher.plan, at, members: group.members.iter().filter_map(member).collect() }
    }

    fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for member in &self.members {
            let set = match (member.ended, member.held.confirmed) {
                (Some(_), _) => &mut standing.resolved,
                (None, true) => &mut standing.confirmed,
                (None, false) => &mut standing.presumed,
            };
            set.insert(member.id.0);
        }
        standing
    }

    fn over(&self) -> Vec<(Fingerprint, u64)> {
        let over = self.members.iter().filter(|member| member.ended.is_some());
        over.map(|member| (member.id, member.held.version)).collect()
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
        self.follow_clock(at);
        let due = self.groups.iter().filter(|(_, group)| group.due_at() <= at).map(|(id, _)| id.clone());
        let due: Vec<GroupId> = due.collect();
        due.into_iter().filter_map(|id| self.decide_group(id, at)).collect()
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

    fn decide_group(&mut self, id: GroupId, at: Timestamp) -> Option<Decision> {
        let group = self.groups.get(&id)?;
        if group.route.is_none() && !self.anybody_was_told(&id) {
            self.drop_group(&id);
            return None;
        }
        let flush = Flush::new(self, group, at);
        let standing = flush.standing();
        let mut told = Vec::new();
        let mut messages = Vec::new();
        for notifier in self.plan.receiver(&id.receiver).iter().flat_map(|receiver| &receiver.notifiers) {
            let key = id.log_key(&notifier.name);
            let wish = self.wish(group, notifier);
            let (entry, message) = tell(&flush, group, &id, notifier, (wish, self.log.get(&key)), &standing);
            told.extend(entry.map(|entry| (key, entry)));
            messages.extend(message);
        }
        let open = Open { group: id, at, over: flush.over(), sent: !messages.is_empty(), told };
        if open.told.is_empty() {
            self.settle_group(&open);
            return None;
        }
        let repeat = self.plan_repeat(&open.group);
        let row = |(key, entry): &(String, Entry)| NotificationLogRow {
            key: key.clone(),
            firing: entry.firing.iter().copied().collect(),
            resolved: entry.resolved.iter().copied().collect(),
            sent_at: entry.sent_at,
            // A group that is over is needed no longer than until the next tidying.
            expires_at: if entry.firing.is_empty() { entry.sent_at } else { entry.sent_at + repeat * 2 },
        };
        let log = open.told.iter().map(row).collect();
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
        let notifiers = self.plan.receiver(&id.receiver).map(|r| r.notifiers.as_slice()).unwrap_or_default();
        let entries = notifiers.iter().filter_map(|notifier| self.log.get(&id.log_key(&notifier.name)));
        entries.into_iter().any(|entry| !entry.firing.is_empty())
    }

    fn plan_repeat(&self, id: &GroupId) -> StdDuration {
        const LEFT: StdDuration = StdDuration::from_secs(24 * 3600);
        let route = self.groups.get(id).and_then(|group| group.route).and_then(|index| self.plan.route(index));
        route.map_or(LEFT, |route| route.repeat_interval.max(route.group_interval))
    }

    /// Notes that these decisions were kept, or will be told from memory alone.
    pub fn committed(&mut self, ids: &[u64]) {
        for id in ids {
            if let Some(open) = self.undecided.open.remove(id) {
                for (key, entry) in &open.told {
                    self.log.insert(key.clone(), entry.clone());
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
            if self.alerts.get(*member).is_some_and(|held| held.version == *version) && group.members.remove(member) {
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
        let notifiers = self.plan.receiver(&open.group.receiver).map(|r| r.notifiers.as_slice()).unwrap_or_default();
        let entries = notifiers.iter().filter_map(|notifier| self.log.get(&open.group.log_key(&notifier.name)));
        let told = entries.filter(|entry| !entry.firing.is_empty());
        let repeat_at = route.and_then(|route| told.map(|entry| entry.sent_at + route.repeat_interval).min());
        // A repeat that was due and not told waits for the next regular look.
        group.repeat_at = repeat_at.filter(|repeat| open.at < *repeat);
        if group.members.is_empty() {
            // What a notifier believes to fire stays known: after a crash its alert may come back, or its end.
            for key in notifiers.iter().map(|notifier| open.group.log_key(&notifier.name)) {
                if self.log.get(&key).is_some_and(|entry| entry.firing.is_empty()) {
                    self.log.remove(&key);
                }
            }
            let id = open.group.clone();
            self.drop_group(&id);
        }
    }
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
    let (firing, resolved) = (standing.firing(entry), standing.resolved(entry));
    let Some(reason) = dedup::needs_update(entry, standing, wish, flush.at) else {
        // Whoever does not want to hear of a resolve is still told when the alert fires again.
        let forgotten = entry.filter(|_| !resolved.is_empty());
        return (forgotten.map(|entry| Entry { firing, resolved, sent_at: entry.sent_at }), None);
    };
    let told = Entry { firing, resolved, sent_at: flush.at };
    if reason == Reason::AllResolved && !wish.send_resolved {
        return (Some(told), None);
    }
    let notification = write(flush, group, id, notifier, &told, reason);
    let previous = entry.map(|entry| entry.sent_at);
    let row = OutboxRow {
        id: delivery_id(&notification, &told, previous),
        receiver: id.receiver.clone(),
        notifier: notifier.name.clone(),
        group_key: id.key.clone(),
        body: serde_json::to_string(&notification).unwrap_or_default(),
        created_at: flush.at,
        next_attempt_at: flush.at,
        attempts: 0,
        last_error: None,
    };
    (Some(told), Some((reason, row)))
}

fn write(
    flush: &Flush<'_>,
    group: &Group,
    id: &GroupId,
    notifier: &PlannedNotifier,
    told: &Entry,
    reason: Reason,
) -> Notification {
    let plan = flush.plan;
    let shown = |member: &&Member<'_>| match member.ended {
        None => told.firing.contains(&member.id.0),
        Some(_) => notifier.send_resolved && told.resolved.contains(&member.id.0),
    };
    let members = flush.members.iter().filter(shown);
    let mut alerts: Vec<Told> = members.map(|member| Told::new(&member.held.alert, member.ended)).collect();
    alerts.sort_by(|a, b| (a.status, &a.labels).cmp(&(b.status, &b.labels)));
    let truncated_alerts = alerts.len().saturating_sub(MOST_ALERTS);
    alerts.truncate(MOST_ALERTS);
    for alert in &mut alerts {
        let page = plan.runbooks.get(alert.name()).filter(|_| !plan.external_url.is_empty());
        if let Some(runbook) = page.filter(|_| !alert.annotations.contains_key("runbook_url")) {
            let url = format!("{}/runbooks/{}", plan.external_url, runbook.name);
            alert.annotations.insert("runbook_url".to_owned(), url);
        }
    }
    let common = common_labels(&alerts);
    let name = common.get(crate::model::labels::ALERT_NAME);
    let birth = group.created_at.millis().to_string();
    Notification {
        receiver: id.receiver.clone(),
        group_key: id.key.clone(),
        thread: digest(&[&id.key, &id.receiver, &notifier.name, &birth]),
        reason,
        decided_at: flush.at,
        group_labels: group.labels.clone(),
        common_annotations: common_annotations(&alerts),
        external_url: plan.external_url.clone(),
        runbook: name.and_then(|name| plan.runbooks.get(name)).map(|runbook| runbook.name.clone()),
        common_labels: common,
        alerts,
        truncated_alerts,
        collapsed: None,
    }
}

/// The key by which a receiver recognises a repeat: the same for the same news about the same life of the
/// group, also if it was decided anew after a crash.
fn delivery_id(notification: &Notification, told: &Entry, previous: Option<Timestamp>) -> String {
    let previous = previous.map_or(String::new(), |at| at.millis().to_string());
    let sets = format!("{:?} {:?}", told.firing, told.resolved);
    digest(&[&notification.thread, &previous, notification.reason.as_str(), &sets])
}

/// 32 hexadecimal digits of the SHA-256 over the parts.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
