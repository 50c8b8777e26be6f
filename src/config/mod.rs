//! The root of the configuration; each section's type lives beside the code that it configures.
//!
//! [`load`] reads one YAML file, resolves secrets, and answers with the whole configuration or with every
//! mistake and its place. A loaded configuration never changes; a reload loads another.

mod budget;
pub mod env;
mod foreign;
mod named;
mod names;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{Problem, Secret};
use crate::yaml::{Decoded, Document};
pub use named::{Named, named_files};

use crate::{
    acceptance, evidence, heartbeat, memory_api, notify, probes, queue, rules, runbooks, scrape, store, tsdb, web,
};

pub use foreign::Global;

/// A whole configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This memsentry's name. It marks the synthetic data, so two that watch one service need two names.
    #[serde(default = "default_instance")]
    pub instance: String,
    /// The services to watch; at least one.
    pub targets: Vec<Target>,
    /// What is tried on them, and how often; health, retrieval and roundtrip on every target unless set.
    #[serde(default = "default_probes")]
    pub probes: Vec<probes::Settings>,
    /// How often the rules' samples are taken.
    #[serde(default)]
    pub scrape: scrape::Settings,
    /// How long samples are kept.
    #[serde(default)]
    pub tsdb: tsdb::Settings,
    /// Where alert state and undelivered notifications are kept.
    #[serde(default)]
    pub store: store::Settings,
    /// The alert rules.
    #[serde(default)]
    pub rules: rules::Settings,
    /// The service level objectives; those of the service's own requirements unless set, none if empty.
    #[serde(default = "rules::slo::shipped")]
    pub slos: Vec<rules::slo::Slo>,
    /// The runbooks.
    #[serde(default)]
    pub runbooks: runbooks::Settings,
    /// The diagnostics that runbooks carry.
    #[serde(default)]
    pub diagnostics: evidence::Settings,
    /// Pages, metrics and API.
    #[serde(default)]
    pub web: web::Settings,
    /// Memsentry's own log.
    #[serde(default)]
    pub log: Log,
    /// A dead man's switch outside; without it nobody notices when memsentry itself stops.
    #[serde(default)]
    pub heartbeat: Option<heartbeat::Settings>,
    /// Who is told about which alerts; without it nobody is.
    #[serde(default)]
    pub route: Option<notify::Route>,
    /// The destinations that routes name.
    #[serde(default)]
    pub receivers: Vec<notify::Receiver>,
    /// Whether receivers may run programs on this machine (`command_configs`); false unless set.
    #[serde(default)]
    pub allow_commands: bool,
    /// How long it is remembered what happened to alerts.
    #[serde(default)]
    pub history: notify::History,
    /// How acknowledgements end.
    #[serde(default)]
    pub acknowledge: notify::Acknowledge,
    /// Which alerts keep others from being told.
    #[serde(default)]
    pub inhibit_rules: Vec<notify::InhibitRule>,
    /// Named times, for routes to be silent or active in.
    #[serde(default)]
    pub time_intervals: Vec<notify::TimeInterval>,
    /// The older name of `time_intervals`.
    #[serde(default)]
    pub mute_time_intervals: Vec<notify::TimeInterval>,
    /// Defaults for receivers.
    #[serde(default)]
    pub global: Global,
}

/// One service to watch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Unique; the value of the `target` label of everything measured there.
    pub name: String,
    /// Its HTTP API.
    pub service: memory_api::Settings,
    /// Its Postgres. Without it the queue is not read, and probes follow an update through the API alone.
    #[serde(default)]
    pub database: Option<queue::Settings>,
    /// Further users of the service, for `validate` and `load`: with a second one, isolation between users can be
    /// judged; over many, load is spread within each one's rate limit. The daemon does not use them.
    #[serde(default)]
    pub users: Vec<memory_api::Login>,
    /// What `validate` measures this target by, and what it may break.
    #[serde(default)]
    pub validate: acceptance::Settings,
}

/// How memsentry logs, on standard error.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` unless set; the command line's `--log-format` wins.
    #[serde(default)]
    pub format: LogFormat,
    /// `info` unless set.
    #[serde(default)]
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for programs.
    Json,
}

/// The least important lines that are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// What may need a person.
    Warn,
    /// What changed.
    #[default]
    Info,
    /// For somebody who debugs memsentry.
    Debug,
}

