//! `roundtrip`: one whole memory update, from the snippet to the memory that holds it.
//!
//! Makes or takes up a marked conversation, sends a snippet with a nonce, follows it until it is processed
//! ([`follow`]), reads the memory back and judges it ([`judge`]), and cleans up. It tells "processed" from "not
//! processed" on every kind of deployment; where that is impossible it says so instead of guessing.

mod clean;
mod follow;
mod judge;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use prometheus::Counter as CounterSeries;
use serde::Deserialize;

use crate::memory_api::{CallError, Memory, Trigger};
use crate::model::synthetic::{nonce, snippet};
use crate::model::{Duration, Problem, Stopwatch};

use super::kind::{Probe, Target};
use super::metrics::{LEFTOVERS, UPDATE_DURATION, UPDATE_FAILURES, UPDATES};
use super::outcome::{Failure, Outcome, Reason};
use super::run::{LOGIN, Run};
use super::synthetic::metadata;
use follow::Follow;
use judge::{Expected, Verdict, verdict};
use state::{MOST_UNFINISHED, State};

const CREATE: &str = "create_conversation";
const BASELINE: &str = "baseline";
const ACCEPT: &str = "accept";
const PROCESS: &str = "process";
const READ: &str = "read";
const VERIFY: &str = "verify";
const CLEAN_UP: &str = "clean_up";

/// Reads of a processed memory, if it may come from a replica that lags.
const READS: u32 = 3;
const READ_PAUSE: StdDuration = StdDuration::from_millis(300);

/// The probe.
pub struct Roundtrip {
    settings: RoundtripSettings,
    name: String,
    instance: String,
    state: Mutex<State>,
    updates: CounterSeries,
    update_failures: Vec<(Reason, CounterSeries)>,
    update_duration: prometheus::Histogram,
    leftovers: clean::Leftovers,
}

/// Its own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundtripSettings {
    /// Whether a processed memory holds the code that was in the snippet. `auto`, the default, expects it of a
    /// deployment that has shown one before, and accepts a summariser in mock mode.
    #[serde(default)]
    pub expect_nonce: ExpectNonce,
    /// Conversations that are used again where clean-up by SQL is not allowed, 1 to 20; 3 unless set.
    #[serde(default = "default_conversations")]
    pub conversations: usize,
}

/// Whether the summariser keeps the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectNonce {
    /// Found out.
    #[default]
    Auto,
    /// A processed memory without it is a mismatch.
    Always,
    /// Any change of the memory counts.
    Never,
}

fn default_conversations() -> usize {
    3
}

