//! What exists: every metric of memsentry with its labels, and what rules make.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::{Definition, Kind};
use crate::model::number;
use crate::rules::{GroupView, RuleKind};

/// What a Prometheus that scrapes memsentry adds; memsentry's own series do not have them.
pub(super) const ADDED_BY_SCRAPE: [&str; 2] = ["instance", "job"];

/// Labels whose values a configuration decides. Dashboards and runbooks may be meant for others too.
pub(super) const CONFIGURED: [&str; 4] = ["target", "probe", "group", "receiver"];

/// Series that such a Prometheus makes.
const MADE_BY_SCRAPE: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// The values that a label can have.
#[derive(Debug, Clone)]
pub struct LabelValues {
    /// The metric; `None` for all that have the label.
    pub metric: Option<&'static str>,
    /// The label.
    pub label: &'static str,
    /// All of them.
    pub values: Vec<String>,
}

/// How values of a metric relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Counter,
    Gauge,
    /// Counts up to `le`; a counter too.
    Bucket,
    /// Recorded by a rule.
    Recorded,
    /// `ALERTS` and its like.
    State,
}

/// A metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) nature: Nature,
    /// `None` where they are not known.
    pub(super) labels: Option<BTreeSet<String>>,
    values: BTreeMap<String, Vec<String>>,
}

impl Metric {
    fn new(nature: Nature) -> Self {
        Self { nature, labels: None, values: BTreeMap::new() }
    }

    /// The values that a label of this metric can have, where that is a closed set.
    pub(super) fn values(&self, label: &str) -> Option<&[String]> {
        self.values.get(label).map(Vec::as_slice)
    }

    pub(super) fn only_grows(&self) -> bool {
        matches!(self.nature, Nature::Counter | Nature::Bucket)
    }
}

/// All metrics by name.
pub(super) struct Known(BTreeMap<String, Metric>);

impl Known {
    pub(super) fn new(definitions: &[&'static Definition], values: &[LabelValues], groups: &[GroupView]) -> Self {
        let mut all = BTreeMap::new();
        for definition in definitions {
            exposed(definition, values, &mut all);
        }
        for rule in groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.kind == RuleKind::Recording) {
            all.entry(rule.name.clone()).or_insert_with(|| Metric::new(Nature::Recorded));
        }
        for name in ["ALERTS", "ALERTS_FOR_STATE"] {
            all.insert(name.to_owned(), Metric::new(Nature::State));
        }
        Self(all)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Metric> {
        self.0.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a name is like one of a recording rule, and no rule here records for its level: whoever asks may ask a
    /// Prometheus with other rules, or is meant for configurations that have them.
    pub(super) fn is_recorded_elsewhere(&self, name: &str) -> bool {
        let Some((level, _)) = name.split_once(':') else { return false };
        !self.names().any(|known| known.split_once(':').is_some_and(|(own, _)| own == level))
    }

    pub(super) fn is_made_by_scrape(name: &str) -> bool {
        MADE_BY_SCRAPE.contains(&name)
    }
}

fn exposed(definition: &Definition, values: &[LabelValues], all: &mut BTreeMap<String, Metric>) {
    let of_metric = |given: &&LabelValues| given.metric.is_none_or(|metric| metric == definition.name);
    let mut add = |name: String, nature, buckets: Option<&[f64]>| {
        let mut labels: BTreeSet<String> = definition.labels.iter().map(|label| (*label).to_owned()).collect();
        let mut closed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for given in values.iter().filter(of_metric).filter(|given| labels.contains(given.label)) {
            closed.insert(given.label.to_owned(), given.values.clone());
        }
        if let Some(bounds) = buckets {
            labels.insert("le".to_owned());
            // Prometheus 3 writes whole bounds with a fraction.
            let bound = |bound: &f64| [number::plain(*bound), format!("{bound:?}")];
            let bounds = bounds.iter().flat_map(bound).chain(["+Inf".to_owned()]);
            closed.insert("le".to_owned(), bounds.collect());
        }
        all.insert(name, Metric { nature, labels: Some(labels), values: closed });
    };
    match definition.kind {
        Kind::Counter => add(definition.name.to_owned(), Nature::Counter, None),
        Kind::Gauge => add(definition.name.to_owned(), Nature::Gauge, None),
        Kind::Histogram(bounds) => {
            add(format!("{}_bucket", definition.name), Nature::Bucket, Some(bounds));
            add(format!("{}_sum", definition.name), Nature::Counter, None);
            add(format!("{}_count", definition.name), Nature::Counter, None);
        }
    }
}
