//! Runs the tests of a file, step by step over a store of their own.

use std::collections::BTreeSet;
use std::path::Path;

use crate::metrics::Registry;
use crate::model::{Duration, Labels, Problem, Sample, Timestamp};
use crate::promql::{self, Limits, Value, VectorSample};
use crate::rules::{GroupView, Options, RuleSet, Source};
use crate::tsdb::{self, Tsdb};
use crate::yaml::Document;

use super::compare::{self, time};
use super::file::{self, ExprTest, Series, Test, TestFile};

/// Generous: a test is written by the person who waits for it.
const LIMITS: Limits =
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(120), lookback: Duration::from_secs(300) };

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file's name as given.
    pub file: String,
    /// Its tests in their order.
    pub tests: Vec<TestReport>,
    /// Names of the alerts that fired at a time at which a test looked.
    pub fired: BTreeSet<String>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// Its name, or its number where it has none.
    pub name: String,
    /// What was not as expected; nothing if it passed.
    pub failures: Vec<String>,
}

impl Report {
    /// Whether every test passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.tests.iter().all(|test| test.failures.is_empty())
    }
}

/// Runs the tests of the file at `path`.
///
/// # Errors
/// Mistakes in the file, or in a rule file that it names.
pub fn run(path: &Path) -> Result<Report, Vec<Problem>> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| vec![Problem::at("", format!("cannot read {name}: {error}"))])?;
    let document = Document::parse(name.as_str(), text)?;
    let file = file::read(&document)?;
    let sources = crate::rules::read_sources(&file.rule_files, path.parent().unwrap_or(Path::new(".")))
        .map_err(|found| document.placed(found.into_iter().map(|p| p.below("rule_files")).collect()))?;
    let mut report = Report { file: name, tests: Vec::new(), fired: BTreeSet::new() };
    for (i, test) in file.tests.iter().enumerate() {
        let name = if test.name.is_empty() { format!("test {}", i + 1) } else { test.name.clone() };
        let mut bench = Bench::new(&file, test, &sources)?;
        bench.run(test);
        report.fired.append(&mut bench.fired);
        report.tests.push(TestReport { name, failures: bench.failures });
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
    failures: Vec<String>,
    fired: BTreeSet<String>,
}

impl<'a> Bench<'a> {
    fn new(file: &'a TestFile, test: &Test, sources: &[Source]) -> Result<Self, Vec<Problem>> {
        let step = test.interval.filter(|step| !step.is_zero()).unwrap_or(file.evaluation_interval);
        let options = Options {
            evaluation_interval: step,
            external_labels: test.external_labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            external_url: test.external_url.clone(),
        };
        let registry = Registry::new();
        let mut rules = RuleSet::parse(sources, &options, &registry)?;
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
            // The file has been checked, so every series can be read.
            series: test.input_series.iter().filter_map(|input| file::series(input).ok()).collect(),
            start: file::start(test).unwrap_or_default(),
            step,
            failures: Vec::new(),
            fired: BTreeSet::new(),
        })
    }

    fn run(&mut self, test: &Test) {
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
            for alert in test.alert_rule_test.iter().filter(|alert| now <= alert.eval_time && alert.eval_time < next) {
                self.note_fired(&groups);
                self.failures.extend(compare::alerts(alert, &groups));
            }
            now = next;
        }
        self.load_until(&mut loaded, end);
        for expr in &test.promql_expr_test {
            let failure = match self.query(expr) {
                Ok(vector) => compare::samples(expr, &vector, self.file.fuzzy_compare),
                Err(error) => Some(format!("expr: {:?}, time: {}, err: {error}", expr.expr, time(expr.eval_time))),
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
                self.failures.push(format!("rule: {}, time: {}, err: {}", failure.rule, time(now), failure.error));
            }
        }
        self.failures.len() == before
    }

    fn note_fired(&mut self, groups: &[GroupView]) {
        let names: BTreeSet<&str> =
            groups.iter().flat_map(|group| &group.rules).map(|rule| rule.name.as_str()).collect();
        let fired = names.into_iter().filter(|name| !compare::firing(groups, name).is_empty());
        self.fired.extend(fired.map(str::to_owned));
    }

    fn query(&self, test: &ExprTest) -> Result<Vec<VectorSample>, String> {
        let at = self.start + test.eval_time.std();
        let parsed = promql::parse(&test.expr).map_err(|error| error.to_string())?;
        match promql::instant(&parsed, &self.tsdb, at, &LIMITS).map_err(|error| error.to_string())?.value {
            Value::Vector(vector) => Ok(vector),
            Value::Scalar(value) => Ok(vec![VectorSample { labels: Labels::empty(), sample: Sample { at, value } }]),
            Value::String(_) | Value::Matrix(_) => Err("rule result is not a vector or scalar".into()),
        }
    }
}