impl Probe for Roundtrip {
    const NAME: &'static str = "roundtrip";
    const ABOUT: &'static str = "sends a snippet and waits until the memory holds it";
    const STEPS: &'static [&'static str] = &[LOGIN, CREATE, BASELINE, ACCEPT, PROCESS, READ, VERIFY, CLEAN_UP];
    const INTERVAL: Duration = Duration::from_secs(30);
    const TIMEOUT: Duration = Duration::from_secs(25);
    const REQUESTS: u32 = 2;
    type Settings = RoundtripSettings;

    fn problems(settings: &RoundtripSettings) -> Vec<Problem> {
        if (1..=20).contains(&settings.conversations) {
            return Vec::new();
        }
        vec![Problem::at("conversations", format!("{} is not between 1 and 20", settings.conversations))]
    }

    fn new(settings: RoundtripSettings, name: &str, target: &Target) -> Self {
        let (registry, service) = (&target.registry, target.client.name());
        let failures = registry.counter(&UPDATE_FAILURES);
        Self {
            settings,
            name: name.to_owned(),
            instance: target.instance.clone(),
            state: Mutex::default(),
            updates: registry.counter(&UPDATES).with_label_values(&[service]),
            update_failures: Reason::ALL
                .into_iter()
                .filter(|reason| is_about_the_service(*reason))
                .map(|reason| (reason, failures.with_label_values(&[service, reason.as_str()])))
                .collect(),
            update_duration: registry.histogram(&UPDATE_DURATION).with_label_values(&[service]),
            leftovers: clean::Leftovers::new(registry.gauge(&LEFTOVERS).with_label_values(&[service])),
        }
    }

    async fn run(&self, run: &mut Run) -> Result<(), Failure> {
        run.log_in().await?;
        let mut chat = self.conversation(run).await?;
        let nonce = nonce();
        let (queue_id, sent) = self.send(run, &mut chat, &nonce).await?;
        let foreign = self.state().foreign(&chat.id);
        let expected = Expected {
            chat_id: &chat.id,
            nonce: &nonce,
            expect: self.settings.expect_nonce,
            keeps_nonce: self.state().keeps_nonce,
            before: chat.before.as_ref(),
            stale_possible: chat.stale_possible,
            foreign: &foreign,
        };
        run.begin(PROCESS);
        // Time is kept back for reading and judging.
        let reserve = (run.left() / 5).min(StdDuration::from_secs(2));
        let follow = Follow::new(&queue_id, &expected, run.database(), run.deadline() - reserve);
        let processed = follow.wait(run).await?;
        run.end(Ok(()))?;
        let memory = self.read_and_verify(run, processed.memory, &expected).await?;
        run.update_took = Some(sent.elapsed());
        let mut state = self.state();
        state.keeps_nonce |= memory.mentions(&nonce);
        state.retire_if_full(&chat.id, memory.size());
        if !cleans(run) {
            // Elsewhere the clean-up sees the row itself.
            state.finished(&nonce);
        }
        Ok(())
    }

    async fn finish(&self, run: &mut Run) {
        clean::finish(self, run).await;
    }

    fn settle(&self, outcome: &Outcome) {
        let failure = outcome.failure.as_ref().map(|failure| failure.reason);
        if failure.is_some_and(|reason| !is_about_the_service(reason)) {
            return;
        }
        self.updates.inc();
        if let Some(took) = outcome.update_took {
            self.update_duration.observe(took.as_secs_f64());
        }
        if let Some((_, series)) = self.update_failures.iter().find(|(reason, _)| Some(*reason) == failure) {
            series.inc();
        }
    }
}

/// A conversation for one run.
struct Chat {
    id: String,
    reused: bool,
    /// Its memory before the update, where the memory has to be the witness.
    before: Option<Memory>,
    stale_possible: bool,
}

/// Whether a failure for this reason is a failed update, and not our own inability to make or judge one.
fn is_about_the_service(reason: Reason) -> bool {
    !reason.says_nothing() && reason != Reason::Database
}

fn cleans(run: &Run) -> bool {
    run.database().is_some_and(|database| database.may_clean_up())
}

/// Refused or not even sent. After a time-out or a lost connection a snippet may be queued nevertheless.
fn never_queued(error: &CallError) -> bool {
    matches!(error, CallError::BudgetExhausted { .. }) || error.status().is_some_and(|status| status >= 300)
}

/// What a conversation remembers before its first update.
fn empty_memory(chat_id: &str) -> Memory {
    Memory {
        chat_id: chat_id.to_owned(),
        user_confirmed: serde_json::Map::new(),
        llm_inferred: serde_json::Map::new(),
        general_summary: String::new(),
        last_updated: None,
    }
}

impl Roundtrip {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A conversation of this run's own, or one that is used again.
    async fn conversation(&self, run: &mut Run) -> Result<Chat, Failure> {
        if cleans(run) {
            return self.new_conversation(run).await;
        }
        let reused = self.state().reuse(self.settings.conversations);
        let Some(id) = reused else {
            let chat = self.new_conversation(run).await?;
            self.state().keep(&chat.id);
            return Ok(chat);
        };
        run.chat_id = Some(id.clone());
        self.settle_unfinished(run).await?;
        // Read even where a database is configured: it may fail in the middle of the run.
        run.begin(BASELINE);
        let answer = run.client().memory(&id).await;
        if answer.as_ref().is_err_and(|error| error.status() == Some(404)) {
            return self.replace(run, &id, answer.err()).await;
        }
        let before = run.took(answer)?;
        let mut state = self.state();
        state.seen_through(&id, |nonce| before.mentions(nonce));
        let stale_possible = state.is_unfinished(&id);
        Ok(Chat { id, reused: true, before: Some(before), stale_possible })
    }

