//! What criteria share that break something: permission, a conversation that worked before, what the API says
//! meanwhile, and whether all is well again afterwards, in what time, with what lost.
//!
//! The order is always the same: [`Trial::begin`] shows that updates are processed before anything is broken, so that
//! what fails later was broken by us; [`Trial::speak`] while it is broken; [`Trial::end`] once it is mended.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use futures_util::future::{join, join_all};
use serde_json::Value;

use crate::memory_api::{CallError, Exchange, Trigger};
use crate::model::Stopwatch;
use crate::queue::{AuditRow, Chaos, RowState};

use super::passage::{is_limit, mark, note, seconds, snippet, turns};
use super::share::{Standing, standing};
use super::{Chat, Evidence, Finding, Obstacle, Scene, faults};

/// Pause between two attempts to see whether all is well again, and between two words to a broken service.
const PAUSE: StdDuration = StdDuration::from_millis(200);

impl Scene {
    /// Who may break the database.
    ///
    /// # Errors
    /// Nobody: breaking was not asked for, or there is no role for it.
    pub(super) fn chaos(&self) -> Result<Chaos, Obstacle> {
        let url = self.means(|chaos| chaos.database_url.clone(), "validate.chaos.database_url")?;
        Ok(Chaos::new(self.database()?, &url))
    }

    /// Switches faults of the reference; they are ended in any case.
    ///
    /// # Errors
    /// It was not asked for, or did not happen.
    pub(super) async fn switch(&self, what: &Value) -> Result<(), Obstacle> {
        let url = self.means(|chaos| chaos.faults_url.clone(), "validate.chaos.faults_url")?;
        self.healing.faults(&url)?;
        faults::change(&url, what).await.map_err(Obstacle::new)
    }

    /// Ends all faults.
    ///
    /// # Errors
    /// They may still be there.
    pub(super) async fn mend(&self) -> Result<(), Obstacle> {
        let url = self.means(|chaos| chaos.faults_url.clone(), "validate.chaos.faults_url")?;
        faults::heal(&url).await.map_err(Obstacle::new)
    }

    fn means<T>(&self, of: impl Fn(&super::Chaos) -> Option<T>, setting: &str) -> Result<T, Obstacle> {
        if !self.chaos_allowed {
            return Err(Obstacle::new("breaking things was not allowed; --chaos does"));
        }
        let chaos = self.promises.settings.chaos.as_ref();
        chaos.and_then(of).ok_or_else(|| Obstacle::new(format!("{setting} is not configured for this target")))
    }
}

/// What the API answered while something was broken.
#[derive(Debug, Default)]
pub(super) struct Voice {
    answers: BTreeMap<String, u64>,
    slowest: StdDuration,
    /// Errors that blame the caller, although nothing was wrong with the request.
    pub(super) blaming: Vec<String>,
}

impl Voice {
    fn hear<T>(&mut self, answer: &Result<Exchange<T>, CallError>) {
        let record = match answer {
            Ok(exchange) => Some(&exchange.record),
            Err(error) => error.record(),
        };
        let status = record.and_then(|record| record.status);
        let said = match (status, answer) {
            (Some(status), _) => status.to_string(),
            (None, Err(error)) => error.reason().as_str().to_owned(),
            (None, Ok(_)) => "an answer".to_owned(),
        };
        *self.answers.entry(said).or_default() += 1;
        self.slowest = self.slowest.max(record.map_or(StdDuration::ZERO, |record| record.timings.total));
        if let Err(error) = answer
            && status.is_some_and(|status| (400..500).contains(&status) && status != 429)
        {
            self.blaming.push(error.to_string());
        }
    }

    /// `3x 201, 2x 500, the slowest after 0.4 s`.
    pub(super) fn told(&self) -> String {
        if self.answers.is_empty() {
            return "nothing was asked".to_owned();
        }
        let answers: Vec<String> = self.answers.iter().map(|(said, times)| format!("{times}x {said}")).collect();
        format!("{}, the slowest after {}", answers.join(", "), seconds(self.slowest))
    }
}

/// One conversation before, while and after something is broken.
pub(super) struct Trial<'a> {
    scene: &'a Scene,
    /// The conversation.
    pub(super) chat: Chat,
    /// What it was told before, if its memory shows that.
    fact: Option<String>,
    /// What the API said meanwhile.
    pub(super) voice: Voice,
    /// Queue id and mark of what was accepted meanwhile.
    pub(super) accepted: Vec<(String, String)>,
}

