//! Everything that the files of a configuration say, read and checked before any of it is put into force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{self, Config};
use crate::heartbeat::Heartbeat;
use crate::memory_api::Client;
use crate::metrics::Registry;
use crate::model::{Clock, Problem};
use crate::notify;
use crate::rules::RuleSet;
use crate::runbooks::Runbooks;
use crate::yaml::Document;

/// A configuration with what its files hold; nothing can fail any more when it is put into force.
pub struct Plan {
    /// The configuration.
    pub config: Config,
    /// Its file, as the user named it.
    pub file: PathBuf,
    /// Its folder, to which relative paths refer.
    pub folder: PathBuf,
    /// Its text, to find places in.
    pub document: Document,
    /// The rules, without state.
    pub rules: RuleSet,
    /// The runbooks.
    pub runbooks: Arc<Runbooks>,
    /// Receivers and route.
    pub notify: notify::Prepared,
    /// The dead man's switch, if there is one.
    pub heartbeat: Option<Heartbeat>,
    /// A client for each target, in their order.
    pub clients: Vec<Client>,
}

impl Plan {
    /// Reads the file at `path` and every file that it names.
    ///
    /// # Errors
    /// Every mistake of every file, with its place. Beside mistakes of the configuration's form those of rule files and
    /// runbooks are told too, where the sections that name them can be read.
    pub fn load(path: &Path, registry: &Registry, clock: &Clock) -> Result<Self, Vec<Problem>> {
        let config::Loaded { config, folder, document } = match config::load(path) {
            Ok(loaded) => loaded,
            Err(mut problems) => {
                problems.extend(beside_mistakes(path));
                return Err(problems);
            }
        };
        let mut problems = Vec::new();
        let mut wrong = |found: Vec<Problem>| problems.extend(found);

        let external_url = config.external_url();
        let located = |found, section| located(found, section, &document, &folder);
        let rules = RuleSet::load(&config.rules, &folder, &external_url, registry)
            .map_err(|found| wrong(located(found, "")))
            .ok();
        let rules = rules.map(|mut rules| {
            let targets = config.targets.iter().map(|target| target.name.clone()).collect();
            let probes = config.probes.iter().map(|probe| probe.name().to_owned()).collect();
            rules.know_values(BTreeMap::from([("target".to_owned(), targets), ("probe".to_owned(), probes)]));
            rules
        });
        let runbooks =
            Runbooks::load(config.runbooks.dir.as_deref()).map_err(|found| wrong(located(found, "runbooks"))).ok();
        let runbooks = runbooks.map(Arc::new).unwrap_or_default();
        wrong(crate::evidence::check::problems(&runbooks, config.runbooks.dir.as_deref()));
        let notify = notify::Prepared::new(&config.notify(), &external_url, Arc::clone(&runbooks))
            .map_err(|found| wrong(document.placed(found)))
            .ok();
        let heartbeat = config.heartbeat.as_ref().map(Heartbeat::new).transpose();
        let heartbeat = heartbeat.map_err(|found| wrong(located(found, "heartbeat"))).ok().flatten();
        let mut clients = Vec::new();
        for (index, target) in config.targets.iter().enumerate() {
            match Client::new(&target.name, &target.service, registry, clock.clone()) {
                Ok(client) => clients.push(client),
                Err(problem) => {
                    wrong(document.placed(vec![problem.below(&format!("targets[{index}].service"))]));
                }
            }
        }
        match (rules, notify) {
            (Some(rules), Some(notify)) if problems.is_empty() => Ok(Self {
                config,
                file: path.to_owned(),
                folder,
                document,
                rules,
                runbooks,
                notify,
                heartbeat,
                clients,
            }),
            _ => Err(problems),
        }
    }
}

/// What is wrong with the files that a configuration names which is wrong itself.
fn beside_mistakes(path: &Path) -> Vec<Problem> {
    let Some(config::Named { rules, runbooks, folder, document }) = config::named_files(path) else {
        return Vec::new();
    };
    let rules = rules.and_then(|rules| RuleSet::load(&rules, &folder, "", &Registry::new()).err());
    let runbooks = runbooks.and_then(|runbooks| Runbooks::load(runbooks.dir.as_deref()).err());
    let rules = located(rules.unwrap_or_default(), "", &document, &folder);
    rules.into_iter().chain(located(runbooks.unwrap_or_default(), "runbooks", &document, &folder)).collect()
}

/// Problems of files that a section of the configuration names: those about the naming get their place in the
/// configuration, those inside a file that file's path as the user can open it.
fn located(found: Vec<Problem>, section: &str, document: &Document, folder: &Path) -> Vec<Problem> {
    let (naming, mut inside): (Vec<_>, Vec<_>) = found.into_iter().partition(|problem| problem.file.is_empty());
    for problem in &mut inside {
        problem.file = folder.join(&problem.file).display().to_string();
    }
    let naming = naming.into_iter().map(|problem| problem.below(section)).collect();
    document.placed(naming).into_iter().chain(inside).collect()
}
