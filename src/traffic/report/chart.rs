//! Line charts as SVG, with axes, a grid and a legend; numbers in, markup out, nothing from elsewhere.
//!
//! A point without a value is a gap in its line. The vertical axis may be logarithmic, for times from microseconds to
//! seconds.

use maud::{Markup, html};

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;

/// One line of a chart.
pub(super) struct Line {
    /// What it is, for the legend.
    pub(super) name: &'static str,
    /// The class by which the style sheet colours it.
    pub(super) class: &'static str,
    /// Points in order of x; `None` is a gap.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// What the chart is about.
pub(super) struct Chart<'a> {
    /// For those who see no pictures, too.
    pub(super) title: &'a str,
    /// Of a value on the vertical axis.
    pub(super) show: fn(f64) -> String,
    /// Below the horizontal axis.
    pub(super) below: &'a str,
    /// Ticks of the horizontal axis; evenly spaced ones of its values unless given.
    pub(super) ticks: Vec<(f64, String)>,
    /// Whether the vertical axis is logarithmic.
    pub(super) log: bool,
    pub(super) lines: Vec<Line>,
}

struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    /// 0 at the low end, 1 at the high one.
    fn place(&self, value: f64) -> f64 {
        let (low, high, value) = if self.log {
            (self.low.ln(), self.high.ln(), value.max(self.low).ln())
        } else {
            (self.low, self.high, value)
        };
        if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            let step = nice((self.high - self.low) / 4.0);
            return (0..=8).map(|n| self.low + f64::from(n) * step).take_while(|at| *at <= self.high * 1.001).collect();
        }
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let all = decades.map(|decade| 10_f64.powi(decade));
        all.filter(|at| *at >= self.low * 0.999 && *at <= self.high * 1.001).collect()
    }
}

/// 1, 2 or 5 times a power of ten, not below `step`.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|nice| *nice >= step * 0.999).unwrap_or(step)
}

impl Chart<'_> {
    /// The figure with its legend; a sentence if there is nothing to draw.
    pub(super) fn draw(&self) -> Markup {
        let values: Vec<f64> = self
            .lines
            .iter()
            .flat_map(|line| line.points.iter().filter_map(|(_, y)| *y))
            .filter(|value| value.is_finite() && (!self.log || *value > 0.0))
            .collect();
        if values.is_empty() {
            return html! { figure { figcaption { (self.title) } p.quiet { "Nothing was measured." } } };
        }
        let (low, high) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        let y = if self.log {
            let (low, high) = (10_f64.powf(low.log10().floor()), 10_f64.powf(high.log10().ceil()));
            Scale { low, high: high.max(low * 10.0), log: true }
        } else {
            Scale { low: 0.0, high: if high > 0.0 { high * 1.05 } else { 1.0 }, log: false }
        };
        let xs = || self.lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x));
        let x =
            Scale { low: xs().fold(f64::INFINITY, f64::min), high: xs().fold(f64::NEG_INFINITY, f64::max), log: false };
        html! {
            figure {
                figcaption { (self.title) }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                    (self.axes(&x, &y))
                    @for line in &self.lines {
                        path class=(format!("line {}", line.class)) d=(path(line, &x, &y)) {}
                    }
                }
                p.legend {
                    @for line in &self.lines { span class=(line.class) { (line.name) } }
                }
            }
        }
    }

    fn axes(&self, x: &Scale, y: &Scale) -> Markup {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let even = || x.ticks().into_iter().map(|at| (at, plain(at))).collect();
        let ticks: Vec<(f64, String)> = if self.ticks.is_empty() { even() } else { self.ticks.clone() };
        html! {
            @for at in y.ticks() {
                @let height = across(y.place(at), bottom, TOP);
                line.grid x1=(LEFT) x2=(right) y1=(height) y2=(height) {}
                text.tick x=(LEFT - 6.0) y=(height + 4.0) text-anchor="end" { ((self.show)(at)) }
            }
            @for (at, label) in &ticks {
                @let place = across(x.place(*at), LEFT, right);
                line.grid x1=(place) x2=(place) y1=(TOP) y2=(bottom) {}
                text.tick x=(place) y=(bottom + 14.0) text-anchor="middle" { (label) }
            }
            text.tick x=(right) y=(HEIGHT - 4.0) text-anchor="end" { (self.below) }
        }
    }
}

/// A number without needless digits.
pub(super) fn plain(value: f64) -> String {
    if value.abs() >= 10.0 || value == value.trunc() { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// To a tenth of a pixel.
fn across(share: f64, from: f64, to: f64) -> f64 {
    ((from + (to - from) * share) * 10.0).round() / 10.0
}

fn path(line: &Line, x: &Scale, y: &Scale) -> String {
    let mut path = String::new();
    let mut pen_down = false;
    for (at, value) in &line.points {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            pen_down = false;
            continue;
        };
        let (px, py) = (across(x.place(*at), LEFT, WIDTH - RIGHT), across(y.place(value), HEIGHT - BOTTOM, TOP));
        path.push_str(&format!("{}{px} {py}", if pen_down { "L" } else { "M" }));
        // A point without neighbours would not be seen.
        if !pen_down {
            path.push_str("h.1");
        }
        pen_down = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, Option<f64>)>, log: bool) -> String {
        let lines = vec![Line { name: "p50", class: "a", points }];
        let show = plain;
        Chart { title: "Latency", show, below: "seconds", ticks: Vec::new(), log, lines }.draw().into_string()
    }

    #[test]
    fn a_gap_in_the_values_is_a_gap_in_the_line() {
        let drawn = chart(vec![(0.0, Some(1.0)), (1.0, None), (2.0, Some(2.0)), (3.0, Some(1.0))], false);
        let path = drawn.split(" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(chart(vec![(0.0, None)], false).contains("Nothing was measured"));
    }

    #[test]
    fn ticks_are_round_numbers_and_whole_decades() {
        assert_eq!(Scale { low: 0.0, high: 190.0, log: false }.ticks(), [0.0, 50.0, 100.0, 150.0]);
        let ticks = Scale { low: 0.001, high: 1.0, log: true }.ticks();
        assert_eq!(ticks.len(), 4, "{ticks:?}");
        assert!(chart(vec![(0.0, Some(0.002)), (1.0, Some(0.3))], true).contains("0.01"));
    }
}