    async fn new_conversation(&self, run: &mut Run) -> Result<Chat, Failure> {
        run.begin(CREATE);
        let answer = run.client().create_conversation(&metadata(&self.instance, &self.name)).await;
        let id = run.took(answer)?.conversation_id;
        run.chat_id = Some(id.clone());
        let before = Some(empty_memory(&id));
        Ok(Chat { id, reused: false, before, stale_possible: false })
    }

    /// A kept conversation is gone: somebody cleaned up. If it is an outage instead, making another one fails.
    async fn replace(&self, run: &mut Run, gone: &str, why: Option<CallError>) -> Result<Chat, Failure> {
        if let Some(error) = why {
            let _ = run.note::<()>(Err(error));
        }
        run.remark(format!("conversation {gone} is gone; another one was made"));
        self.state().forget(gone);
        let chat = self.new_conversation(run).await?;
        self.state().keep(&chat.id);
        Ok(chat)
    }

    /// Sends the snippet; answers with the queue row's id and a watch that runs since then.
    async fn send(&self, run: &mut Run, chat: &mut Chat, nonce: &str) -> Result<(String, Stopwatch), Failure> {
        run.begin(ACCEPT);
        let mut sent = Stopwatch::start();
        self.state().sent(&chat.id, nonce);
        let mut answer = run.client().update(&chat.id, &snippet(nonce), Trigger::Test).await;
        if chat.reused && answer.as_ref().is_err_and(|error| error.status() == Some(404)) {
            *chat = self.replace(run, &chat.id, answer.err()).await?;
            run.begin(ACCEPT);
            sent = Stopwatch::start();
            self.state().sent(&chat.id, nonce);
            answer = run.client().update(&chat.id, &snippet(nonce), Trigger::Test).await;
        }
        if answer.as_ref().is_err_and(never_queued) {
            self.state().finished(nonce);
        }
        let accepted = run.took(answer)?;
        self.state().accepted(nonce, &accepted.queue_id);
        Ok((accepted.queue_id, sent))
    }

    /// Looks after updates of earlier runs, and adds none while too many are unfinished.
    async fn settle_unfinished(&self, run: &mut Run) -> Result<(), Failure> {
        let unfinished = self.state().accepted_and_unfinished();
        if let Some(database) = run.database() {
            for update in &unfinished {
                clean::settle_by_row(self, &database, update).await;
            }
        } else if let Some(oldest) = unfinished.first().filter(|_| unfinished.len() >= MOST_UNFINISHED) {
            run.begin(BASELINE);
            let answer = run.client().memory(&oldest.chat_id).await;
            let memory = run.took(answer)?;
            self.state().seen_through(&oldest.chat_id, |nonce| memory.mentions(nonce));
        }
        if self.state().accepted_and_unfinished().len() < MOST_UNFINISHED {
            return Ok(());
        }
        run.begin(ACCEPT);
        let message = format!("{MOST_UNFINISHED} earlier updates are not processed yet; no other one was added");
        Err(run.fail(Reason::NotProcessed, message))
    }

    /// Reads the memory unless it was just read, and judges it.
    async fn read_and_verify(
        &self,
        run: &mut Run,
        mut seen: Option<Memory>,
        expected: &Expected<'_>,
    ) -> Result<Memory, Failure> {
        for read in 1.. {
            let memory = match seen.take() {
                Some(memory) => memory,
                None => {
                    run.begin(READ);
                    let answer = run.client().memory(expected.chat_id).await;
                    run.took(answer)?
                }
            };
            run.begin(VERIFY);
            match verdict(&memory, expected) {
                Verdict::Good(remark) => {
                    if let Some(remark) = remark {
                        run.remark(remark);
                    }
                    run.end(Ok(()))?;
                    return Ok(memory);
                }
                Verdict::NotYet(_) if read < READS && run.left() > READ_PAUSE * 2 => {
                    tokio::time::sleep(READ_PAUSE).await;
                }
                Verdict::NotYet(message) | Verdict::Wrong(message) => return Err(run.fail(Reason::Mismatch, message)),
            }
        }
        Err(run.fail(Reason::Internal, "the memory was never judged"))
    }
}
