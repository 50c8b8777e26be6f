//! What a run owes when it ends, in whatever way: what it broke is mended, what it made is removed.
//!
//! A run says what will have to be undone **before** it breaks anything ([`Healing`]). Each word goes to a guard as
//! well, another process that does the same when the run dies without having done it. Every [`Step`] may be
//! performed any number of times. Data needs no words of its own: everything carries the run's id as its marker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use crate::model::Stopwatch;
use crate::queue::{Database, DatabaseError, Sweep};

use super::{Obstacle, faults};

/// Between two looks for data that requests on their way may still have made.
const SETTLE: StdDuration = StdDuration::from_millis(500);

/// Something to undo; for the guard a line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// End every fault of the reference service whose faults endpoint is here.
    Faults(String),
}

impl Step {
    /// Undoes it.
    ///
    /// # Errors
    /// Why it could not be undone; a sentence, redacted.
    pub async fn perform(&self) -> Result<(), String> {
        match self {
            Self::Faults(url) => faults::heal(url).await,
        }
    }
}

type Tell = Arc<dyn Fn(&Step) -> std::io::Result<()> + Send + Sync>;

/// What has to be undone, known here and to a guard. Clones share it.
#[derive(Clone, Default)]
pub struct Healing {
    steps: Arc<Mutex<Vec<Step>>>,
    tell: Option<Tell>,
}

impl Healing {
    /// Nobody takes over if this process dies.
    #[must_use]
    pub fn unguarded() -> Self {
        Self::default()
    }

    /// Each step goes to a guard through `tell`, which answers once the guard cannot miss it any more.
    #[must_use]
    pub fn guarded(tell: impl Fn(&Step) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        Self { steps: Arc::default(), tell: Some(Arc::new(tell)) }
    }

    /// Says that faults will be switched on at this endpoint. To be called before the first one is; more often does
    /// no harm. The runner ends them after the criterion, however that ended.
    ///
    /// # Errors
    /// The guard cannot be told: nothing must be broken then.
    pub fn faults(&self, url: &str) -> Result<(), Obstacle> {
        self.owe(Step::Faults(url.to_owned()))
    }

    fn owe(&self, step: Step) -> Result<(), Obstacle> {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.contains(&step) {
            return Ok(());
        }
        if let Some(tell) = &self.tell {
            let told = tell(&step);
            told.map_err(|error| Obstacle::new(format!("nothing was broken, because the guard is gone: {error}")))?;
        }
        steps.push(step);
        Ok(())
    }

    /// Undoes everything that was said so far; answers with what could not be undone. The words stay, so that it is
    /// all undone once more at the end.
    pub async fn undo(&self) -> Vec<String> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut failures = Vec::new();
        for step in steps {
            failures.extend(step.perform().await.err());
        }
        failures
    }
}

/// Removes everything that carries the marker of `database`, and looks again until nothing is found; for `within`
/// at most, during which failures are tried again. Answers how many conversations went, and how many are left.
///
/// # Errors
/// The last failure, if nothing could be said at the end.
pub async fn remove_data(database: &Database, within: StdDuration) -> Result<Sweep, DatabaseError> {
    let watch = Stopwatch::start();
    let mut removed = 0;
    loop {
        let looked = database.remove_marked().await;
        let late = watch.elapsed() >= within;
        match looked {
            Ok(found) => {
                removed += found.removed;
                if late || !database.may_clean_up() || (found.removed == 0 && found.left == 0) {
                    return Ok(Sweep { removed, left: found.left });
                }
            }
            Err(error) if late => return Err(error),
            Err(_) => {}
        }
        tokio::time::sleep(SETTLE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_hears_each_step_once_and_nothing_is_broken_when_it_is_gone() {
        let heard: Arc<Mutex<Vec<Step>>> = Arc::default();
        let ear = Arc::clone(&heard);
        let healing = Healing::guarded(move |step| {
            let mut heard = ear.lock().unwrap();
            heard.push(step.clone());
            if heard.len() > 1 { Err(std::io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        });
        healing.faults("http://127.0.0.1:1").unwrap();
        healing.clone().faults("http://127.0.0.1:1").unwrap();
        assert_eq!(*heard.lock().unwrap(), [Step::Faults("http://127.0.0.1:1".into())]);
        let refused = healing.faults("http://127.0.0.1:2").unwrap_err();
        assert!(refused.0.starts_with("nothing was broken"), "{refused}");
        assert_eq!(healing.steps.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_step_is_a_short_line_of_json() {
        let line = serde_json::to_string(&Step::Faults("http://f".into())).unwrap();
        assert_eq!(line, r#"{"faults":"http://f"}"#);
    }
}