fn default_instance() -> String {
    "memsentry".to_owned()
}

fn default_probes() -> Vec<probes::Settings> {
    ["health", "retrieval", "roundtrip"].map(probes::Settings::new).to_vec()
}

impl Config {
    /// Who is told, as one section.
    #[must_use]
    pub fn notify(&self) -> notify::Settings {
        notify::Settings {
            route: self.route.clone(),
            receivers: self.receivers.clone(),
            allow_commands: self.allow_commands,
            history: self.history,
            acknowledge: self.acknowledge,
            inhibit_rules: self.inhibit_rules.clone(),
            time_intervals: self.time_intervals.clone(),
            mute_time_intervals: self.mute_time_intervals.clone(),
        }
    }

    /// Where a person finds this memsentry's pages: `web.external_url`, or else what it listens on.
    #[must_use]
    pub fn external_url(&self) -> String {
        // A section with a bad address was refused when it was loaded.
        self.web.address().map_or_else(String::new, |address| self.web.base_url(address))
    }

    /// Puts relative paths below the configuration's folder.
    fn resolve_paths(&mut self, folder: &Path) {
        for target in &mut self.targets {
            if let Some(file) = &mut target.service.ca_file {
                *file = folder.join(&file);
            }
        }
        self.heartbeat.iter_mut().for_each(|heartbeat| heartbeat.resolve_paths(folder));
        self.receivers.iter_mut().for_each(|receiver| receiver.resolve_paths(folder));
        if let Some(dir) = &mut self.runbooks.dir {
            *dir = folder.join(&dir);
        }
        let default = || {
            env::variable("STATE_DIRECTORY").map_or_else(|| folder.to_path_buf(), PathBuf::from).join("memsentry.db")
        };
        self.store.path = Some(self.store.path.take().map_or_else(default, |path| folder.join(path)));
    }

    /// What is wrong beyond the form of each value.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = names::problems(self);
        problems.extend(budget::problems(self));
        for (index, target) in self.targets.iter().enumerate() {
            let at = format!("targets[{index}]");
            let service = target.service.problems().into_iter().map(|p| p.below("service"));
            let database = target.database.iter().flat_map(queue::Settings::problems).map(|p| p.below("database"));
            let users = target.users.iter().enumerate().flat_map(|(n, login)| {
                login.problems().into_iter().map(move |problem| problem.below(&format!("users[{n}]")))
            });
            let validate = target.validate.problems().into_iter().map(|p| p.below("validate"));
            problems.extend(service.chain(database).chain(users).chain(validate).map(|problem| problem.below(&at)));
        }
        let targets: Vec<&str> = self.targets.iter().map(|target| target.name.as_str()).collect();
        problems.extend(probes::problems(&self.probes, &targets).into_iter().map(|problem| problem.below("probes")));
        let sections = [
            ("scrape", self.scrape.problems()),
            ("tsdb", self.tsdb.problems()),
            ("rules", self.rules.problems()),
            ("slos", rules::slo::Slo::all_problems(&self.slos)),
            ("web", self.web.problems()),
            ("heartbeat", self.heartbeat.iter().flat_map(heartbeat::Settings::problems).collect()),
            ("", self.notify().problems()),
            ("global", foreign::problems(&self.global)),
        ];
        for (name, found) in sections {
            problems.extend(found.into_iter().map(|problem| problem.below(name)));
        }
        problems
    }
}

/// A configuration with the text it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file's folder, to which its relative paths refer.
    pub folder: PathBuf,
    /// The text, to find the place of what turns out wrong later.
    pub document: Document,
}

/// Reads the file at `path`.
///
/// # Errors
/// Every mistake, with file, line and column; or that the file cannot be read.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let name = path.display().to_string();
    let text = read(path, &name)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let (config, document) = parse(&name, &text, &folder)?;
    Ok(Loaded { config, folder, document })
}

/// The section `web` of the file at `path` alone, for who only wants to reach the daemon: the rest may be wrong, and
/// secrets are not read.
///
/// # Errors
/// The file cannot be read, or that section is wrong.
pub fn web_section(path: &Path) -> Result<web::Settings, Vec<Problem>> {
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        web: web::Settings,
    }
    let name = path.display().to_string();
    let document = Document::parse(&name, read(path, &name)?)?;
    let part: Part = document.decode_with(&|_| Ok(Secret::new(String::new())))?;
    let problems = part.web.problems().into_iter().map(|problem| problem.below("web")).collect::<Vec<_>>();
    if problems.is_empty() { Ok(part.web) } else { Err(document.placed(problems)) }
}

