//! Sets the scene of a run: target, users and their pace, database, promises, plan.

use tokio_util::sync::CancellationToken;

use crate::acceptance::journal::Kept;
use crate::acceptance::{CRITERIA, Choice, Healing, Plan, Promises, Scene};
use crate::commands::leftovers::{self, VALIDATIONS};
use crate::commands::{Exit, output, remote};
use crate::config::{Config, Target};
use crate::memory_api::{self, Users};
use crate::metrics::Registry;
use crate::model::{Clock, Problem};
use crate::queue::Database;
use crate::rules::slo::{self, Operation};

use super::Arguments;

/// Connections of one user at most, however many updates at once were promised.
const MOST_CONNECTIONS: usize = 2_000;

/// The target that is meant.
pub(super) fn target<'a>(config: &'a Config, wanted: Option<&str>) -> Result<&'a Target, Exit> {
    let found = match wanted {
        Some(name) => config.targets.iter().find(|target| target.name == name),
        None => config.targets.first(),
    };
    found.ok_or_else(|| {
        let (wanted, names) = (wanted.unwrap_or(""), config.targets.iter().map(|target| target.name.as_str()));
        let problem = Problem::at("--target", format!("unknown target {wanted:?}"));
        let problem = problem.note(format!("known targets: {}", names.clone().collect::<Vec<_>>().join(", ")));
        refused(&problem.suggest(wanted, names))
    })
}

/// What was given cannot be used.
pub(super) fn refused(problem: &Problem) -> Exit {
    output::problem(problem, true, "");
    Exit::Input
}

/// The scene for a run that begins, or goes on as what it was.
pub(super) async fn scene(
    arguments: &Arguments,
    config: &Config,
    target: &Target,
    kept: Option<&Kept>,
) -> Result<Scene, Exit> {
    if arguments.chaos && target.validate.chaos.is_none() {
        let message = format!("target {:?} has no section validate.chaos, so nothing may be broken there", target.name);
        return Err(refused(&Problem::at("--chaos", message).hint("see docs/validate.md")));
    }
    let clock = Clock::system();
    let run_id = kept.map_or_else(|| leftovers::run_id(VALIDATIONS, clock.now()), |kept| kept.header.run_id.clone());
    let pace = target.validate.rate_limit.pace();
    let registry = Registry::new();
    let service = with_connections(target);
    let users = Users::new(&target.name, &service, &target.users, pace, &registry, &clock)
        .map_err(|problem| refused(&problem.below("service").below(&target.name)))?;
    let shared = target.service.requests_per_minute;
    let users = if remote::watches(&arguments.config, &target.name).await {
        output::talk(&format!(
            "note: a daemon with this configuration is running and sends as the first user too; up to {shared} requests \
             a minute of that user's limit are left to it"
        ));
        users.sharing(target.validate.rate_limit.share_of(shared), pace)
    } else {
        users
    };
    Ok(Scene {
        target: target.name.clone(),
        database: target.database.as_ref().map(|settings| Database::new(settings, &run_id)),
        run_id,
        users,
        promises: promises(config, target),
        chaos_allowed: arguments.chaos,
        healing: Healing::unguarded(),
        clock,
        cancel: CancellationToken::new(),
    })
}

/// What is judged; of a run that goes on what it was to judge.
pub(super) fn plan(arguments: &Arguments, scene: &Scene, kept: Option<&Kept>) -> Result<Plan, Exit> {
    let choice = match kept {
        Some(kept) => Choice { only: Vec::new(), skip: kept.header.left_out.clone() },
        None => Choice { only: arguments.only.clone(), skip: arguments.skip.clone() },
    };
    Plan::new(CRITERIA, &choice, scene).map_err(|problems| {
        output::problems(&problems);
        Exit::Input
    })
}

/// The objectives of the configuration, or where it has none for something those of the service's requirements.
fn promises(config: &Config, target: &Target) -> Promises {
    let thresholds = slo::thresholds(&config.slos).into_iter().chain(slo::thresholds(&slo::shipped()));
    let thresholds: Vec<slo::Threshold> = thresholds.collect();
    let latency = |operation, otherwise| {
        let of = |found: &slo::Threshold| {
            let at_most = found.at_most.filter(|_| found.operation == Some(operation))?;
            Some((at_most.std(), found.objective))
        };
        thresholds.iter().find_map(of).unwrap_or(otherwise)
    };
    let success = |found: &&slo::Threshold| found.operation == Some(Operation::Update) && found.at_most.is_none();
    Promises {
        update_visible: latency(Operation::Update, (std::time::Duration::from_secs(2), 0.95)),
        retrieval: latency(Operation::Retrieval, (std::time::Duration::from_millis(100), 0.99)),
        success: thresholds.iter().find(success).map_or(0.995, |found| found.objective),
        settings: target.validate.clone(),
    }
}

/// As configured, but with as many connections as updates at once were promised.
fn with_connections(target: &Target) -> memory_api::Settings {
    let most = target.validate.concurrency.iter().copied().max().unwrap_or(1);
    let most = usize::try_from(most).unwrap_or(MOST_CONNECTIONS).min(MOST_CONNECTIONS);
    memory_api::Settings { max_connections: target.service.max_connections.max(most), ..target.service.clone() }
}