/// How it ended.
pub(super) struct Ending {
    /// How long after mending a new update was accepted and processed; `None` if none was in time.
    pub(super) recovered: Option<StdDuration>,
    /// What was accepted meanwhile and is not complete, with its status.
    pub(super) unprocessed: Vec<String>,
    /// Accepted updates that are complete and not in the memory, and how many were looked for.
    pub(super) forgotten: (u64, u64),
    /// Whether the memory no longer holds what it was told before.
    pub(super) wiped: bool,
    patience: StdDuration,
}

impl<'a> Trial<'a> {
    /// A conversation that was told something, and whose update was processed.
    ///
    /// # Errors
    /// It was not: then nothing can be said about recovery.
    pub(super) async fn begin(scene: &'a Scene, evidence: &mut Evidence) -> Result<Self, Obstacle> {
        let chat = scene.chat(scene.users.freest(), evidence).await?;
        let fact = mark();
        let text = format!("My badge number is {fact}.");
        let memory = scene.remember(&chat, &text, scene.patience(), evidence).await;
        let memory = memory.map_err(|why| Obstacle::new(format!("before anything was broken: {why}")))?;
        let fact = memory.mentions(&fact).then_some(fact);
        if fact.is_none() {
            evidence.note("the memory does not show what it is told, so only queue rows say what was lost");
        }
        Ok(Self { scene, chat, fact, voice: Voice::default(), accepted: Vec::new() })
    }

    /// Sends so many updates and as many retrievals, all at once.
    pub(super) async fn speak(&mut self, times: usize, evidence: &mut Evidence) {
        let turns = turns(std::iter::repeat_n(&self.chat.user, times * 2)).await;
        let marks: Vec<String> = (0..times).map(|_| mark()).collect();
        let Chat { id, user } = self.chat.clone();
        let (client, id) = (user.client(), &id);
        let updates = marks.iter().map(|mark| async move { client.update(id, &snippet(mark), Trigger::Test).await });
        let reads = marks.iter().map(|_| client.memory(id));
        let (updates, reads) = join(join_all(updates), join_all(reads)).await;
        drop(turns);
        for (mark, answer) in marks.into_iter().zip(updates) {
            note(&answer, evidence);
            self.voice.hear(&answer);
            if let Ok(accepted) = answer {
                self.accepted.push((accepted.value.queue_id, mark));
            }
        }
        for answer in reads {
            note(&answer, evidence);
            self.voice.hear(&answer);
        }
    }

    /// Speaks now and again for so long.
    pub(super) async fn speak_for(&mut self, time: StdDuration, evidence: &mut Evidence) {
        let watch = Stopwatch::start();
        loop {
            self.speak(1, evidence).await;
            // A few updates are enough; a slow service is not asked more often than it answers.
            tokio::time::sleep((time / 5).max(PAUSE)).await;
            if watch.elapsed() >= time {
                return;
            }
        }
    }

    /// What was wrong if the API took nothing in while only something behind it was broken.
    pub(super) fn not_accepting(&self) -> Vec<String> {
        if self.accepted.is_empty() { vec!["no update was accepted meanwhile".to_owned()] } else { Vec::new() }
    }

    /// Whether the memory still holds what it was told before; `None` if it never did, or cannot be read.
    pub(super) async fn holds_its_fact(&self, evidence: &mut Evidence) -> Option<bool> {
        let fact = self.fact.as_ref()?;
        let memory = self.scene.memory(&self.chat, evidence).await.ok()?;
        Some(memory.mentions(fact))
    }

