//! The one registry: handles for what the process counts itself, snapshots for what it found elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, proto};

use crate::model::Labels;

use super::{Definition, Family, Kind, Point, Value};

/// A counter family; `with(&[…])` picks a series.
pub type Counter = CounterVec;
/// A gauge family.
pub type Gauge = GaugeVec;
/// A histogram family.
pub type Histogram = HistogramVec;

type Published = Vec<(&'static Definition, Vec<Point>)>;

/// Everything that `/metrics` shows. Clones share one registry. It outlives reloads.
#[derive(Clone, Default)]
pub struct Registry(Arc<Inner>);

#[derive(Default)]
struct Inner {
    handles: Mutex<BTreeMap<&'static str, Handle>>,
    snapshots: Mutex<BTreeMap<String, Published>>,
}

#[derive(Clone)]
enum Handle {
    Counter(&'static Definition, Counter),
    Gauge(&'static Definition, Gauge),
    Histogram(&'static Definition, Histogram),
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while holding the lock leaves a map of whole values behind, which is still good to read.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A definition that the metrics library refuses is our own bug, found by the test that registers all of them.
#[allow(clippy::panic)]
fn built<T>(definition: &Definition, result: prometheus::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("metric definition {}: {error}", definition.name))
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter family of `definition`; the same one for every caller.
    pub fn counter(&self, definition: &'static Definition) -> Counter {
        let opts = Opts::new(definition.name, definition.help);
        match self.handle(definition, || {
            Handle::Counter(definition, built(definition, CounterVec::new(opts, definition.labels)))
        }) {
            Handle::Counter(_, counter) => counter,
            _ => wrong_kind(definition),
        }
    }

    /// The gauge family of `definition`; the same one for every caller.
    pub fn gauge(&self, definition: &'static Definition) -> Gauge {
        let opts = Opts::new(definition.name, definition.help);
        match self
            .handle(definition, || Handle::Gauge(definition, built(definition, GaugeVec::new(opts, definition.labels))))
        {
            Handle::Gauge(_, gauge) => gauge,
            _ => wrong_kind(definition),
        }
    }

    /// The histogram family of `definition`; the same one for every caller.
    pub fn histogram(&self, definition: &'static Definition) -> Histogram {
        let Kind::Histogram(bounds) = definition.kind else { wrong_kind(definition) };
        let opts = HistogramOpts::new(definition.name, definition.help).buckets(bounds.to_vec());
        match self.handle(definition, || {
            Handle::Histogram(definition, built(definition, HistogramVec::new(opts, definition.labels)))
        }) {
            Handle::Histogram(_, histogram) => histogram,
            _ => wrong_kind(definition),
        }
    }

    fn handle(&self, definition: &'static Definition, make: impl FnOnce() -> Handle) -> Handle {
        lock(&self.0.handles).entry(definition.name).or_insert_with(make).clone()
    }

    /// A slot for values that are replaced whole. The owner's name keeps slots apart, such as `queue/main`.
    pub fn snapshot(&self, owner: impl Into<String>) -> Snapshot {
        Snapshot { owner: owner.into(), inner: Arc::clone(&self.0) }
    }

    /// Everything, sorted by metric name.
    #[must_use]
    pub fn gather(&self) -> Vec<Family> {
        let mut families: BTreeMap<&'static str, Family> = BTreeMap::new();
        for handle in lock(&self.0.handles).values() {
            let (definition, collected) = match handle {
                Handle::Counter(definition, counter) => (definition, counter.collect()),
                Handle::Gauge(definition, gauge) => (definition, gauge.collect()),
                Handle::Histogram(definition, histogram) => (definition, histogram.collect()),
            };
            let points = collected.iter().flat_map(|f| f.get_metric()).map(|m| point(definition.kind, m));
            family(&mut families, definition).points.extend(points);
        }
        for published in lock(&self.0.snapshots).values() {
            for (definition, points) in published {
                family(&mut families, definition).points.extend(points.iter().cloned());
            }
        }
        families.into_values().filter(|family| !family.points.is_empty()).collect()
    }
}

#[allow(clippy::panic)] // a metric used as two types is our own bug and shows at the first start
fn wrong_kind(definition: &Definition) -> ! {
    panic!("metric {} is defined as {}", definition.name, definition.kind.as_str())
}

fn family<'a>(families: &'a mut BTreeMap<&'static str, Family>, definition: &Definition) -> &'a mut Family {
    // The key must be the definition's own static name.
    let name: &'static str = definition.name;
    families.entry(name).or_insert_with(|| Family {
        name: name.to_owned(),
        help: definition.help.to_owned(),
        kind: definition.kind,
        points: Vec::new(),
    })
}

fn point(kind: Kind, metric: &proto::Metric) -> Point {
    let labels = Labels::from_pairs(metric.get_label().iter().map(|pair| (pair.name(), pair.value())));
    let value = match kind {
        Kind::Counter => Value::Number(metric.get_counter().get_value()),
        Kind::Gauge => Value::Number(metric.get_gauge().get_value()),
        Kind::Histogram(_) => {
            let histogram = metric.get_histogram();
            let buckets = histogram.get_bucket().iter();
            Value::Histogram {
                buckets: buckets.map(|b| (b.upper_bound(), b.cumulative_count())).collect(),
                sum: histogram.get_sample_sum(),
                count: histogram.get_sample_count(),
            }
        }
    };
    Point { labels, value }
}

/// Values of one owner, replaced or withdrawn whole; dropped with it.
pub struct Snapshot {
    owner: String,
    inner: Arc<Inner>,
}

impl Snapshot {
    /// Replaces all values of this owner. Counters and gauges only; label values in the definition's order.
    pub fn publish(&self, values: impl IntoIterator<Item = (&'static Definition, Vec<String>, f64)>) {
        let mut published: Vec<(&'static Definition, Vec<Point>)> = Vec::new();
        for (definition, label_values, value) in values {
            let names = definition.labels.iter().map(|name| (*name).to_owned());
            let point = Point { labels: Labels::from_pairs(names.zip(label_values)), value: Value::Number(value) };
            match published.iter_mut().find(|(known, _)| known.name == definition.name) {
                Some((_, points)) => points.push(point),
                None => published.push((definition, vec![point])),
            }
        }
        lock(&self.inner.snapshots).insert(self.owner.clone(), published);
    }

    /// Takes all values of this owner away; their series end.
    pub fn withdraw(&self) {
        lock(&self.inner.snapshots).remove(&self.owner);
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.withdraw();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: Definition = Definition::counter("memsentry_test_runs_total", "Runs.", &["kind"]);
    const DEPTH: Definition = Definition::gauge("chat_memory_test_depth", "Depth.", &["target"]);
    static RUNS_DEF: Definition = RUNS;
    static DEPTH_DEF: Definition = DEPTH;

    #[test]
    fn a_snapshot_that_is_withdrawn_leaves_no_series() {
        let registry = Registry::new();
        let snapshot = registry.snapshot("queue/main");
        snapshot.publish([(&DEPTH_DEF, vec!["main".to_owned()], 7.0)]);
        let gathered = registry.gather();
        assert_eq!(gathered.len(), 1);
        assert_eq!(gathered[0].points[0].labels.get("target"), Some("main"));
        snapshot.withdraw();
        assert!(registry.gather().is_empty());
    }

    #[test]
    fn two_owners_share_a_family() {
        let registry = Registry::new();
        let (a, b) = (registry.snapshot("a"), registry.snapshot("b"));
        a.publish([(&DEPTH_DEF, vec!["a".to_owned()], 1.0)]);
        b.publish([(&DEPTH_DEF, vec!["b".to_owned()], 2.0)]);
        let gathered = registry.gather();
        assert_eq!((gathered.len(), gathered[0].points.len()), (1, 2));
        drop(a);
        assert_eq!(registry.gather()[0].points.len(), 1);
    }

    #[test]
    fn the_same_definition_gives_the_same_counter() {
        let registry = Registry::new();
        registry.counter(&RUNS_DEF).with_label_values(&["x"]).inc();
        registry.counter(&RUNS_DEF).with_label_values(&["x"]).inc();
        let Value::Number(value) = registry.gather()[0].points[0].value else { panic!("a number") };
        assert!((value - 2.0).abs() < f64::EPSILON);
    }
}
