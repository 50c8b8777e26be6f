//! Whether a load may be put on a service, as whom and how much: everything that is decided before the first request.
//!
//! Never against a service by accident: only a target of the configuration, never above the cap, never above users'
//! limits unless told so, not beyond a smoke test without a yes, and not where data would stay behind.

use std::io::{BufRead, IsTerminal};
use std::time::Duration as StdDuration;

use crate::commands::leftovers;
use crate::config::{Config, Target};
use crate::memory_api::{Pace, Users};
use crate::metrics::Registry;
use crate::model::secret::redact_url;
use crate::model::{Clock, Duration, Problem};
use crate::queue::Database;
use crate::rules::slo;
use crate::traffic::arrivals::{self, Stage};
use crate::traffic::{Loop, Objective, Operation, PROFILES, Profile, SCENARIOS, Scenario, Step};

use super::{Arguments, output};

/// Conversations at most unless told otherwise.
const MOST_CHATS: f64 = 1_000.0;

/// A load that may be put on a service.
pub(super) struct Plan {
    pub(super) run_id: String,
    pub(super) target: String,
    pub(super) url: String,
    pub(super) scenario: &'static Scenario,
    pub(super) profile: &'static str,
    pub(super) how: How,
    pub(super) users: Users,
    /// Of each user.
    pub(super) pace: Pace,
    pub(super) chats: usize,
    pub(super) in_flight: usize,
    pub(super) max_rate: f64,
    pub(super) drain: StdDuration,
    pub(super) objectives: Vec<Objective>,
    pub(super) database: Option<Database>,
    pub(super) ignores_rate_limit: bool,
    /// What a person should know before.
    warnings: Vec<String>,
}

/// One measurement or many.
#[derive(Debug, Clone)]
pub(super) enum How {
    /// One.
    Once(Loop),
    /// Steps of this length, from this rate on, never above that one.
    Search { first: f64, most: f64, step: StdDuration },
}

impl How {
    /// The highest rate that may be reached.
    fn peak(&self, max_rate: f64) -> f64 {
        match self {
            Self::Once(Loop::Open(stages)) => arrivals::peak(stages),
            Self::Once(Loop::Closed { .. }) => max_rate,
            Self::Search { most, .. } => *most,
        }
    }
}

/// The target that is meant.
pub(super) fn target<'a>(config: &'a Config, wanted: Option<&str>) -> Result<&'a Target, Box<Problem>> {
    let found = match wanted {
        Some(name) => config.targets.iter().find(|target| target.name == name),
        None => config.targets.first(),
    };
    found.ok_or_else(|| {
        let names = config.targets.iter().map(|target| target.name.as_str());
        unknown("--target", "target", wanted.unwrap_or(""), names).into()
    })
}

fn unknown<'a>(at: &str, what: &str, wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> Problem {
    let names: Vec<&str> = known.clone().collect();
    let problem = Problem::at(at, format!("unknown {what} {wanted:?}"));
    problem.note(format!("known {what}s: {}", names.join(", "))).suggest(wanted, known)
}

/// Scenarios and profiles, for the long help.
pub(super) fn listing() -> String {
    let scenarios = SCENARIOS.iter().map(|row| format!("  {:<11} {}\n", row.name, row.about));
    let profiles = PROFILES.iter().map(|row| {
        let length = Duration::from(row.length);
        format!("  {:<11} {} (unless told otherwise {} a second, {length})\n", row.name, row.about, row.rate)
    });
    format!(
        "Scenarios:\n{}\nProfiles:\n{}\nExit codes: 0 the objectives hold, 1 one is broken, 2 your input, 3 no verdict (the \
         generator was saturated, the rate was not reached, or nothing was measured that an objective is about)",
        scenarios.collect::<String>(),
        profiles.collect::<String>()
    )
}

