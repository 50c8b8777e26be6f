//! The workload's rules, evaluated by us.
//!
//! Ticks go over more than two fills of a series' tail, so that evaluations with much and
//! with little of the window in compressed chunks count alike.

use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, Timestamp};
use memsentry::promql::Limits;
use memsentry::rules::{self, RuleSet};
use memsentry::tsdb::{Settings, Tsdb};

use super::prometheus::Cost;
use super::stats::{processor_time, timed};
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

    /// The rules of one group of the workload.
    fn rules(&self, group: &str) -> RuleSet {
        let source = rules::Source { name: "rules.yml".into(), text: workload::rule_file(group, "1s") };
        let options = rules::Options {
            evaluation_interval: Duration::from_secs(1),
            external_labels: Labels::empty(),
            external_url: "http://localhost".into(),
        };
        RuleSet::parse(&[source], &options, &self.registry).expect("valid rules")
    }

    /// Evaluates a group `ticks` times, `stride` samples apart.
    pub fn evaluate(&mut self, sources: &[Source], group: &str, ticks: u32, stride: usize) -> Cost {
        let mut rules = self.rules(group);
        let (mut processor, mut fastest) = (0.0, f64::INFINITY);
        for tick in 0..=ticks {
            (1..stride).for_each(|_| _ = self.advance(sources));
            let at = self.advance(sources);
            for group in rules.groups_mut() {
                let before = processor_time();
                let (evaluation, took) = timed(|| group.evaluate(at, &self.tsdb, &RULE_LIMITS));
                let used = processor_time() - before;
                assert!(evaluation.failures.is_empty(), "{:?}", evaluation.failures);
                // The first evaluation warms what the others find warm.
                if tick > 0 {
                    processor += used;
                    fastest = took.as_secs_f64().min(fastest);
                }
            }
        }
        #[allow(clippy::cast_precision_loss)]
        let rules = workload::rules_in(group) as f64;
        Cost { processor: processor * 1e6 / rules / f64::from(ticks), fastest: fastest * 1e6 / rules }
    }
}
