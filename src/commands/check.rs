//! `memsentry check`: are the files right, before anything runs.
//!
//! First every mistake of every file, then the lints (`lint`), then, with `--live`, whether what the files name
//! can be reached. Exit 2 is for mistakes and lints that are errors, 1 for what cannot be reached and, with
//! `--strict`, for warnings.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::app::Plan;
use crate::lint::{self, Finding, Severity};
use crate::metrics::Registry;
use crate::model::{Clock, Problem};

use super::{Exit, Subcommand, output, with};

mod live;
mod look;

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "check",
    about: "Check the configuration, rules, runbooks and dashboards; --live also dials what they name",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "memsentry.yaml")]
    config: PathBuf,
    /// A dashboard of Grafana (JSON), or a folder of them; may be given several times
    #[arg(long, value_name = "PATH")]
    dashboards: Vec<PathBuf>,
    /// A lint whose findings are left out; may be given several times
    #[arg(long, value_name = "LINT")]
    ignore: Vec<String>,
    /// Warnings end with 1
    #[arg(long)]
    strict: bool,
    /// Also dial every service, database and receiver; sends no message
    #[arg(long)]
    live: bool,
    /// List the lints and end
    #[arg(long)]
    lints: bool,
    /// As a JSON object {ok, problems: [{file, line, column, path, message, notes, hint, severity, lint}], live}
    #[arg(long)]
    json: bool,
}

/// What is told of a file: a mistake, or what a lint found.
struct Told {
    problem: Problem,
    severity: Severity,
    /// `None` for a mistake.
    lint: Option<&'static str>,
}

impl Told {
    fn json(&self) -> Value {
        let mut value = output::json(&self.problem);
        value["severity"] = self.severity.as_str().into();
        value["lint"] = self.lint.into();
        value
    }
}

fn run(arguments: Arguments) -> Exit {
    if arguments.lints {
        list(arguments.json);
        return Exit::Fine;
    }
    if let Some(problem) = arguments.ignore.iter().find_map(|name| unknown(name)) {
        output::problems(&[problem]);
        return Exit::Input;
    }
    let (told, plan) = match Plan::load(&arguments.config, &Registry::new(), &Clock::system()) {
        Ok(plan) => (lints(&plan, &arguments), Some(plan)),
        Err(problems) => (problems.into_iter().map(mistake).collect(), None),
    };
    let live = plan.as_ref().filter(|_| arguments.live).map(live::dial);
    let wrong = told.iter().any(|told| told.severity == Severity::Error);
    let unreachable = live.as_ref().is_some_and(|report| !report.is_fine());
    let exit = match (wrong, unreachable || (arguments.strict && !told.is_empty())) {
        (true, _) => Exit::Input,
        (false, true) => Exit::No,
        (false, false) => Exit::Fine,
    };
    if arguments.json {
        let problems: Vec<Value> = told.iter().map(Told::json).collect();
        let mut whole = json!({"ok": exit == Exit::Fine, "problems": problems});
        if let Some(report) = &live {
            whole["live"] = report.json();
        }
        output::data(&whole.to_string());
        return exit;
    }
    tell(&told);
    if let Some(plan) = plan.filter(|_| !wrong) {
        output::data(&describe(&plan, told.len()));
    }
    if let Some(report) = live {
        report.lines().iter().for_each(|line| output::data(line));
    }
    exit
}

fn mistake(problem: Problem) -> Told {
    Told { problem, severity: Severity::Error, lint: None }
}

/// What the lints find in files that could be read.
fn lints(plan: &Plan, arguments: &Arguments) -> Vec<Told> {
    match look::findings(plan, &arguments.dashboards) {
        Ok(findings) => {
            let kept = findings.into_iter().filter(|finding| !arguments.ignore.iter().any(|name| name == finding.lint));
            kept.map(|Finding { lint, severity, problem }| Told { problem, severity, lint: Some(lint) }).collect()
        }
        Err(problems) => problems.into_iter().map(mistake).collect(),
    }
}

fn tell(told: &[Told]) {
    for Told { problem, severity, lint } in told {
        let name = lint.map_or_else(String::new, |name| format!("[{name}]"));
        output::problem(problem, *severity == Severity::Error, &name);
    }
    let mistakes = told.iter().filter(|told| told.severity == Severity::Error).count();
    let counted = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    if mistakes > 0 {
        output::talk(&format!("\n{}", counted(mistakes, "mistake")));
    }
    if told.len() > mistakes {
        output::talk(&format!("\n{}", counted(told.len() - mistakes, "warning")));
    }
}

fn unknown(name: &str) -> Option<Problem> {
    let names = || lint::LINTS.iter().map(|lint| lint.name);
    if names().any(|known| known == name) {
        return None;
    }
    let problem = Problem::at("--ignore", format!("there is no lint {name:?}"));
    Some(problem.note("memsentry check --lints lists all").suggest(name, names()))
}

fn list(as_json: bool) {
    if as_json {
        let rows = lint::LINTS
            .iter()
            .map(|lint| json!({"name": lint.name, "severity": lint.severity.as_str(), "about": lint.about}));
        output::data(&rows.collect::<Value>().to_string());
        return;
    }
    for lint in lint::LINTS {
        output::data(&format!("{:<20} {:<8} {}", lint.name, lint.severity.as_str(), lint.about));
    }
}

fn describe(plan: &Plan, warnings: usize) -> String {
    let groups = plan.rules.view();
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    let (config, names) = (&plan.config, plan.runbooks.names().count());
    let verdict = if warnings == 0 { "fine" } else { "usable" };
    format!(
        "{}: {verdict}: {} targets, {} probes, {rules} rules in {} groups, {names} runbooks, {} receivers",
        plan.file.display(),
        config.targets.len(),
        config.probes.len(),
        groups.len(),
        config.receivers.len(),
    )
}