fn read(path: &Path, name: &str) -> Result<String, Vec<Problem>> {
    std::fs::read_to_string(path).map_err(|error| {
        let mut problem = Problem::at("", format!("cannot be read: {error}"));
        problem = problem.hint("name the configuration with --config, or start from memsentry.example.yaml");
        problem.file = name.to_owned();
        vec![problem]
    })
}

/// Reads a configuration from `text`; `name` is the file's name for messages, `folder` the place to which
/// relative paths refer.
///
/// # Errors
/// Every mistake, with file, line and column.
pub fn parse(name: &str, text: &str, folder: &Path) -> Result<(Config, Document), Vec<Problem>> {
    let mut document = Document::parse(name, text)?;
    document.inherit("global", "receivers", foreign::INHERITED);
    let mut decoded = document.decode_partly::<Config>(&|source| env::secret(source, folder));
    let mut problems = std::mem::take(&mut decoded.problems);
    foreign::advise(&mut problems);
    if let Some(config) = &mut decoded.value {
        config.resolve_paths(folder);
        config.rules.slos.clone_from(&config.slos);
    }
    let wrong = decoded.value.as_ref().map(Config::problems).unwrap_or_default();
    problems.extend(wrong.into_iter().filter(|problem| can_be_believed(&problem.path, &decoded)));
    match decoded.value {
        Some(config) if problems.is_empty() => Ok((config, document)),
        _ => Err(document.placed(problems)),
    }
}

/// Whether a check that failed at `path` failed for a reason of its own, not because of what was left out.
fn can_be_believed(path: &str, decoded: &Decoded<Config>) -> bool {
    let missed_names = (path.starts_with("probes") && decoded.has_gaps("targets"))
        || (path.starts_with("route") && decoded.has_gaps("receivers"))
        || (path.contains("_time_intervals[") && decoded.has_gaps("time_intervals"))
        || (path == "targets" && decoded.has_gaps("targets"));
    decoded.is_numbered_right(path) && !decoded.is_beside_a_gap(path) && !missed_names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_the_folder_of_the_configuration() {
        let text = "\
targets:
  - {name: a, service: {url: 'https://a', login: {email: a@b, password_file: pw}, ca_file: ca.pem}}
runbooks: {dir: books}
store: {path: state/m.db}
receivers:
  - name: oncall
    webhook_configs: [{url: 'https://a', http_config: {tls_config: {ca_file: ca.pem}}}]
    email_configs: [{to: a@b, from: a@b, smarthost: 'a:25', tls_config: {ca_file: /abs/ca.pem}}]
";
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pw"), "secret").expect("written");
        let (config, _) = parse("m.yaml", text, folder.path()).expect("a good configuration");
        let below = |path: &str| Some(folder.path().join(path));
        let oncall = &config.receivers[0];
        let webhook = oncall.webhook_configs[0].http_config.tls_config.as_ref();
        assert_eq!(config.targets[0].service.ca_file, below("ca.pem"));
        assert_eq!(config.runbooks.dir, below("books"));
        assert_eq!(config.store.path, below("state/m.db"));
        assert_eq!(webhook.and_then(|tls| tls.ca_file.clone()), below("ca.pem"));
        assert_eq!(oncall.email_configs[0].tls_config.ca_file, Some("/abs/ca.pem".into()));
    }

    #[test]
    fn what_depends_on_a_part_that_was_left_out_is_not_told_as_well() {
        let text = "\
targets:
  - {name: 7up!, service: {url: nowhere}}
  - {name: b, service: {url: 'https://b', timeout: soon}}
probes:
  - {kind: health, targets: [b], interval: 15s, timeout: 20s}
";
        let problems = parse("m.yaml", text, Path::new("")).expect_err("mistakes");
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert!(paths.contains(&"targets[1].service.timeout"), "{paths:?}");
        assert!(!paths.iter().any(|path| path.contains("probes[0].targets")), "{paths:?}");
    }
}