impl Plan {
    /// Decides.
    pub(super) fn new(arguments: &Arguments, config: &Config, target: &Target) -> Result<Self, Box<Problem>> {
        let scenario = SCENARIOS.iter().find(|row| row.name == arguments.scenario).ok_or_else(|| {
            unknown("--scenario", "scenario", &arguments.scenario, SCENARIOS.iter().map(|row| row.name))
        })?;
        let profile = PROFILES
            .iter()
            .find(|row| row.name == arguments.profile)
            .ok_or_else(|| unknown("--profile", "profile", &arguments.profile, PROFILES.iter().map(|row| row.name)))?;
        let limit = target.validate.rate_limit;
        let kept = limit.pace();
        let pace = if arguments.ignore_rate_limit { Pace { requests: 0, ..kept } } else { kept };
        let each = f64::from(kept.requests) / kept.per.std().as_secs_f64() / scenario.cost().max(f64::MIN_POSITIVE);
        #[allow(clippy::cast_precision_loss)] // some thousand users
        let allowed = if limit.requests == 0 { f64::INFINITY } else { each * (target.users.len() + 1) as f64 };
        let mut warnings = Vec::new();
        let how = how(arguments, profile, allowed, &mut warnings)?;
        within_the_limits(arguments, &how, allowed, each, &mut warnings)?;
        let clock = Clock::system();
        let users = Users::new(&target.name, &target.service, &target.users, pace, &Registry::new(), &clock)
            .map_err(|problem| problem.below("service").below(&target.name))?;
        let run_id = leftovers::run_id(leftovers::LOADS, clock.now());
        let database = target.database.as_ref().map(|settings| Database::new(settings, &run_id));
        removable(arguments, scenario, database.as_ref(), &target.name)?;
        let peak = how.peak(arguments.max_rate);
        let peak = if arguments.ignore_rate_limit { peak } else { peak.min(allowed) };
        Ok(Self {
            run_id,
            target: target.name.clone(),
            url: redact_url(&target.service.url),
            profile: if arguments.closed.is_some() { "closed" } else { profile.name },
            scenario,
            how,
            chats: if scenario.needs_chats() { chats(arguments, peak, users.all().len()) } else { 0 },
            users,
            pace,
            in_flight: usize::try_from(arguments.in_flight).unwrap_or(usize::MAX),
            max_rate: arguments.max_rate,
            drain: arguments.drain.std(),
            objectives: objectives(config),
            database,
            ignores_rate_limit: arguments.ignore_rate_limit,
            warnings,
        })
    }

    /// Says what is going to be done.
    pub(super) fn tell(&self) {
        let database = if self.database.is_some() { "its queue is followed" } else { "its queue cannot be followed" };
        output::talk(&format!(
            "{} loads {} ({}): {}, {}, {} conversations; {database}",
            self.run_id,
            self.target,
            self.url,
            self.manner(),
            users(self.users.all().len()),
            self.chats
        ));
        self.warnings.iter().for_each(|warning| output::talk(&format!("warning: {warning}")));
    }

    fn manner(&self) -> String {
        let (scenario, profile) = (self.scenario.name, self.profile);
        match &self.how {
            How::Once(Loop::Open(stages)) => {
                let (peak, length) = (arrivals::peak(stages), rounded(arrivals::length(stages)));
                format!("{scenario}, {profile}, up to {peak:.1} a second for {length}")
            }
            How::Once(Loop::Closed { at_once, length }) => {
                format!("{scenario}, {at_once} at a time for {}", rounded(*length))
            }
            How::Search { most, step, .. } => {
                format!("{scenario}, {profile}, up to {most:.1} a second in steps of {}", rounded(*step))
            }
        }
    }

    /// Asks, where more is sent than for a smoke test; without a terminal there is nobody to ask.
    pub(super) fn confirm(&self, arguments: &Arguments) -> Result<(), Box<Problem>> {
        let smoke = PROFILES.first().map_or(1.0, |profile| profile.rate);
        if arguments.yes || self.how.peak(self.max_rate) <= smoke {
            return Ok(());
        }
        let refused = |why: &str| Box::new(Problem::at("", why).hint("give --yes to go on without being asked"));
        if !std::io::stdin().is_terminal() {
            return Err(refused("more than a smoke test, and there is no terminal to ask at"));
        }
        output::talk(&format!("This may disturb {}. Type its name to go on:", self.target));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        if read.is_ok() && answer.trim() == self.target { Ok(()) } else { Err(refused("not confirmed")) }
    }
}

fn users(count: usize) -> String {
    if count == 1 { "one user".to_owned() } else { format!("{count} users") }
}

