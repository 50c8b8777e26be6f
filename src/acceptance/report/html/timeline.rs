//! What ran when, and what the queue did meanwhile: three panels over one axis of time.

use maud::{Markup, html};

use super::super::words::{counted, cut, inert, moment, number, seconds, took, whole};
use super::super::{CriterionResult, Report, TimelinePoint, Verdict};
use super::axis::Axis;
use super::distribution::px;
use super::{class_of, sign};

const WIDTH: f64 = 980.0;
const LEFT: f64 = 236.0;
const RIGHT: f64 = 964.0;
const ROW: f64 = 19.0;
const PANEL: f64 = 96.0;
const GAP: f64 = 34.0;
/// Points of a line; more are not told apart.
const COLUMNS: usize = 720;
/// Looks that are so many times farther apart than usual have a gap between them.
const FAR: f64 = 4.0;

pub(super) fn section(report: &Report) -> Markup {
    if report.results.is_empty() && report.timeline.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "The run and the queue" }
            p { "Above, when each criterion was judged; below, the queue at the same moments. Signs and hatching say what the colours say: \
                " (sign(Verdict::Pass)) " kept, " (sign(Verdict::Fail)) " broken, " (sign(Verdict::NotJudged)) " not judged." }
            div.scroll.wide { (drawing(report)) }
        }
    }
}

fn drawing(report: &Report) -> Markup {
    let mut results: Vec<&CriterionResult> = report.results.iter().collect();
    results.sort_by_key(|result| result.began);
    let since = |at: crate::model::Timestamp| at.since(report.began).as_secs_f64();
    let ends = results.iter().map(|result| since(result.began) + result.took.std().as_secs_f64());
    let length = ends.chain(report.timeline.iter().map(|point| since(point.at))).fold(since(report.ended), f64::max);
    let x = Axis::linear(0.0, length.max(0.001), LEFT, RIGHT);
    let rows = 8.0 + ROW * f64::from(u32::try_from(results.len()).unwrap_or(u32::MAX));
    let observed = !report.timeline.is_empty();
    let bottom = if observed { rows + 2.0 * (GAP + PANEL) } else { rows };
    let height = bottom + 44.0;
    html! {
        svg.timeline viewBox=(format!("0 0 {WIDTH} {height:.0}")) role="img" aria-labelledby="timeline-title timeline-desc" {
            title id="timeline-title" { "Timeline of the run with the depth of the queue" }
            desc id="timeline-desc" { (words(report)) }
            (hatching())
            @for tick in x.clock_ticks(9) {
                line.grid x1=(px(x.at(tick))) x2=(px(x.at(tick))) y1="4" y2=(px(bottom)) {}
                text.tick x=(px(x.at(tick))) y=(px(bottom + 16.0)) text-anchor="middle" { (seconds(tick)) }
            }
            @for (at, result) in results.iter().enumerate() {
                (row(result, 4.0 + ROW * f64::from(u32::try_from(at).unwrap_or(u32::MAX)), &x, since(result.began)))
            }
            @if observed {
                (panel(report, &DEPTH, rows + GAP, &x))
                (panel(report, &AGE, rows + 2.0 * GAP + PANEL, &x))
            }
            line.axis x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(bottom)) y2=(px(bottom)) {}
            text.label x=(px((LEFT + RIGHT) / 2.0)) y=(px(bottom + 36.0)) text-anchor="middle" { "time since " (moment(report.began)) }
        }
    }
}

/// Stripes for what is broken.
fn hatching() -> Markup {
    html! {
        defs {
            pattern id="broken" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                rect.stripe width="6" height="6" {}
                line.stripe x1="0" y1="0" x2="0" y2="6" {}
            }
        }
    }
}

fn row(result: &CriterionResult, top: f64, x: &Axis, began: f64) -> Markup {
    let length = result.took.std().as_secs_f64();
    let (left, right) = (x.at(began), x.at(began + length));
    let id = inert(&result.id);
    html! {
        g class=(class_of(result.verdict)) {
            title { (id) ": " (result.verdict.as_str()) ", from " (seconds(began)) " on, took " (took(result.took)) }
            text.sign x="6" y=(px(top + 12.5)) { (sign(result.verdict)) }
            text.name x="24" y=(px(top + 12.5)) { (cut(&id, 31)) }
            line.track x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(top + 8.5)) y2=(px(top + 8.5)) {}
            // What took no time is still to be seen.
            rect.run x=(px(left.min(RIGHT - 3.0))) y=(px(top + 2.0)) width=(px((right - left).max(3.0))) height="13" rx="2" {}
        }
    }
}

/// One quantity of the queue over time.
struct Quantity {
    name: &'static str,
    of: fn(&TimelinePoint) -> f64,
    say: fn(f64) -> String,
    ticks: fn(&Axis, usize) -> Vec<f64>,
}

