//! Gathers what the lints look at: the files of a plan, dashboards, and what memsentry exposes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::app::{Plan, catalogue};
use crate::lint::{self, Finding, Input, LabelValues, RouteNode};
use crate::model::Problem;
use crate::notify::Route;
use crate::probes;
use crate::rules::{self, Source};

/// Largest dashboard that is read, in bytes.
const LARGEST: u64 = 16 << 20;
/// Looked for beside the configuration.
const DASHBOARDS: &str = "grafana";

/// Everything that the lints find.
///
/// # Errors
/// A dashboard cannot be read, or is no JSON.
pub(super) fn findings(plan: &Plan, dashboards: &[PathBuf]) -> Result<Vec<Finding>, Vec<Problem>> {
    let dashboards = read_dashboards(plan, dashboards)?;
    let mut rule_files = rules::sources(&plan.config.rules, &plan.folder).unwrap_or_default();
    let mut groups = plan.rules.view();
    // As the user can open them.
    let opened = |name: &str| match plan.config.rules.files.is_empty() || name == rules::slo::GENERATED_NAME {
        true => name.to_owned(),
        false => plan.folder.join(name).display().to_string(),
    };
    groups.iter_mut().for_each(|group| group.file = opened(&group.file));
    rule_files.iter_mut().for_each(|source| source.name = opened(&source.name));
    let config = &plan.config;
    let external_url = config.external_url();
    let receivers = config.receivers.iter().map(|receiver| (receiver.name.clone(), receiver.has_notifier()));
    let input = Input {
        rule_files: &rule_files,
        groups: &groups,
        definitions: catalogue::areas().into_iter().flat_map(|(_, definitions)| definitions).collect(),
        values: values(plan),
        config: &plan.document,
        route: config.route.as_ref().map(|root| node(root, "route".to_owned(), "")),
        receivers: receivers.collect(),
        also_told: config.route.iter().flat_map(escalated_to).collect(),
        runbooks: &plan.runbooks,
        own_runbooks: own_runbooks(config.runbooks.dir.as_deref()),
        dashboards: &dashboards,
        scrape_interval: config.scrape.interval,
        external_url: &external_url,
    };
    Ok(lint::run(&input))
}

/// Label values that are the same everywhere, and those that the configuration decides.
fn values(plan: &Plan) -> Vec<LabelValues> {
    let text = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
    let fixed = catalogue::closed_labels().into_iter();
    let mut all: Vec<LabelValues> =
        fixed.map(|(metric, label, values)| LabelValues { metric, label, values: text(values) }).collect();
    let config = &plan.config;
    let groups = plan.rules.view();
    let mut own = |label, values| all.push(LabelValues { metric: None, label, values: text(values) });
    own("target", config.targets.iter().map(|target| target.name.as_str()).collect());
    // Rules may also be about a kind that this configuration leaves out.
    let kinds = probes::KINDS.iter().map(|kind| kind.name);
    own("probe", config.probes.iter().map(probes::Settings::name).chain(kinds).collect());
    own("group", groups.iter().map(|group| group.name.as_str()).collect());
    own("receiver", config.receivers.iter().map(|receiver| receiver.name.as_str()).collect());
    all
}

/// The tree of routes as the lints know it.
fn node(route: &Route, path: String, above: &str) -> RouteNode {
    let receiver = route.receiver.clone().unwrap_or_else(|| above.to_owned());
    let below = route.routes.iter().enumerate();
    RouteNode {
        // The configuration was checked, so its conditions can be read.
        matchers: route.conditions().unwrap_or_default(),
        goes_on: route.goes_on,
        routes: below.map(|(index, child)| node(child, format!("{path}.routes[{index}]"), &receiver)).collect(),
        path,
        receiver,
    }
}

/// Receivers that are told of what nobody takes care of.
fn escalated_to(route: &Route) -> Vec<String> {
    let own = route.escalate.iter().flatten().map(|escalate| escalate.receiver.clone());
    own.chain(route.routes.iter().flat_map(escalated_to)).collect()
}

/// The user's runbooks by name, with their files.
fn own_runbooks(dir: Option<&Path>) -> BTreeMap<String, String> {
    let entries = dir.and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    let named = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let is_runbook = path.extension().is_some_and(|end| end == "md") && name != "README" && !name.starts_with('.');
        is_runbook.then(|| (name, path.display().to_string()))
    };
    entries.filter_map(|entry| named(entry.path())).collect()
}

/// The dashboards that were named, and those in `grafana/` beside the configuration.
fn read_dashboards(plan: &Plan, named: &[PathBuf]) -> Result<Vec<Source>, Vec<Problem>> {
    let beside = Some(plan.folder.join(DASHBOARDS)).filter(|folder| folder.is_dir());
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for path in named.iter().chain(&beside) {
        let files = if path.is_dir() { json_files(path) } else { vec![path.clone()] };
        for file in files {
            match dashboard(&file) {
                Ok(source) => sources.push(source),
                Err(message) => {
                    let mut problem = Problem::at("", message);
                    problem.file = file.display().to_string();
                    problems.push(problem);
                }
            }
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

fn dashboard(file: &Path) -> Result<Source, String> {
    if std::fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?.len() > LARGEST {
        return Err(format!("larger than {LARGEST} bytes"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| format!("is no JSON: {error}"))?;
    Ok(Source { name: file.display().to_string(), text })
}