fn rounded(length: StdDuration) -> Duration {
    Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

fn how(
    arguments: &Arguments,
    profile: &Profile,
    allowed: f64,
    warnings: &mut Vec<String>,
) -> Result<How, Box<Problem>> {
    let rate = arguments.rate.unwrap_or(profile.rate);
    for (name, value) in [("--rate", rate), ("--max-rate", arguments.max_rate)] {
        if !(value > 0.0 && value <= 1e7) {
            return Err(Problem::at(name, format!("{value} is not above 0 and at most 10000000")).into());
        }
    }
    let length = arguments.duration.map_or(profile.length, Duration::std);
    if length < StdDuration::from_secs(1) || length > StdDuration::from_secs(7 * 86_400) {
        return Err(Problem::at("--duration", format!("{} is not between 1s and 1w", rounded(length))).into());
    }
    if let Some(at_once) = arguments.closed {
        return Ok(How::Once(Loop::Closed { at_once: usize::try_from(at_once).unwrap_or(1), length }));
    }
    if !profile.searches() {
        return Ok(How::Once(Loop::Open(profile.stages(rate, length))));
    }
    let mut most = arguments.max_rate;
    if !arguments.ignore_rate_limit && most > allowed {
        warnings.push(format!("the search ends at {allowed:.1} a second, which is what the users' rate limits allow"));
        most = allowed;
    }
    Ok(How::Search { first: rate.min(most), most, step: length })
}

/// Neither above the cap nor, unless told so, above what the users may send.
fn within_the_limits(
    arguments: &Arguments,
    how: &How,
    allowed: f64,
    each: f64,
    warnings: &mut Vec<String>,
) -> Result<(), Box<Problem>> {
    let peak = how.peak(arguments.max_rate);
    if peak > arguments.max_rate {
        let message = format!("would be up to {peak:.1} a second, above the cap of {}", arguments.max_rate);
        return Err(Problem::at("--rate", message).hint("raise --max-rate, if that is what you want").into());
    }
    let needed = (peak / each).ceil();
    let closed = matches!(how, How::Once(Loop::Closed { .. }));
    match (peak > allowed * 1.000_001, arguments.ignore_rate_limit) {
        (true, true) => warnings.push(format!(
            "up to {peak:.1} a second are more than the users' rate limits allow, {allowed:.1}; refusals are expected"
        )),
        (true, false) if !closed => {
            let message = format!(
                "{peak:.1} a second need {needed:.0} users, each within its rate limit; {allowed:.2} are possible now"
            );
            let problem = Problem::at("--rate", message);
            return Err(problem.hint("name more users in targets[].users, or give --ignore-rate-limit").into());
        }
        _ => {}
    }
    Ok(())
}

/// What is made must be removable.
fn removable(
    arguments: &Arguments,
    scenario: &Scenario,
    database: Option<&Database>,
    target: &str,
) -> Result<(), Box<Problem>> {
    if !scenario.needs_chats() || arguments.leave_data || database.is_some_and(Database::may_clean_up) {
        return Ok(());
    }
    let message = format!("the conversations that this makes could not be removed from {target:?}");
    Err(Problem::at("", message)
        .hint("give the target a database with cleanup: true, or leave the data with --leave-data")
        .into())
}

/// As many conversations as the rate for five seconds, and one for each user at least.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped
fn chats(arguments: &Arguments, peak: f64, users: usize) -> usize {
    match arguments.chats {
        Some(chats) => usize::try_from(chats).unwrap_or(usize::MAX).max(users),
        None => ((peak * 5.0).clamp(1.0, MOST_CHATS) as usize).max(users),
    }
}

/// What the objectives of the configuration ask of operations that a load measures.
fn objectives(config: &Config) -> Vec<Objective> {
    let of = |threshold: slo::Threshold| {
        let operation = match threshold.operation? {
            slo::Operation::Update => Operation::Update,
            slo::Operation::Retrieval => Operation::Retrieval,
        };
        let at_most = threshold.at_most.map(Duration::std);
        Some(Objective { slo: threshold.slo, operation, share: threshold.objective, at_most })
    };
    slo::thresholds(&config.slos).into_iter().filter_map(of).collect()
}

/// A constant rate for one step of a search.
pub(super) fn constant(rate: f64, length: StdDuration) -> Loop {
    Loop::Open(vec![Stage { seconds: length.as_secs_f64(), from: rate, to: rate }])
}

/// Whether conversations need a memory before the load begins.
pub(super) fn needs_memories(scenario: &Scenario) -> bool {
    scenario.has(Step::Retrieval)
}
