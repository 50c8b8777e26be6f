//! The workload's rules, evaluated by us.
//!
//! Ticks go over more than two fills of a series' tail, so that evaluations with much and
//! with little of the window in compressed chunks count alike.

use std::collections::BTreeMap;

use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, Timestamp};
use memsentry::promql::Limits;
use memsentry::rules::{self, RuleSet};
use memsentry::tsdb::{Settings, Tsdb};

use super::stats::{median, timed};
use super::workload::{self, INTERVAL, Source};

/// As the daemon sets them.
pub const RULE_LIMITS: Limits =
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(10), lookback: Duration::from_secs(300) };

/// Our store with samples up to number `last`.
pub struct Ours {
    pub tsdb: Tsdb,
    origin: i64,
    next: u64,
    registry: Registry,
}

impl Ours {
    pub fn load(sources: &[Source], origin: i64, last: u64) -> Self {
        let registry = Registry::new();
        let tsdb = Tsdb::new(&Settings::default(), &registry);
        let mut ours = Self { tsdb, origin, next: 0, registry };
        (0..=last).for_each(|_| _ = ours.advance(sources));
        ours
    }

    /// Appends the next sample of every source and answers with its time.
    pub fn advance(&mut self, sources: &[Source]) -> Timestamp {
        let at = Timestamp::from_millis(self.origin + i64::try_from(self.next).expect("few samples") * INTERVAL);
        let n = self.next;
        self.tsdb.append_all(at, sources.iter().map(|source| (&source.labels, source.value(n))));
        self.next += 1;
        at
    }

    /// The workload's rules.
    pub fn rules(&self, mixed: bool) -> RuleSet {
        let source = rules::Source { name: "rules.yml".into(), text: workload::rule_file(mixed, "1s") };
        let options = rules::Options {
            evaluation_interval: Duration::from_secs(1),
            external_labels: Labels::empty(),
            external_url: "http://localhost".into(),
        };
        RuleSet::parse(&[source], &options, &self.registry).expect("valid rules")
    }

    /// Evaluates the rules `ticks` times, `stride` samples apart; answers with the microseconds that a rule takes, by
    /// group.
    pub fn evaluate(&mut self, sources: &[Source], mixed: bool, ticks: usize, stride: usize) -> BTreeMap<String, f64> {
        let mut rules = self.rules(mixed);
        let mut seen: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for tick in 0..ticks {
            (1..stride).for_each(|_| _ = self.advance(sources));
            let at = self.advance(sources);
            for group in rules.groups_mut() {
                let (evaluation, took) = timed(|| group.evaluate(at, &self.tsdb, &RULE_LIMITS));
                assert!(evaluation.failures.is_empty(), "{:?}", evaluation.failures);
                if tick > 0 {
                    seen.entry(group.name().to_owned()).or_default().push(took.as_secs_f64());
                }
            }
        }
        let micros = |name: &str, took: &[f64]| {
            #[allow(clippy::cast_precision_loss)]
            let rules = workload::rules_in(name) as f64;
            median(took) * 1e6 / rules
        };
        seen.iter().map(|(name, took)| (name.clone(), micros(name, took))).collect()
    }
}
