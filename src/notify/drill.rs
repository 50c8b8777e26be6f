//! Drills: a marked alert goes to one receiver through the real templates and notifiers, and each answer is told.
//!
//! A drill is no alert: no group, no notification log, no outbox hears of it, so nothing of it is left and no silence
//! or dead circuit keeps it from its receiver. Each notifier gets one attempt with the alert firing and, if it wants to
//! hear of ends, one with the alert over. What a real alert with these labels would have met is told beside it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::model::labels::ALERT_NAME;
use crate::model::task::Task;
use crate::model::{Alert, Clock, Labels, Problem, Stopwatch, Timestamp};
use crate::runbooks::Runbooks;
use crate::store::{HistoryEntry, OutboxRow, Store};

use super::compose::Life;
use super::dispatcher::Dispatcher;
use super::evidence::Evidence;
use super::group::GroupId;
use super::history::{self, Outcome};
use super::message::{Notification, Told};
use super::notifiers::{Attempt, Notifier};
use super::outbox::Notifiers;
use super::reason::Reason;
use super::route::PlannedNotifier;
use super::stages::Scene;

/// The label that marks the alert of a drill.
pub const LABEL: &str = "memsentry_drill";
/// The alert's name, unless another is asked for.
pub const NAME: &str = "MemsentryDrill";
/// Longest wait for one notifier's answer.
pub const LONGEST_ATTEMPT: StdDuration = StdDuration::from_secs(60);
/// Drills that are remembered, so that their outcome can be asked for.
const REMEMBERED: usize = 20;
/// Drills that may wait for their turn.
const MOST_WAITING: usize = 8;

/// Whether alerts with these labels are a drill's.
#[must_use]
pub fn is_drill(labels: &Labels) -> bool {
    labels.get(LABEL) == Some("true")
}

/// What somebody asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The receiver's name.
    pub receiver: String,
    /// Labels of the alert; its name and `severity` may be among them.
    #[serde(default)]
    pub labels: Labels,
}

/// How a drill stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// By which it is asked for.
    pub id: String,
    /// The receiver's name.
    pub receiver: String,
    /// The alert's labels.
    pub labels: Labels,
    /// Its notifiers, in the order of the configuration.
    pub notifiers: Vec<Tried>,
    /// What a real alert with these labels would have met, one sentence each.
    pub really: Vec<String>,
    /// Whether every notifier has answered.
    pub done: bool,
}

impl Report {
    /// Whether everything was delivered. A receiver without a notifier tells nobody, which is no.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        let took = |answer: &Option<Answer>| answer.as_ref().is_some_and(|answer| answer.error.is_none());
        let fine = |tried: &Tried| took(&tried.firing) && (!tried.wants_end || took(&tried.over));
        !self.notifiers.is_empty() && self.notifiers.iter().all(fine)
    }
}

/// One notifier in a drill.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tried {
    /// Such as `webhook[0]`.
    pub notifier: String,
    /// Whether it is told when alerts are over.
    pub wants_end: bool,
    /// What it said to the alert; `None` while it was not heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firing: Option<Answer>,
    /// What it said to the end; `None` while it was not heard, or not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Answer>,
}

/// What a notifier said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// Why it did not take the message; redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, in seconds.
    pub took: f64,
}

/// A drill that can begin: its messages are written.
pub struct Prepared {
    /// As it will stand at the beginning.
    pub report: Report,
    /// For each notifier of the report, the message about the alert, and that about its end.
    pub(super) messages: Vec<(Arc<dyn Notifier>, Notification, Notification)>,
    pub(super) runbooks: Arc<Runbooks>,
}

