//! Whether two answers say the same, as closely as the expression lets them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::generate::Order;
use super::tree::Grade;

/// What a server said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// Its kind and message.
    Error(String, String),
    /// A string literal.
    Text(String),
    /// Scalar, vector or matrix, one entry a series, times in seconds; then every value as it is written, sorted.
    Series(String, Vec<Series>, Vec<String>),
}

/// Labels as text, and samples.
pub(super) type Series = (String, Vec<(f64, f64)>);

/// What a comparison allows for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) grade: Grade,
    pub(super) order: Order,
    /// Whether series come sorted by their labels, as in the answer to a range query.
    pub(super) by_labels: bool,
    /// By how much a value may be off whatever its size; what cancelled out may leave that.
    pub(super) absolute: f64,
}

impl Answer {
    /// Reads the envelope of the HTTP API.
    pub(super) fn read(json: &Json) -> Self {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        if json["status"] != "success" {
            return Self::Error(text(&json["errorType"]), text(&json["error"]));
        }
        let (kind, result) = (text(&json["data"]["resultType"]), &json["data"]["result"]);
        if kind == "string" {
            return Self::Text(text(&result[1]));
        }
        let mut all: Vec<Series> = Vec::new();
        if kind == "scalar" {
            all.push((String::new(), vec![sample(result)]));
        }
        for element in result.as_array().into_iter().flatten().filter(|element| element.is_object()) {
            let labels: BTreeMap<String, String> =
                element["metric"].as_object().into_iter().flatten().map(|(k, v)| (k.clone(), text(v))).collect();
            let samples = match &element["values"] {
                Json::Array(samples) => samples.iter().map(sample).collect(),
                _ => vec![sample(&element["value"])],
            };
            all.push((format!("{labels:?}"), samples));
        }
        let mut spelling = Vec::new();
        spellings(result, &mut spelling);
        spelling.sort();
        Self::Series(kind, all, spelling)
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Series(_, all, _) if all.is_empty())
    }

    /// The largest finite value.
    pub(super) fn largest(&self) -> f64 {
        let Self::Series(_, all, _) = self else { return 0.0 };
        let values = all.iter().flat_map(|(_, samples)| samples).map(|(_, value)| value.abs());
        values.filter(|value| value.is_finite()).fold(0.0, f64::max)
    }
}

/// Every sample value's text.
fn spellings(json: &Json, found: &mut Vec<String>) {
    match json {
        // The sign of zero depends on how a sum begins.
        Json::String(text) => found.push(if text == "-0" { "0".to_owned() } else { text.clone() }),
        Json::Array(all) => all.iter().for_each(|one| spellings(one, found)),
        Json::Object(element) => {
            element.iter().filter(|(name, _)| *name != "metric").for_each(|(_, value)| spellings(value, found));
        }
        _ => {}
    }
}

/// Time and value; what is neither becomes a time that equals nothing.
fn sample(json: &Json) -> (f64, f64) {
    let value = json[1].as_str().and_then(|text| text.parse().ok());
    match (json[0].as_f64(), value) {
        (Some(at), Some(value)) => (at, value),
        _ => (f64::NAN, 0.0),
    }
}

impl Allowance {
    fn same_value(&self, ours: f64, theirs: f64) -> bool {
        if ours == theirs || (ours.is_nan() && theirs.is_nan()) {
            return true;
        }
        if !(ours - theirs).is_finite() || self.grade <= Grade::Exact {
            return false;
        }
        (ours - theirs).abs() <= (1e-9 * ours.abs().max(theirs.abs())).max(self.absolute)
    }
}