const DEPTH: Quantity =
    Quantity { name: "Open rows in the queue", of: |point| point.depth as f64, say: number, ticks: Axis::ticks };

const AGE: Quantity = Quantity {
    name: "Age of the oldest open row",
    of: |point| point.oldest_seconds,
    say: seconds,
    ticks: Axis::time_ticks,
};

/// A stepped area: the highest value of each column of pixels; gaps where nobody looked.
fn panel(report: &Report, quantity: &Quantity, top: f64, x: &Axis) -> Markup {
    let Quantity { name, of, say, ticks } = quantity;
    let highest = report.timeline.iter().map(of).fold(0.0, f64::max);
    let y = Axis::counts(highest * 1.05, top + PANEL, top);
    let scale = if y.is_log() { ", log scale" } else { "" };
    let (mut line, mut area) = (String::new(), String::new());
    for run in runs(&columns(report, x, of)) {
        let (path, left) = stepped(&run, &y);
        let base = px(top + PANEL);
        area.push_str(&format!("{path}V{base}H{}Z", px(left)));
        line.push_str(&path);
    }
    html! {
        text.name x="6" y=(px(top + 12.0)) { (name) }
        text.tick x="6" y=(px(top + 28.0)) { "highest " (say(highest)) (scale) }
        @for tick in ticks(&y, 4) {
            line.grid x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(y.at(tick))) y2=(px(y.at(tick))) {}
            text.tick x=(px(LEFT - 6.0)) y=(px(y.at(tick) + 4.0)) text-anchor="end" { (say(tick)) }
        }
        path.area d=(area) {}
        path.line d=(line) {}
    }
}

/// Pixel and highest value of each column that has a look.
fn columns(report: &Report, x: &Axis, of: impl Fn(&TimelinePoint) -> f64) -> Vec<(f64, f64)> {
    let width = (RIGHT - LEFT) / f64::from(u32::try_from(COLUMNS).unwrap_or(1));
    let mut points: Vec<(f64, f64)> = Vec::new();
    for point in &report.timeline {
        let (at, value) = (x.at(point.at.since(report.began).as_secs_f64()), of(point));
        match points.last_mut() {
            Some((last, highest)) if at - *last < width => *highest = highest.max(value),
            _ => points.push((at, value)),
        }
    }
    points
}

/// Columns that follow each other at the usual distance; where one is much farther away, looks are missing.
fn runs(points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let distances = points.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let mut distances: Vec<f64> = distances.collect();
    distances.sort_by(f64::total_cmp);
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(0.0);
    let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
    for point in points {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| point.0 - last.0 <= FAR * usual) => run.push(*point),
            _ => runs.push(vec![*point]),
        }
    }
    runs
}

/// A path in which each value holds until the next, and its left end.
fn stepped(run: &[(f64, f64)], y: &Axis) -> (String, f64) {
    let left = run.first().map_or(LEFT, |first| first.0);
    let mut path = String::new();
    for (at, (x, value)) in run.iter().enumerate() {
        // A lone look would be a line without length.
        let until = run.get(at + 1).map_or(x + 1.0, |next| next.0);
        path.push_str(&format!("{}{} {}H{}", if at == 0 { "M" } else { "L" }, px(*x), px(y.at(*value)), px(until)));
    }
    (path, left)
}

/// The same for those who see no pictures.
fn words(report: &Report) -> String {
    let deepest = report.timeline.iter().map(|point| point.depth).max();
    let oldest = report.timeline.iter().map(|point| point.oldest_seconds).fold(0.0, f64::max);
    let queue = deepest.map_or_else(
        || "The queue was not observed.".to_owned(),
        |deepest| {
            let looks = counted(report.timeline.len(), "look", "looks");
            format!(
                "In {looks} the queue was {} deep at most, its oldest open row {} old.",
                whole(deepest),
                seconds(oldest)
            )
        },
    );
    let longest = report.results.iter().max_by_key(|result| result.took);
    let longest = longest
        .map_or_else(String::new, |result| format!(" The longest was {}, {}.", inert(&result.id), took(result.took)));
    let count = counted(report.results.len(), "criterion", "criteria");
    format!("{count} in {}.{longest} {queue}", seconds(report.ended.since(report.began).as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_looked_there_is_a_gap() {
        let looks: Vec<(f64, f64)> = [0.0, 1.0, 2.0, 3.0, 9.0, 10.0].map(|at| (at, 1.0)).to_vec();
        let lengths: Vec<usize> = runs(&looks).iter().map(Vec::len).collect();
        assert_eq!(lengths, [4, 2]);
        assert_eq!(runs(&[]).len() + runs(&[(5.0, 1.0)]).len(), 1);
        let (path, left) = stepped(&[(1.0, 0.0), (2.0, 10.0)], &Axis::linear(0.0, 10.0, 100.0, 0.0));
        assert_eq!((path.as_str(), left), ("M1.0 100.0H2.0L2.0 0.0H3.0", 1.0));
    }
}
