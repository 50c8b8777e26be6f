//! Selectors: which series, shifted how. What the data hold is written down here.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::super::tree::{Grade, Node, Part, Type};
use super::Generator;

/// A name with its labels and some of the values.
type Family = (&'static str, &'static [(&'static str, &'static [&'static str])]);

const FAMILIES: [Family; 11] = [
    ("requests_total", &[("job", JOBS), ("instance", INSTANCES), ("code", &["200", "404", "500"])]),
    ("errors_total", &[("job", JOBS), ("instance", INSTANCES)]),
    ("late_total", &[("job", &["api"])]),
    ("temperature", &[("job", JOBS), ("instance", INSTANCES)]),
    ("queue", &[("job", JOBS), ("instance", INSTANCES)]),
    ("build", &[("job", JOBS), ("instance", INSTANCES), ("version", &["1.0", "1.1"])]),
    ("limit", &[("job", &["api", "web", "mail"])]),
    ("alone", &[]),
    ("odd", &[("kind", &["nan", "inf", "negative_inf", "zero", "mixed", "some_nan"]), ("instance", &["a"])]),
    ("latency_seconds_bucket", &[("job", JOBS), ("instance", INSTANCES), ("le", &["0.5", "1", "+Inf"])]),
    ("odd_bucket", &[("kind", KINDS), ("le", &["1", "2", "+Inf"])]),
];
const JOBS: &[&str] = &["api", "web", "db"];
const INSTANCES: &[&str] = &["a", "b", "c", "d"];
const KINDS: &[&str] = &["not_monotonic", "no_inf", "only_inf", "twice", "negative", "text", "empty", "nan"];

/// What `rate` and `increase` may look at, see [`super::super::data`].
const COUNTERS: [&str; 4] = ["requests_total", "errors_total", "late_total", "latency_seconds_bucket"];
const PATTERNS: [&str; 12] =
    ["a|b", "api|web", ".+", ".*", "", "w.b", "(?i:API)", "[ab]", "a.*|c", "^a$", "5..|404", "1\\\\.0"];

impl Generator {
    /// An instant selector.
    pub(super) fn selector(&mut self) -> Node {
        let text = self.selection(false);
        let parts = vec![text.into(), Part::Optional(self.shift())];
        Node::new(Type::Vector, Grade::Summable, parts)
    }

    /// An instant selector of histogram buckets.
    pub(super) fn buckets(&mut self) -> Node {
        let name = self.pick(&["latency_seconds_bucket", "latency_seconds_bucket", "odd_bucket"]);
        let parts = vec![name.into(), Part::Optional(self.shift())];
        Node::new(Type::Vector, Grade::Summable, parts)
    }

    /// Name and matchers.
    pub(super) fn selection(&mut self, counter: bool) -> String {
        let family = loop {
            let family = self.pick(&FAMILIES);
            if !counter || COUNTERS.contains(&family.0) {
                break family;
            }
        };
        let mut matchers = Vec::new();
        for (label, values) in family.1 {
            if self.chance(25) {
                matchers.push(self.matcher(label, values));
            }
        }
        if self.chance(3) {
            matchers.push(self.matcher("missing", &["x", ""]));
        }
        if counter || self.chance(90) {
            let braces = if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(",")) };
            return if counter || self.chance(97) {
                format!("{}{braces}", family.0)
            } else {
                format!("absent_name{braces}")
            };
        }
        if self.chance(30) {
            matchers.push(format!("__name__=\"{}\"", family.0));
            return format!("{{{}}}", matchers.join(" , "));
        }
        let names = ["\"queue|build\"", "\"l.*\"", "\"temperature\"", "\"(errors|requests)_total\""];
        let named = format!("__name__=~{}", self.pick(&names));
        matchers.insert(0, named);
        format!("{{{}}}", matchers.join(","))
    }

    fn matcher(&mut self, label: &str, values: &[&str]) -> String {
        let value = values.choose(&mut self.random).copied().unwrap_or_default();
        match self.random.random_range(0..10) {
            0..4 => format!("{label}=\"{value}\""),
            4..6 => format!("{label}!=\"{value}\""),
            6..8 => format!("{label}=~\"{}\"", self.pick(&PATTERNS)),
            8 => format!("{label}!~\"{}\"", self.pick(&PATTERNS)),
            _ => format!("{label} != {}", self.pick(&["''", "``", "\"\"", "'x'"])),
        }
    }

    /// `offset` and `@`, mostly neither.
    pub(super) fn shift(&mut self) -> String {
        let offset = ["", "offset 30s", "offset 5m", "offset -2m", "offset 1h", "offset 90s", "offset -10ms"];
        let offset = if self.chance(20) { self.pick(&offset) } else { "" };
        let at = if self.chance(12) {
            let time = self.time();
            match self.random.random_range(0..3) {
                0 => "@ start()".to_owned(),
                1 => "@ end()".to_owned(),
                _ => format!("@ {}.{:03}", time / 1000, time % 1000),
            }
        } else {
            String::new()
        };
        let (first, second) = if self.chance(50) { (offset, at.as_str()) } else { (at.as_str(), offset) };
        [first, second].iter().filter(|part| !part.is_empty()).map(|part| format!(" {part}")).collect()
    }
}
