//! What a metric is: name, type, help, labels. Constants, so that the reference page can be generated from them.

/// The type of a metric family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows, or starts again at 0.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations into buckets with these upper bounds, ascending, without `+Inf`.
    Histogram(&'static [f64]),
}

impl Kind {
    /// As the exposition writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One metric family that memsentry exposes.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// `chat_memory_*` for facts about the service, `memsentry_*` about ourselves; base units, `_total`.
    pub name: &'static str,
    /// One sentence for the reader of `/metrics` and of `docs/metrics.md`.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The names of its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
}

impl Definition {
    /// A value that only grows.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self { name, help, kind: Kind::Counter, labels }
    }

    /// A value that goes up and down.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self { name, help, kind: Kind::Gauge, labels }
    }

    /// Observations counted into `bounds`.
    #[must_use]
    pub const fn histogram(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        bounds: &'static [f64],
    ) -> Self {
        Self { name, help, kind: Kind::Histogram(bounds), labels }
    }
}

/// Histogram bounds, in seconds. Each set has bounds at the promised figures it is used for.
pub mod buckets {
    /// Single requests: bounds at 0.1 (retrieval promise) and 0.2 (retrieval alert).
    pub const REQUEST: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
    /// Whole updates and processing in the queue: a bound at 2.0 (visible end to end).
    pub const UPDATE: &[f64] = &[0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0];
    /// Work inside the daemon.
    pub const INTERNAL: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
}