    /// Waits, now that it is mended, until a new update passes, and then until everything that was accepted has.
    ///
    /// # Errors
    /// What happened cannot be seen.
    pub(super) async fn end(&self, evidence: &mut Evidence) -> Result<Ending, Obstacle> {
        let (watch, patience) = (Stopwatch::start(), self.scene.patience());
        let mut recovered = None;
        while recovered.is_none() && watch.elapsed() < patience {
            if self.passes(patience.saturating_sub(watch.elapsed()), evidence).await? {
                recovered = Some(watch.elapsed());
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
        let rows = self.settled(patience.saturating_sub(watch.elapsed()).max(PAUSE)).await?;
        let mut ending = Ending { recovered, unprocessed: Vec::new(), forgotten: (0, 0), wiped: false, patience };
        let memory = match &self.fact {
            Some(fact) => self.scene.memory(&self.chat, evidence).await.ok().map(|memory| (fact, memory)),
            None => None,
        };
        for (id, mark) in &self.accepted {
            let row = rows.iter().find(|row| row.id == *id);
            row.into_iter().for_each(|row| evidence.row(row));
            let complete = row.is_some_and(|row| row.row.state() == RowState::Complete);
            if !complete {
                ending.unprocessed.push(row.map_or_else(|| "no row".to_owned(), |row| row.row.status.clone()));
            } else if let Some((_, memory)) = &memory {
                ending.forgotten.0 += u64::from(!memory.mentions(mark));
                ending.forgotten.1 += 1;
            }
        }
        ending.wiped = memory.is_some_and(|(fact, memory)| !memory.mentions(fact));
        Ok(ending)
    }

    /// Whether a new update is accepted and becomes complete.
    async fn passes(&self, within: StdDuration, evidence: &mut Evidence) -> Result<bool, Obstacle> {
        let client = self.chat.user.turn().await;
        let answer = client.update(&self.chat.id, &snippet(&mark()), Trigger::Test).await;
        drop(client);
        note(&answer, evidence);
        match answer {
            Ok(accepted) => {
                let row = self.scene.settled(&accepted.value.queue_id, within).await;
                // Our own connection may have been ended as well, which is not the service's fault.
                Ok(row.is_ok_and(|row| row.row.state() == RowState::Complete))
            }
            Err(error) if is_limit(&error) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    /// The conversation's rows, once none of what was accepted is open any more.
    async fn settled(&self, within: StdDuration) -> Result<Vec<AuditRow>, Obstacle> {
        let database = self.scene.database()?;
        let watch = Stopwatch::start();
        loop {
            let rows = database.rows_of(std::slice::from_ref(&self.chat.id)).await;
            let late = watch.elapsed() >= within;
            match rows {
                Ok(rows) if late || self.accepted.iter().all(|(id, _)| is_through(&rows, id)) => return Ok(rows),
                Err(error) if late => return Err(error.into()),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

fn is_through(rows: &[AuditRow], id: &str) -> bool {
    rows.iter().any(|row| row.id == id && row.row.state() != RowState::Waiting)
}

impl Ending {
    /// What of the promise "it survives" is contradicted.
    pub(super) fn contradictions(&self, retention: f64) -> Vec<String> {
        let mut found = Vec::new();
        if self.recovered.is_none() {
            found.push(format!("no update passed within {} after it was mended", seconds(self.patience)));
        }
        if !self.unprocessed.is_empty() {
            let (number, mut statuses) = (self.unprocessed.len(), self.unprocessed.clone());
            statuses.sort();
            statuses.dedup();
            found.push(format!("{number} accepted updates were not processed ({})", statuses.join(", ")));
        }
        let (lost, all) = self.forgotten;
        if standing(all - lost.min(all), all, retention) == Standing::Broken {
            found.push(format!("{lost} of {all} accepted updates are complete and not in the memory"));
        }
        if self.wiped {
            found.push("the memory no longer holds what it was told before".to_owned());
        }
        found
    }

    /// The verdict about surviving `what`, given what the API said and what else was wrong.
    pub(super) fn finding(
        &self,
        trial: &Trial<'_>,
        what: &str,
        mut wrong: Vec<String>,
        evidence: &mut Evidence,
    ) -> Finding {
        if let Some(recovered) = self.recovered {
            evidence.number("recovered after", "seconds", recovered.as_secs_f64(), Some(self.patience.as_secs_f64()));
        }
        let said = format!("{what} the API answered {}", trial.voice.told());
        wrong.extend(self.contradictions(trial.scene.promises.settings.retention));
        if !wrong.is_empty() {
            return Finding::fail(format!("{}; {said}", wrong.join("; ")));
        }
        let recovered = self.recovered.map_or_else(String::new, seconds);
        let accepted = trial.accepted.len();
        let (lost, all) = self.forgotten;
        let lost =
            if lost == 0 { "nothing was lost".to_owned() } else { format!("{lost} of {all} are not in the memory") };
        let processed = if accepted == 0 {
            "no update was accepted meanwhile".to_owned()
        } else {
            format!("{accepted} of {accepted} updates that were accepted meanwhile were processed")
        };
        Finding::pass(format!("{said}; it recovered by itself in {recovered}; {processed}, {lost}"))
    }
}
