//! The kinds of probes: what each must offer, and the one table that names them.
//!
//! A new kind is one file with a type that implements [`Probe`], its `mod` line, and one row in [`KINDS`].

use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::memory_api::Client;
use crate::metrics::Registry;
use crate::model::{Clock, Duration, Problem};
use crate::queue::Database;

use super::outcome::{Failure, Outcome};
use super::run::Run;
use super::{Health, Retrieval, Roundtrip};

/// Every kind of probe.
pub const KINDS: &[Kind] = &[kind::<Health>(), kind::<Retrieval>(), kind::<Roundtrip>()];

/// What a probe is pointed at. Clones share the client's and the database's connections.
#[derive(Clone)]
pub struct Target {
    /// The service.
    pub client: Client,
    /// Its database, where one is configured.
    pub database: Option<Database>,
    /// This memsentry's name, the marker's value in synthetic data.
    pub instance: String,
    /// Where a kind's own metrics go.
    pub registry: Registry,
    /// What time it is.
    pub clock: Clock,
}

/// One kind of synthetic probe. An instance belongs to one target and keeps what it needs between runs.
pub trait Probe: Sized + Send + Sync + 'static {
    /// Its name in the configuration.
    const NAME: &'static str;
    /// What it does, in one line.
    const ABOUT: &'static str;
    /// The names of its steps, in order; label values of `step`.
    const STEPS: &'static [&'static str];
    /// Time between starts unless configured.
    const INTERVAL: Duration;
    /// Longest run unless configured.
    const TIMEOUT: Duration;
    /// Authenticated requests that one run needs at least, while all is well.
    const REQUESTS: u32;
    /// Its own settings; every field has a default.
    type Settings: DeserializeOwned;

    /// Mistakes in its own settings, with paths relative to them.
    fn problems(_settings: &Self::Settings) -> Vec<Problem> {
        Vec::new()
    }
    /// A probe of `target`, called `name`. Dials nothing.
    fn new(settings: Self::Settings, name: &str, target: &Target) -> Self;
    /// One run. It is dropped at its deadline, wherever it waits then.
    fn run(&self, run: &mut Run) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Cleans up after a run of any end, also one that was cut off.
    fn finish(&self, _run: &mut Run) -> impl Future<Output = ()> + Send {
        async {}
    }
    /// Publishes the kind's own metrics.
    fn settle(&self, _outcome: &Outcome) {}
}

/// A future that borrows.
pub(super) type Borrowed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A probe whose kind does not matter any more.
pub(super) trait Running: Send + Sync {
    fn run<'a>(&'a self, run: &'a mut Run) -> Borrowed<'a, Result<(), Failure>>;
    fn finish<'a>(&'a self, run: &'a mut Run) -> Borrowed<'a, ()>;
    fn settle(&self, outcome: &Outcome);
}

impl<P: Probe> Running for P {
    fn run<'a>(&'a self, run: &'a mut Run) -> Borrowed<'a, Result<(), Failure>> {
        Box::pin(Probe::run(self, run))
    }
    fn finish<'a>(&'a self, run: &'a mut Run) -> Borrowed<'a, ()> {
        Box::pin(Probe::finish(self, run))
    }
    fn settle(&self, outcome: &Outcome) {
        Probe::settle(self, outcome);
    }
}

type Start = fn(Option<&Value>, &str, &Target) -> Result<Box<dyn Running>, Vec<Problem>>;

/// A row of [`KINDS`].
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// The names of its steps.
    pub steps: &'static [&'static str],
    /// Time between starts unless configured.
    pub interval: Duration,
    /// Longest run unless configured.
    pub timeout: Duration,
    /// Authenticated requests that one run needs at least.
    pub requests: u32,
    /// Every mistake in a probe's own settings, with paths below `settings`.
    pub check: fn(Option<&Value>) -> Vec<Problem>,
    pub(super) start: Start,
}

const fn kind<P: Probe>() -> Kind {
    Kind {
        name: P::NAME,
        about: P::ABOUT,
        steps: P::STEPS,
        interval: P::INTERVAL,
        timeout: P::TIMEOUT,
        requests: P::REQUESTS,
        check: |settings| decode::<P>(settings).err().unwrap_or_default(),
        start: |settings, name, target| Ok(Box::new(P::new(decode::<P>(settings)?, name, target))),
    }
}

impl Kind {
    /// The kind called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// The answer to a name that is no kind.
    #[must_use]
    pub fn unknown(name: &str) -> Problem {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        Problem::at("kind", format!("unknown probe kind {name:?}"))
            .note(format!("known kinds: {}", known.join(", ")))
            .suggest(name, known)
    }
}

/// Reads a kind's own settings, one by one, so that every mistake is found and has its path.
fn decode<P: Probe>(settings: Option<&Value>) -> Result<P::Settings, Vec<Problem>> {
    let empty = Map::new();
    let fields = match settings {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(vec![Problem::at("settings", "is not a mapping of settings to values")]),
    };
    let read = |fields: Map<String, Value>| serde_json::from_value::<P::Settings>(Value::Object(fields));
    let mut problems: Vec<Problem> = fields
        .iter()
        .filter_map(|(name, value)| Some((name, read(Map::from_iter([(name.clone(), value.clone())])).err()?)))
        .map(|(name, error)| wrong_setting(name, &error.to_string()).below("settings"))
        .collect();
    match read(fields.clone()) {
        Ok(settings) => {
            problems.extend(P::problems(&settings).into_iter().map(|problem| problem.below("settings")));
            if problems.is_empty() { Ok(settings) } else { Err(problems) }
        }
        Err(error) if problems.is_empty() => Err(vec![Problem::at("settings", error.to_string())]),
        Err(_) => Err(problems),
    }
}

fn wrong_setting(name: &str, error: &str) -> Problem {
    // serde quotes the wrong word first, then the known ones.
    let words: Vec<&str> = error.split('`').skip(1).step_by(2).collect();
    let (what, wrong) = match words.first() {
        Some(_) if error.starts_with("unknown field") => ("setting", name),
        Some(value) if error.starts_with("unknown variant") => ("value", *value),
        _ => return Problem::at(name, error),
    };
    let known = words.get(1..).unwrap_or_default();
    let known_text = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Problem::at(name, format!("unknown {what} {wrong:?}"))
        .note(format!("known {what}s: {known_text}"))
        .suggest(wrong, known.iter().copied())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_kind_is_answered_with_the_table() {
        assert_eq!(
            Kind::unknown("roundtip").to_string(),
            "kind: unknown probe kind \"roundtip\"\n  known kinds: health, retrieval, roundtrip\nhint: did you mean \"roundtrip\"?"
        );
    }

    #[test]
    fn every_wrong_setting_of_a_kind_is_told_with_its_path() {
        let settings = json!({"expect_nonse": "auto", "conversations": 0, "expect_nonce": "perhaps"});
        let problems = (Kind::find("roundtrip").unwrap().check)(Some(&settings));
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["settings.expect_nonse", "settings.expect_nonce"]);
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean \"expect_nonce\"?"));
        assert_eq!(problems[1].message, "unknown value \"perhaps\"");
        assert_eq!(problems[1].notes, ["known values: auto, always, never"]);
        let problems = (Kind::find("roundtrip").unwrap().check)(Some(&json!({"conversations": 0})));
        assert_eq!(problems[0].path, "settings.conversations");
        let problems = (Kind::find("health").unwrap().check)(Some(&json!({"x": 0})));
        assert_eq!(problems[0].notes, ["known settings: none"]);
        assert!((Kind::find("health").unwrap().check)(None).is_empty());
    }
}
