//! `retrieval`: reads the memory of a conversation that is known to exist, and checks its shape.
//!
//! It measures the promise of retrieval within 100 ms on a request that changes nothing. The conversation is a
//! marked one of its own, unless one is configured. It is made anew before a sweep would take it for an orphan.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use crate::memory_api::Memory;
use crate::model::{Duration, Problem, Stopwatch};

use super::kind::{Probe, Target};
use super::outcome::{Failure, Reason};
use super::run::{LOGIN, Run};
use super::synthetic::{ORPHAN_AGE, metadata};

const CREATE: &str = "create_conversation";
const READ: &str = "read";
const VERIFY: &str = "verify";
const CLEAN_UP: &str = "clean_up";

/// The probe.
pub struct Retrieval {
    settings: RetrievalSettings,
    name: String,
    instance: String,
    own: Mutex<Own>,
}

/// Its own settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalSettings {
    /// A conversation to read instead of a synthetic one. Its memory then appears, redacted, among the evidence.
    #[serde(default)]
    pub chat_id: Option<String>,
}

#[derive(Default)]
struct Own {
    /// The conversation that is read, and since when it exists.
    chat: Option<(String, Stopwatch)>,
    /// Earlier ones, to be removed.
    done_with: Vec<String>,
}

impl Probe for Retrieval {
    const NAME: &'static str = "retrieval";
    const ABOUT: &'static str = "reads the memory of a known conversation";
    const STEPS: &'static [&'static str] = &[LOGIN, CREATE, READ, VERIFY, CLEAN_UP];
    const INTERVAL: Duration = Duration::from_secs(15);
    const TIMEOUT: Duration = Duration::from_secs(5);
    const REQUESTS: u32 = 1;
    type Settings = RetrievalSettings;

    fn problems(settings: &RetrievalSettings) -> Vec<Problem> {
        let empty = settings.chat_id.as_ref().is_some_and(String::is_empty);
        if empty { vec![Problem::at("chat_id", "is empty")] } else { Vec::new() }
    }

    fn new(settings: RetrievalSettings, name: &str, target: &Target) -> Self {
        Self { settings, name: name.to_owned(), instance: target.instance.clone(), own: Mutex::default() }
    }

    async fn run(&self, run: &mut Run) -> Result<(), Failure> {
        run.log_in().await?;
        let chat_id = self.conversation(run).await?;
        run.begin(READ);
        let answer = run.client().memory(&chat_id).await;
        let gone = answer.as_ref().is_err_and(|error| error.status() == Some(404));
        if !gone || self.settings.chat_id.is_some() {
            let memory = run.took(answer)?;
            return verify(run, &chat_id, &memory);
        }
        // Somebody removed it, which is no failure of the service. A database outage looks the same, and then
        // the new conversation fails.
        let _ = run.note(answer);
        run.remark(format!("conversation {chat_id} is gone; another one was made"));
        self.own().chat = None;
        let chat_id = self.conversation(run).await?;
        run.begin(READ);
        let answer = run.client().memory(&chat_id).await;
        let memory = run.took(answer)?;
        verify(run, &chat_id, &memory)
    }

    async fn finish(&self, run: &mut Run) {
        let Some(database) = run.database().filter(|database| database.may_clean_up()) else {
            self.own().done_with.clear();
            return;
        };
        let done_with = {
            let mut own = self.own();
            if run.once {
                let last = own.chat.take().map(|(chat_id, _)| chat_id);
                own.done_with.extend(last);
            }
            own.done_with.clone()
        };
        if done_with.is_empty() {
            return;
        }
        run.begin(CLEAN_UP);
        match database.remove_synthetic(&done_with).await {
            Ok(_) => {
                self.own().done_with.retain(|chat_id| !done_with.contains(chat_id));
                let _ = run.end(Ok(()));
            }
            Err(error) => {
                run.remark(format!("could not clean up: {error}"));
                let _ = run.end::<()>(Err((Reason::Database, String::new())));
            }
        }
    }
}

impl Retrieval {
    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The conversation to read; makes one where there is none or it gets too old.
    async fn conversation(&self, run: &mut Run) -> Result<String, Failure> {
        let sweeps = run.database().is_some_and(|database| database.may_clean_up());
        let chat_id = match &self.settings.chat_id {
            Some(chat_id) => Some(chat_id.clone()),
            None => self.fresh_enough(sweeps),
        };
        let chat_id = match chat_id {
            Some(chat_id) => chat_id,
            None => {
                run.begin(CREATE);
                let answer = run.client().create_conversation(&metadata(&self.instance, &self.name)).await;
                let chat_id = run.took(answer)?.conversation_id;
                self.own().chat = Some((chat_id.clone(), Stopwatch::start()));
                chat_id
            }
        };
        run.chat_id = Some(chat_id.clone());
        Ok(chat_id)
    }

    fn fresh_enough(&self, sweeps: bool) -> Option<String> {
        let mut own = self.own();
        let (chat_id, since) = own.chat.as_ref()?;
        if !sweeps || since.elapsed() < ORPHAN_AGE.std() / 2 {
            return Some(chat_id.clone());
        }
        let old = own.chat.take().map(|(chat_id, _)| chat_id);
        // Bounded: what does not fit here any more is taken by the next sweep.
        own.done_with.extend(old);
        own.done_with.truncate(32);
        None
    }
}

fn verify(run: &mut Run, chat_id: &str, memory: &Memory) -> Result<(), Failure> {
    run.begin(VERIFY);
    if memory.chat_id == chat_id {
        return run.end(Ok(()));
    }
    let message = format!("asked for conversation {chat_id}, got the memory of {}", memory.chat_id);
    run.end(Err((Reason::Mismatch, message)))
}
