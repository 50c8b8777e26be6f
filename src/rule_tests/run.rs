//! Runs the tests of a file, step by step over a store of their own.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

use crate::metrics::Registry;
use crate::model::{Duration, Labels, Problem, Sample, Stopwatch, Timestamp};
use crate::promql::{self, Limits, Value, VectorSample};
use crate::rules::{GroupView, Options, RuleKind, RuleSet, RuleView, Source};
use crate::tsdb::{self, Tsdb};
use crate::yaml::Document;

use super::compare;
use super::file::{self, ExprTest, Series, Test, TestFile};
use super::report::{Failure, Report, RuleSeen, TestReport};

/// Generous: a test is written by the person who waits for it.
const LIMITS: Limits =
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(120), lookback: Duration::from_secs(300) };

/// Which tests of a file are run.
pub type Selection<'a> = dyn Fn(&str) -> bool + 'a;

/// Runs the tests of the file at `path` whose names `selected` takes.
///
/// # Errors
/// Mistakes in the file, or in a rule file that it names.
pub fn run(path: &Path, selected: &Selection<'_>) -> Result<Report, Vec<Problem>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let mut problem = Problem::at("", format!("cannot be read: {error}"));
        problem.file.clone_from(&name);
        vec![problem]
    })?;
    let document = Document::parse(name.as_str(), text)?;
    let file = file::read(&document)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let read = crate::rules::read_sources(&file.rule_files, folder);
    let mut sources = read.map_err(|found| {
        let hint = "a rule file that is not there would make every test of silence pass";
        document.placed(found.into_iter().map(|p| p.below("rule_files").hint(hint)).collect())
    })?;
    for source in &mut sources {
        source.name = folder.join(&source.name).display().to_string();
    }
    let mut known = HashSet::new();
    sources.retain(|source| known.insert(cleaned(Path::new(&source.name))));
    let mut report = Report { file: name, tests: Vec::new(), rules: Vec::new(), doubts: Vec::new() };
    if sources.is_empty() && !file.rule_files.is_empty() {
        report.doubts.push("the patterns of rule_files mean no file".to_owned());
    }
    // Rules that cannot be read are told also where no test is run.
    report.rules = Bench::new(&file, &Test::default(), &sources)?.unseen();
    for (i, test) in file.tests.iter().enumerate() {
        let name = if test.name.is_empty() { format!("test {}", i + 1) } else { test.name.clone() };
        if !selected(&name) {
            continue;
        }
        let watch = Stopwatch::start();
        let mut bench = Bench::new(&file, test, &sources)?;
        bench.run(test, &mut report.rules);
        report.tests.push(TestReport { name, failures: bench.failures, elapsed: watch.elapsed() });
    }
    Ok(report)
}

/// One test while it runs.
struct Bench<'a> {
    file: &'a TestFile,
    rules: RuleSet,
    tsdb: Tsdb,
    series: Vec<Series>,
    start: Timestamp,
    step: Duration,
    failures: Vec<Failure>,
}

impl<'a> Bench<'a> {
    fn new(file: &'a TestFile, test: &Test, sources: &[Source]) -> Result<Self, Vec<Problem>> {
        let step = test.interval.filter(|step| !step.is_zero()).unwrap_or(file.evaluation_interval);
        let options = Options {
            evaluation_interval: file.evaluation_interval,
            external_labels: test.external_labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            external_url: test.external_url.clone(),
        };
        let registry = Registry::new();
        let mut rules = RuleSet::parse(sources, &options, &registry)?;
        if !test.memsentry_no_data {
            rules.ignore_no_data();
        }
        let order = |name: &str| file.group_eval_order.iter().position(|known| known == name).unwrap_or(0);
        rules.groups_mut().sort_by_key(|group| order(group.name()));
        let settings = tsdb::Settings {
            retention: Duration::from_secs(100 * 365 * 86_400),
            max_series: 10_000_000,
            max_series_per_metric: 10_000_000,
            ..tsdb::Settings::default()
        };
        Ok(Self {
            file,
            rules,
            tsdb: Tsdb::new(&settings, &registry),
            series: series(test),
            start: file::start(test).unwrap_or_default(),
            step,
            failures: Vec::new(),
        })
    }

    /// Every rule, none of them seen yet.
    fn unseen(&self) -> Vec<RuleSeen> {
        let groups = self.rules.view();
        let of = |group: &GroupView| {
            let (file, group_name) = (group.file.clone(), group.name.clone());
            let rules = group.rules.iter().enumerate().map(move |(number, rule)| RuleSeen {
                file: file.clone(),
                group: group_name.clone(),
                number,
                name: rule.name.clone(),
                alerting: matches!(rule.kind, RuleKind::Alerting { .. }),
                seen: false,
            });
            rules.collect::<Vec<_>>()
        };
        let mut rules: Vec<RuleSeen> = groups.iter().flat_map(of).collect();
        rules.sort();
        rules
    }