/// The alert of a drill.
fn alert(request: &Request, at: Timestamp) -> Alert {
    let own = [(ALERT_NAME, NAME), ("severity", "info")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let asked = request.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mark = (LABEL.to_owned(), "true".to_owned());
    let summary = format!("TEST: a drill of receiver {}. Nothing is wrong.", request.receiver);
    let description = format!("Somebody tried at {at} whether messages arrive. It will be told as over at once.");
    Alert {
        labels: Labels::from_pairs(own.into_iter().chain(asked).chain([mark])),
        annotations: [("summary".to_owned(), summary), ("description".to_owned(), description)].into(),
        starts_at: at,
        ends_at: None,
        valid_until: at + LONGEST_ATTEMPT,
        generator_url: String::new(),
        value: f64::NAN,
        resolved_value: None,
    }
}

/// What is wrong with the receiver of a request, if anything.
fn unknown_receiver(wanted: &str, known: &[String]) -> Option<Problem> {
    if known.iter().any(|name| name == wanted) {
        return None;
    }
    let names = known.join(", ");
    let names = if names.is_empty() { "none; add one under receivers".to_owned() } else { names };
    let problem = Problem::at("", format!("unknown receiver {wanted:?}")).note(format!("known receivers: {names}"));
    Some(problem.suggest(wanted, known.iter().map(String::as_str)))
}

/// Writes the messages of a drill and says what a real alert with the same labels would have met.
pub(super) fn prepare(
    dispatcher: &Dispatcher,
    notifiers: &Notifiers,
    request: &Request,
    at: Timestamp,
) -> Result<Prepared, String> {
    if let Some(problem) = unknown_receiver(&request.receiver, &dispatcher.plan.receiver_names()) {
        return Err(problem.to_string());
    }
    let id = format!("{:016x}", rand::random::<u64>());
    let firing = alert(request, at);
    let (mut tried, mut messages) = (Vec::new(), Vec::new());
    for planned in dispatcher.plan.notifiers(&request.receiver) {
        let address = (request.receiver.clone(), planned.name.clone());
        let Some(wired) = notifiers.all.get(&address) else { continue };
        let message = |ended| message(dispatcher, &firing, ended, &address.0, planned, &id);
        messages.push((Arc::clone(&wired.notifier), message(None), message(Some(at))));
        tried.push(Tried { notifier: planned.name.clone(), wants_end: planned.send_resolved, ..Tried::default() });
    }
    let report = Report {
        id,
        receiver: request.receiver.clone(),
        labels: firing.labels.clone(),
        notifiers: tried,
        really: really(dispatcher, request, &firing, at),
        done: false,
    };
    Ok(Prepared { report, messages, runbooks: Arc::clone(&notifiers.runbooks) })
}

/// The message about the drill's alert alone. Its group is its own, so that no real incident is touched by it.
fn message(
    dispatcher: &Dispatcher,
    alert: &Alert,
    ended: Option<Timestamp>,
    receiver: &str,
    notifier: &PlannedNotifier,
    id: &str,
) -> Notification {
    let labels = alert.labels.without(|name| name != ALERT_NAME);
    let group = GroupId { receiver: receiver.to_owned(), key: format!("{{}}/{{memsentry_drill=\"{id}\"}}:{labels}") };
    let life = Life { id: &group, labels: &labels, created_at: alert.starts_at };
    let reason = if ended.is_some() { Reason::AllResolved } else { Reason::FirstNotification };
    dispatcher.plan.compose(vec![Told::new(alert, ended)], &life, &notifier.name, reason, alert.starts_at)
}

fn really(dispatcher: &Dispatcher, request: &Request, drill: &Alert, at: Timestamp) -> Vec<String> {
    let labels = drill.labels.without(|name| name == LABEL);
    let routes: Vec<_> =
        dispatcher.plan.select(&labels).into_iter().filter_map(|index| dispatcher.plan.route(index)).collect();
    let mut said: Vec<String> =
        routes.iter().map(|route| format!("it would be told to {} by route {}", route.receiver, route.path)).collect();
    if !routes.iter().any(|route| route.receiver == request.receiver) {
        said.push(format!("no route would tell {}", request.receiver));
    }
    let inhibitors = dispatcher.inhibitors(at);
    let (intervals, silences) = (&dispatcher.plan.intervals, &dispatcher.silences);
    let real = Alert { labels, ..drill.clone() };
    for route in routes {
        let scene = Scene { at, route: Some(route), intervals, inhibitors: &inhibitors, silences };
        let muted = scene.judge(&real).muted.in_words();
        said.extend(muted.map(|by| format!("it would not be told to {} now: {by}", route.receiver)));
    }
    said
}

impl Prepared {
    /// Tells every notifier, all at once, and hands each answer to `heard` as it comes.
    pub async fn perform(&self, clock: &Clock, heard: impl Fn(usize, Tried, Vec<HistoryEntry>)) {
        let mut under_way: FuturesUnordered<_> =
            (0..self.messages.len()).map(|index| self.tell(index, clock, &heard)).collect();
        while under_way.next().await.is_some() {}
    }

    async fn tell(&self, index: usize, clock: &Clock, heard: &impl Fn(usize, Tried, Vec<HistoryEntry>)) {
        let (Some((notifier, firing, over)), Some(tried)) =
            (self.messages.get(index), self.report.notifiers.get(index))
        else {
            return;
        };
        let mut tried = tried.clone();
        let (answer, entry) = self.attempt(&tried, notifier, firing, "firing", clock).await;
        let taken = answer.error.is_none();
        tried.firing = Some(answer);
        heard(index, tried.clone(), vec![entry]);
        if taken && tried.wants_end {
            let (answer, entry) = self.attempt(&tried, notifier, over, "over", clock).await;
            tried.over = Some(answer);
            heard(index, tried, vec![entry]);
        }
    }

    async fn attempt(
        &self,
        tried: &Tried,
        notifier: &Arc<dyn Notifier>,
        notification: &Notification,
        phase: &str,
        clock: &Clock,
    ) -> (Answer, HistoryEntry) {
        let key = format!("drill-{}-{}-{phase}", self.report.id, tried.notifier);
        let evidence = Evidence::default();
        let (runbooks, at) = (self.runbooks.as_ref(), clock.now());
        let attempt = Attempt { key: &key, notification, evidence: &evidence, runbooks, at };
        let watch = Stopwatch::start();
        let result = match tokio::time::timeout(LONGEST_ATTEMPT, notifier.deliver(&attempt)).await {
            Ok(result) => result.map_err(|failure| failure.message),
            Err(_) => Err(format!("no answer within {}s", LONGEST_ATTEMPT.as_secs())),
        };
        let answer = Answer { error: result.err(), took: watch.elapsed().as_secs_f64() };
        let row = OutboxRow {
            id: key,
            receiver: self.report.receiver.clone(),
            notifier: tried.notifier.clone(),
            group_key: notification.group_key.clone(),
            body: serde_json::to_string(notification).unwrap_or_default(),
            created_at: at,
            next_attempt_at: at,
            attempts: 0,
            last_error: None,
        };
        let outcome = answer.error.as_deref().map_or(Outcome::Delivered, |error| Outcome::GivenUp { error });
        let entry = history::attempt(clock.now(), &row, 1, &outcome);
        (answer, entry)
    }
}

/// The drills of this process. Clones share them.
#[derive(Clone)]
pub struct Drills(Arc<Inner>);

struct Inner {
    reports: Mutex<VecDeque<Report>>,
    begin: mpsc::Sender<Prepared>,
    store: Store,
    clock: Clock,
}

impl Drills {
    /// None yet. Returns the task that performs them, one after the other.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> (Self, Task) {
        let (begin, prepared) = mpsc::channel(MOST_WAITING);
        let drills = Self(Arc::new(Inner { reports: Mutex::default(), begin, store, clock }));
        let (inner, prepared) = (Arc::clone(&drills.0), Arc::new(tokio::sync::Mutex::new(prepared)));
        let task = Task::new("drills", move || {
            let (inner, prepared) = (Arc::clone(&inner), Arc::clone(&prepared));
            async move {
                // Nobody else takes it; it lives in a mutex so that the task can be started again.
                while let Some(drill) = prepared.lock().await.recv().await {
                    inner.perform(&drill).await;
                }
            }
        });
        (drills, task)
    }

    /// Begins a drill; its outcome is asked for by the id of its report.
    ///
    /// # Errors
    /// Too many wait.
    pub fn begin(&self, drill: Prepared) -> Result<Report, String> {
        let report = drill.report.clone();
        let mut reports = self.0.reports();
        self.0.begin.try_send(drill).map_err(|_| "other drills are under way, try again later".to_owned())?;
        reports.push_front(report.clone());
        reports.truncate(REMEMBERED);
        Ok(report)
    }

    /// All that are remembered, the newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Report> {
        self.0.reports().iter().cloned().collect()
    }

    /// How a drill stands.
    #[must_use]
    pub fn report(&self, id: &str) -> Option<Report> {
        self.0.reports().iter().find(|report| report.id == id).cloned()
    }
}

impl Inner {
    fn reports(&self) -> MutexGuard<'_, VecDeque<Report>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Report)) {
        if let Some(report) = self.reports().iter_mut().find(|report| report.id == id) {
            change(report);
        }
    }

    async fn perform(&self, drill: &Prepared) {
        let id = &drill.report.id;
        let entries = Mutex::new(Vec::new());
        let heard = |index: usize, tried: Tried, happened: Vec<HistoryEntry>| {
            let failed = tried.over.as_ref().or(tried.firing.as_ref()).and_then(|answer| answer.error.clone());
            tracing::info!(
                receiver = drill.report.receiver,
                notifier = tried.notifier,
                error = failed,
                "drill answered"
            );
            entries.lock().unwrap_or_else(PoisonError::into_inner).extend(happened);
            self.change(id, |report| {
                if let Some(place) = report.notifiers.get_mut(index) {
                    *place = tried;
                }
            });
        };
        drill.perform(&self.clock, heard).await;
        let entries = entries.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.store.record_history(entries).await.is_err() {
            tracing::debug!("the history of a drill could not be stored");
        }
        self.change(id, |report| report.done = true);
    }
}
