//! A small chart of how a value went: the series, the threshold, and since when the alert fires.
//!
//! Pure. A PNG for mails, whose readers' programs show no SVG, and words that say the same to those who see no pictures.
//! There is no text in the picture: axes are labelled by what stands around it. Gaps in the series are gaps in the
//! line.

use std::time::Duration as StdDuration;

use serde::Serialize;
use serde::ser::SerializeSeq;

use crate::model::Timestamp;

use super::Unit;

mod canvas;
mod png;

/// Most lines that one chart shows.
pub const MOST_LINES: usize = 4;

/// How a value went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Chart {
    /// What is drawn, as PromQL.
    pub title: String,
    /// What the numbers are.
    pub unit: Unit,
    /// Left edge.
    #[serde(serialize_with = "super::rfc3339")]
    pub from: Timestamp,
    /// Right edge.
    #[serde(serialize_with = "super::rfc3339")]
    pub to: Timestamp,
    /// Time between points; where they are farther apart, something is missing.
    #[serde(rename = "step_seconds", serialize_with = "super::seconds")]
    pub step: StdDuration,
    /// What is drawn; at most [`MOST_LINES`] are.
    pub lines: Vec<Line>,
    /// Drawn across.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// When the oldest alert began to fire.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional")]
    pub fired_at: Option<Timestamp>,
    /// When the last one was over, if all are.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional")]
    pub over_at: Option<Timestamp>,
}

/// One series.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Line {
    /// What tells it from the others; empty if it is the only one.
    pub name: String,
    /// Its points in order of time.
    #[serde(serialize_with = "pairs")]
    pub points: Vec<(Timestamp, f64)>,
}

/// A chart as numbers from 0 to 1: x to the right, y upwards.
struct Plot {
    /// Runs of points without a gap, by line.
    lines: Vec<Vec<Vec<(f64, f64)>>>,
    threshold: Option<f64>,
    /// The time during which an alert fired.
    firing: Option<(f64, f64)>,
}

impl Chart {
    /// What the lower and the upper edge stand for.
    #[must_use]
    pub fn scale(&self) -> (f64, f64) {
        let values = self.shown().flat_map(|line| line.points.iter().map(|(_, value)| *value)).chain(self.threshold);
        let values = values.filter(|value| value.is_finite()).map(|value| value.clamp(-1e300, 1e300));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return (0.0, 1.0);
        }
        // From zero, unless that would press everything against one edge.
        let low = if low >= 0.0 && low < 0.8 * high { 0.0 } else { low };
        let high = if high <= 0.0 && high > 0.8 * low { 0.0 } else { high };
        let room = if high > low { 0.08 * (high - low) } else { (0.5 * high.abs()).max(1.0) };
        let below = if low == 0.0 && high > 0.0 { 0.0 } else { room };
        let above = if high == 0.0 && low < 0.0 { 0.0 } else { room };
        (low - below, high + above)
    }

    fn shown(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().take(MOST_LINES)
    }

    fn plot(&self) -> Plot {
        let (low, high) = self.scale();
        let width = (self.to.seconds() - self.from.seconds()).max(1.0);
        let x = |at: Timestamp| (at.seconds() - self.from.seconds()) / width;
        let y = |value: f64| ((value.clamp(-1e300, 1e300) - low) / (high - low)).clamp(0.0, 1.0);
        let farthest = self.step.as_secs_f64() * 1.5;
        let runs = |line: &Line| {
            let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
            let mut last: Option<Timestamp> = None;
            for (at, value) in
                line.points.iter().filter(|(at, value)| value.is_finite() && (0.0..=1.0).contains(&x(*at)))
            {
                let follows = last.is_some_and(|last| at.seconds() - last.seconds() <= farthest && *at >= last);
                if !follows {
                    runs.push(Vec::new());
                }
                if let Some(run) = runs.last_mut() {
                    run.push((x(*at), y(*value)));
                }
                last = Some(*at);
            }
            runs
        };
        let firing =
            self.fired_at.map(|at| (x(at).clamp(0.0, 1.0), x(self.over_at.unwrap_or(self.to)).clamp(0.0, 1.0)));
        Plot {
            lines: self.shown().map(runs).collect(),
            threshold: self.threshold.filter(|t| t.is_finite()).map(y),
            firing,
        }
    }

    /// As a PNG of at most [`Chart::LARGEST`] bytes, transparent around the lines, so that it stands on light and
    /// dark. `None` if it cannot be written, which no chart is known for.
    #[must_use]
    pub fn png(&self) -> Option<Vec<u8>> {
        png::render(&self.plot())
    }

    /// Most bytes of a PNG.
    pub const LARGEST: usize = 20_000;

    /// What the picture shows, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let span = format!("From {} to {} UTC", clock(self.from), clock(self.to));
        let mut sentences = Vec::new();
        for line in self.shown() {
            let known: Vec<f64> =
                line.points.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
            let name = if line.name.is_empty() { String::new() } else { format!("{}: ", line.name) };
            let Some(last) = known.last() else {
                sentences.push(format!("{name}no values."));
                continue;
            };
            let (low, high) = known.iter().fold((*last, *last), |(l, h), v| (l.min(*v), h.max(*v)));
            let [low_text, high_text, last_text] = [low, high, *last].map(|value| self.unit.show(value));
            sentences.push(if low_text == high_text {
                format!("{name}always {last_text}{}.", gaps(line, self.step))
            } else {
                format!("{name}between {low_text} and {high_text}, {last_text} at the end{}.", gaps(line, self.step))
            });
        }
        if sentences.is_empty() {
            sentences.push("no values.".to_owned());
        }
        sentences.extend(self.threshold.map(|threshold| format!("Threshold {}.", self.unit.show(threshold))));
        sentences.extend(
            self.fired_at.map(|at| format!("Firing since {} UTC.", clock(at))).filter(|_| self.over_at.is_none()),
        );
        format!("{span}: {}", sentences.join(" "))
    }
}

fn gaps(line: &Line, step: StdDuration) -> &'static str {
    let apart = |pair: &[(Timestamp, f64)]| matches!(pair, [(a, _), (b, _)] if b.since(*a) > step * 3 / 2);
    if line.points.windows(2).any(apart) { ", with gaps" } else { "" }
}

/// `02:14`.
fn clock(at: Timestamp) -> String {
    at.rfc3339().get(11..16).unwrap_or("").to_owned()
}

/// As Prometheus writes samples: seconds and value.
fn pairs<S: serde::Serializer>(points: &[(Timestamp, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(points.len()))?;
    for (at, value) in points {
        list.serialize_element(&(at.seconds(), crate::model::number::plain(*value)))?;
    }
    list.end()
}

#[allow(clippy::ref_option)] // serde hands the field over as it is
fn optional<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => super::rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