    fn run(&mut self, test: &Test, rules: &mut [RuleSeen]) {
        let alert_times = test.alert_rule_test.iter().map(|alert| alert.eval_time);
        let times = alert_times.chain(test.promql_expr_test.iter().map(|expr| expr.eval_time));
        let end = times.max().unwrap_or_default();
        let mut loaded = 0;
        let mut now = Duration::default();
        while now <= end {
            self.load_until(&mut loaded, now);
            if !self.evaluate(now) {
                return;
            }
            let next = Duration::from(now.std() + self.file.evaluation_interval.std());
            let groups = self.rules.view();
            self.note_seen(&groups, now, rules);
            for alert in test.alert_rule_test.iter().filter(|alert| now <= alert.eval_time && alert.eval_time < next) {
                self.failures.extend(compare::alerts(alert, &groups));
            }
            now = next;
        }
        // What lies between the last evaluation and the expression's time is not loaded, as in promtool.
        for expr in &test.promql_expr_test {
            let failure = match self.query(expr) {
                Ok(vector) => compare::samples(expr, &vector, self.file.fuzzy_compare),
                Err(error) => Some(Failure::error(format!("expression {:?} at {}", expr.expr, expr.eval_time), error)),
            };
            self.failures.extend(failure);
        }
    }

    /// Adds the samples that lie between what is loaded and `now`.
    fn load_until(&mut self, loaded: &mut usize, now: Duration) {
        let longest = self.series.iter().map(|series| series.values.len()).max().unwrap_or(0);
        while *loaded < longest {
            let after = self.step.std() * u32::try_from(*loaded).unwrap_or(u32::MAX);
            if after > now.std() {
                return;
            }
            let values = self.series.iter().filter_map(|series| {
                let value = series.values.get(*loaded).copied().flatten()?;
                Some((series.labels.clone(), value))
            });
            self.tsdb.append(self.start + after, values);
            *loaded += 1;
        }
    }

    /// Evaluates every group; whether all rules could be.
    fn evaluate(&mut self, now: Duration) -> bool {
        let at = self.start + now.std();
        let before = self.failures.len();
        for group in self.rules.groups_mut() {
            for failure in group.evaluate(at, &self.tsdb, &LIMITS).failures {
                self.failures.push(Failure::error(format!("rule {} at {now}", failure.rule), failure.error));
            }
        }
        self.failures.len() == before
    }

    /// Marks the rules that are at work: that fire, or wrote a series.
    fn note_seen(&self, groups: &[GroupView], now: Duration, rules: &mut [RuleSeen]) {
        let at = self.start + now.std();
        for group in groups {
            for (number, rule) in group.rules.iter().enumerate() {
                let same = |seen: &&mut RuleSeen| {
                    !seen.seen && seen.number == number && seen.group == group.name && seen.file == group.file
                };
                let Some(seen) = rules.iter_mut().find(same) else { continue };
                seen.seen = match rule.kind {
                    RuleKind::Alerting { .. } => compare::fires(&rule.kind).next().is_some(),
                    RuleKind::Recording => self.wrote(rule, at),
                };
            }
        }
    }

    /// Whether the store holds a series of a recording rule.
    fn wrote(&self, rule: &RuleView, at: Timestamp) -> bool {
        let own = rule.labels.iter().map(|(name, value)| format!(", {name}={}", promql::quote(value)));
        let selector = format!("{{__name__={}{}}}", promql::quote(&rule.name), own.collect::<String>());
        let answer = promql::parse(&selector).map(|parsed| promql::instant(&parsed, &self.tsdb, at, &LIMITS));
        matches!(answer, Ok(Ok(answer)) if matches!(&answer.value, Value::Vector(vector) if !vector.is_empty()))
    }

    fn query(&self, test: &ExprTest) -> Result<Vec<VectorSample>, String> {
        let at = self.start + test.eval_time.std();
        let parsed = promql::parse(&test.expr).map_err(|error| error.to_string())?;
        let options =
            promql::Options { subquery_interval: self.file.evaluation_interval, ..promql::Options::default() };
        let answer = promql::instant_with(&parsed, &self.tsdb, at, &LIMITS, &options);
        match answer.map_err(|error| error.to_string())?.value {
            Value::Vector(vector) => Ok(vector),
            Value::Scalar(value) => Ok(vec![VectorSample { labels: Labels::empty(), sample: Sample { at, value } }]),
            Value::String(_) | Value::Matrix(_) => Err("rule result is not a vector or scalar".into()),
        }
    }
}

/// A path without steps that lead nowhere. Links are not followed: a file under two names is two files, as in promtool.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        let back = part == Component::ParentDir && matches!(clean.components().next_back(), Some(Component::Normal(_)));
        if back {
            clean.pop();
        } else if part != Component::CurDir {
            clean.push(part);
        }
    }
    clean
}

/// The series of a test. Of a series that is given twice the last counts.
fn series(test: &Test) -> Vec<Series> {
    // The file has been checked, so every series can be read.
    let given = test.input_series.iter().filter_map(|input| file::series(input).ok());
    let series: BTreeMap<Labels, Series> = given.map(|series| (series.labels.clone(), series)).collect();
    series.into_values().collect()
}
