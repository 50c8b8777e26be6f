//! `memsentry probe KIND`: one run, now, with its steps as a waterfall.

use std::path::PathBuf;
use std::time::Duration as StdDuration;

use clap::Args;

use crate::app::Plan;
use crate::metrics::Registry;
use crate::model::{Clock, Problem};
use crate::probes::{self, Outcome};
use crate::queue::Database;

use super::{Exit, Subcommand, output, with};

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "probe",
    about: "Run one probe once and show its steps",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

/// Characters of the longest bar.
const WIDTH: f64 = 40.0;

#[derive(Debug, Args)]
struct Arguments {
    /// What to do: health, retrieval or roundtrip
    kind: String,
    /// The target's name; the first of the configuration unless given
    #[arg(long)]
    target: Option<String>,
    /// The configuration file
    #[arg(long, default_value = "memsentry.yaml")]
    config: PathBuf,
    /// The outcome as one JSON object, with the redacted exchanges
    #[arg(long)]
    json: bool,
}

fn run(arguments: Arguments) -> Exit {
    let (registry, clock) = (Registry::new(), Clock::system());
    let plan = match Plan::load(&arguments.config, &registry, &clock) {
        Ok(plan) => plan,
        Err(problems) => {
            output::problems(&problems);
            return Exit::Input;
        }
    };
    super::run::blocking(async {
        match once(plan, &arguments, registry, clock).await {
            Ok(outcome) => {
                show(&outcome, arguments.json);
                if outcome.is_success() { Exit::Fine } else { Exit::No }
            }
            Err(problems) => {
                output::problems(&problems);
                Exit::Input
            }
        }
    })
}

async fn once(plan: Plan, arguments: &Arguments, registry: Registry, clock: Clock) -> Result<Outcome, Vec<Problem>> {
    let names: Vec<&str> = plan.config.targets.iter().map(|target| target.name.as_str()).collect();
    let wanted = arguments.target.as_deref().or(names.first().copied()).unwrap_or("");
    let Some(at) = names.iter().position(|name| *name == wanted) else {
        let problem = Problem::at("", format!("unknown target {wanted:?}"));
        let problem = problem.note(format!("known targets: {}", names.join(", ")));
        return Err(vec![problem.suggest(wanted, names.iter().copied())]);
    };
    let settings = plan.config.targets.get(at).and_then(|target| target.database.as_ref());
    let target = probes::Target {
        database: settings.map(|settings| Database::new(settings, &plan.config.instance)),
        client: plan.clients[at].clone(),
        instance: plan.config.instance.clone(),
        registry,
        clock,
    };
    // As configured, if it is, and with the defaults otherwise.
    let configured =
        plan.config.probes.iter().find(|entry| entry.name() == arguments.kind || entry.kind == arguments.kind);
    let mut entry = configured.cloned().unwrap_or_else(|| probes::Settings::new(&arguments.kind));
    entry.targets = None;
    probes::run_once(&entry, &target).await
}

fn show(outcome: &Outcome, json: bool) {
    if json {
        output::data(&serde_json::to_string(outcome).unwrap_or_default());
        return;
    }
    output::data(&format!("{} of {} at {}", outcome.probe, outcome.target, outcome.started_at));
    let end = outcome.steps.iter().map(|step| step.offset + step.took).max().unwrap_or_default();
    for step in &outcome.steps {
        let mark = if step.ok { ' ' } else { '!' };
        let bar = bar(step.offset, step.took, end);
        output::data(&format!("{mark} {:<20} {:>9}  {bar}", step.name, milliseconds(step.took)));
    }
    if let Some(queue) = &outcome.queue {
        let status = queue.status.as_deref().unwrap_or("not seen");
        output::data(&format!("  queue row {}: {status}, retries {}", queue.queue_id, queue.retry_count.unwrap_or(0)));
    }
    for note in &outcome.notes {
        output::data(&format!("  note: {note}"));
    }
    match &outcome.failure {
        None => output::data(&format!("success in {}", milliseconds(outcome.took))),
        Some(failure) => {
            output::data(&format!("failed in step {}: {}: {}", failure.step, failure.reason.as_str(), failure.message));
            if let Some(last) = outcome.exchanges.last() {
                let record = &last.exchange;
                let status = record.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                output::data(&format!(
                    "  {} {} · {status} · request id {}",
                    record.method, record.path, record.request_id
                ));
                if !record.body_excerpt.is_empty() {
                    output::data(&format!("  {}", record.body_excerpt));
                }
            }
        }
    }
}

fn milliseconds(time: StdDuration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most WIDTH
fn bar(offset: StdDuration, took: StdDuration, end: StdDuration) -> String {
    let scale = |time: StdDuration| time.as_secs_f64() / end.as_secs_f64().max(f64::EPSILON) * WIDTH;
    let (blank, filled) = (scale(offset) as usize, (scale(took).round() as usize).max(1));
    format!("{}{}", " ".repeat(blank), "█".repeat(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_begins_where_its_step_began() {
        let ms = StdDuration::from_millis;
        assert_eq!(bar(ms(0), ms(50), ms(100)), "█".repeat(20));
        assert_eq!(bar(ms(50), ms(50), ms(100)), format!("{}{}", " ".repeat(20), "█".repeat(20)));
        assert_eq!(bar(ms(0), ms(0), ms(0)), "█");
    }
}