/// What differs, if anything.
pub(super) fn difference(ours: &Answer, theirs: &Answer, allowed: Allowance) -> Option<String> {
    match (ours, theirs) {
        (Answer::Error(ours, _), Answer::Error(theirs, _)) => {
            (ours != theirs).then(|| format!("error {ours}, Prometheus: error {theirs}"))
        }
        (Answer::Text(ours), Answer::Text(theirs)) => {
            (ours != theirs).then(|| format!("{ours:?}, Prometheus: {theirs:?}"))
        }
        (Answer::Series(kind, ours, written), Answer::Series(other, theirs, spelt)) => {
            if kind != other {
                return Some(format!("{kind}, Prometheus: {other}"));
            }
            let misspelt = || {
                let (ours, theirs) = written.iter().zip(spelt).find(|(ours, theirs)| ours != theirs)?;
                (allowed.grade <= Grade::Exact).then(|| format!("{ours} is written, Prometheus: {theirs}"))
            };
            series(kind, ours, theirs, allowed).or_else(misspelt)
        }
        _ => Some(format!("{}, Prometheus: {}", short(ours), short(theirs))),
    }
}

fn short(answer: &Answer) -> String {
    match answer {
        Answer::Error(kind, message) => format!("error {kind}: {message}"),
        Answer::Text(text) => format!("{text:?}"),
        Answer::Series(kind, all, _) => format!("{kind} of {} series", all.len()),
    }
}

fn series(kind: &str, ours: &[Series], theirs: &[Series], allowed: Allowance) -> Option<String> {
    if allowed.order != Order::Free {
        let values = |all: &[Series]| all.iter().filter_map(|(_, samples)| Some(samples.first()?.1)).collect();
        let (left, right): (Vec<f64>, Vec<f64>) = (values(ours), values(theirs));
        let differ = left.len() != right.len() || left.iter().zip(&right).any(|(a, b)| !allowed.same_value(*a, *b));
        if differ && kind == "vector" && allowed.order != (Order::Picked { grouped: true }) {
            return Some(format!("in order {left:?}, Prometheus: {right:?}"));
        }
    }
    let sorted = |all: &[Series]| {
        let mut all = all.to_vec();
        if !allowed.by_labels {
            all.sort_by(|a, b| a.0.cmp(&b.0));
        }
        all
    };
    let found = pairwise(&sorted(ours), &sorted(theirs), allowed)?;
    let picked = matches!(allowed.order, Order::Picked { .. });
    if picked && values_by_time(ours) == values_by_time(theirs) { None } else { Some(found) }
}

/// At each time the values in order, as bits.
fn values_by_time(all: &[Series]) -> BTreeMap<u64, Vec<u64>> {
    let mut found: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (at, value) in all.iter().flat_map(|(_, samples)| samples) {
        found.entry(at.to_bits()).or_default().push(if value.is_nan() { u64::MAX } else { (value + 0.0).to_bits() });
    }
    found.values_mut().for_each(|values| values.sort_unstable());
    found
}

fn pairwise(ours: &[Series], theirs: &[Series], allowed: Allowance) -> Option<String> {
    let labels = |all: &[Series]| all.iter().map(|(labels, _)| labels.clone()).collect::<Vec<_>>();
    let (left, right) = (labels(ours), labels(theirs));
    if left != right {
        let first = left.iter().find(|one| !right.contains(one));
        let other = right.iter().find(|one| !left.contains(one));
        return Some(format!(
            "{} series, Prometheus: {}; only ours {first:?}, only theirs {other:?}",
            left.len(),
            right.len()
        ));
    }
    for ((labels, ours), (_, theirs)) in ours.iter().zip(theirs) {
        if ours.len() != theirs.len() {
            return Some(format!("{labels}: {} samples, Prometheus: {}", ours.len(), theirs.len()));
        }
        for ((at, ours), (time, theirs)) in ours.iter().zip(theirs) {
            #[allow(clippy::float_cmp)] // both read the same text
            if at != time {
                return Some(format!("{labels}: a sample at {at}, Prometheus: at {time}"));
            }
            if !allowed.same_value(*ours, *theirs) {
                return Some(format!("{labels} @ {at}: {ours:e}, Prometheus: {theirs:e}"));
            }
        }
    }
    None
}
