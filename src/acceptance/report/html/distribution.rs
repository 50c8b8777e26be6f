//! The shape of many times: how many took how long, with median, p95, p99 and the promised bound.
//!
//! Times stand on a logarithmic axis, so that bars of equal width are equal factors and a long tail has room. Under the bars
//! lie the intervals of the quantiles, where the samples bound them.

use maud::{Markup, html};

use super::super::super::confidence::bounded;
use super::super::words::{TOLD, inert, ratio, tellable, told, value};
use super::super::{Distribution, Figure, Report, figures};
use super::axis::Axis;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 236.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 448.0;
const TOP: f64 = 66.0;
const BOTTOM: f64 = 184.0;
/// Between the rows of labels above the bars.
const ROW: f64 = 15.0;

/// The distributions that were judged.
pub(super) fn section(report: &Report) -> Markup {
    let judged = report.results.iter().flat_map(|result| {
        let figures = result.evidence.figures.iter().enumerate();
        figures
            .filter(|(_, figure)| {
                figure.promised.is_some() && figures::distribution(figure).is_some_and(|all| all.count > 0)
            })
            .map(move |(at, figure)| (result, at, figure))
    });
    let judged: Vec<_> = judged.collect();
    html! {
        @if !judged.is_empty() {
            section {
                h2 { "How long things took" }
                p { "Bars say which share of all samples took so long, on a logarithmic axis; those beyond the promised bound are \
                    hatched. The thin bars under the axis are the 95 % intervals of median, p95 and p99, where there are enough samples to \
                    know them." }
                div.charts {
                    @for (result, at, figure) in judged {
                        (chart(figure, &format!("judged-{}-{at}", result.id), &format!("{}: {}", result.id, figure.name)))
                    }
                }
            }
        }
    }
}

/// One chart with its caption.
pub(super) fn chart(figure: &Figure, key: &str, name: &str) -> Markup {
    let Some(all) = figures::distribution(figure).filter(|all| all.count > 0) else { return html! {} };
    let told = told(figure);
    let (key, name) = (inert(key), inert(name));
    html! {
        figure {
            figcaption { strong { (name) } span.quiet { ", " (told.samples) " samples" } }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(format!("{key}-title {key}-desc")) {
                title id=(format!("{key}-title")) { (name) ", distribution of " (told.samples) " samples" }
                desc id=(format!("{key}-desc")) {
                    (told.value) ". 95 % interval: " (told.confidence) "."
                    @if !told.promised.is_empty() { " Promised: " (told.promised) "." }
                }
                (drawing(figure, all))
            }
        }
    }
}

fn drawing(figure: &Figure, all: &Distribution) -> Markup {
    let limit = figure.promised.filter(|limit| limit.is_finite() && *limit > 0.0);
    let ends = [all.min.max(1e-6), all.max.max(1e-6)].into_iter().chain(limit);
    let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    let x = Axis::log(low / 1.15, high * 1.15, LEFT, RIGHT);
    html! {
        (grid(figure, &x))
        (bars(all, &x, limit))
        @for (row, (q, _)) in tellable(all.count).enumerate() {
            (line(&x, all.quantile(q), row, "quantile"))
            (interval(&x, all, q, row))
        }
        @if let Some(limit) = limit { (line(&x, limit, TOLD.len(), "limit")) }
        // After all lines, so that none crosses a label.
        @for (row, (q, name)) in tellable(all.count).enumerate() {
            (label(&x, all.quantile(q), row, "quantile", &format!("{name} {}", value(all.quantile(q), &figure.unit))))
        }
        @if let Some(limit) = limit {
            (label(&x, limit, TOLD.len(), "limit", &format!("promised ≤ {}", value(limit, &figure.unit))))
        }
    }
}

fn grid(figure: &Figure, x: &Axis) -> Markup {
    html! {
        @for tick in x.ticks(9) {
            @let at = x.at(tick);
            line.grid x1=(px(at)) x2=(px(at)) y1=(px(TOP)) y2=(px(BOTTOM)) {}
            text.tick x=(px(at)) y=(px(BOTTOM + 28.0)) text-anchor="middle" { (value(tick, &figure.unit)) }
        }
        line.axis x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(BOTTOM)) y2=(px(BOTTOM)) {}
        text.label x=(px((LEFT + RIGHT) / 2.0)) y=(px(HEIGHT - 6.0)) text-anchor="middle" { (inert(&figure.name)) ", log scale" }
    }
}

#[allow(clippy::cast_precision_loss)] // counts of samples
fn bars(all: &Distribution, x: &Axis, limit: Option<f64>) -> Markup {
    let most = all.buckets.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1) as f64 / all.count.max(1) as f64;
    let y = Axis::linear(0.0, most, BOTTOM, TOP);
    let lower = std::iter::once(all.min.max(1e-6)).chain(all.buckets.iter().map(|(upper, _)| *upper));
    html! {
        @for tick in y.ticks(2) {
            text.tick x=(px(LEFT - 5.0)) y=(px(y.at(tick) + 3.5)) text-anchor="end" { (ratio(tick)) }
        }
        @for ((upper, count), lower) in all.buckets.iter().zip(lower).filter(|((_, count), _)| *count > 0) {
            @let (left, right) = (x.at(lower.min(*upper)), x.at(*upper));
            @let top = y.at(*count as f64 / all.count.max(1) as f64);
            // A lone value would be a bar without width.
            rect class=(if limit.is_some_and(|limit| lower >= limit) { "bar beyond" } else { "bar" })
                x=(px(left)) y=(px(top)) width=(px((right - left - 0.6).max(2.5))) height=(px((BOTTOM - top).max(1.0))) {}
        }
    }
}

/// The base line of a row of labels above the bars. Each label has a row of its own, so that none lies on another.
fn row_at(row: usize) -> f64 {
    12.0 + ROW * f64::from(u8::try_from(row).unwrap_or(u8::MAX))
}

/// A line across the bars.
fn line(x: &Axis, at: f64, row: usize, class: &str) -> Markup {
    let at = px(x.at(at));
    html! { line class=(class) x1=(at) x2=(at) y1=(px(row_at(row) - 9.0)) y2=(px(BOTTOM)) {} }
}

/// What the line stands for, on the side that has room.
fn label(x: &Axis, at: f64, row: usize, class: &str, text: &str) -> Markup {
    let at = x.at(at);
    let (anchor, beside) = if at > (LEFT + RIGHT) / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
    html! {
        text class={ "label " (class) } x=(px(at + beside)) y=(px(row_at(row))) text-anchor=(anchor) { (text) }
    }
}

fn interval(x: &Axis, all: &Distribution, q: f64, row: usize) -> Markup {
    let kept = all.quantiles.iter().find(|kept| (kept.q - q).abs() < 1e-9).filter(|_| bounded(q, all.count));
    let y = BOTTOM + 5.0 + 4.0 * f64::from(u8::try_from(row).unwrap_or(u8::MAX));
    html! {
        @if let Some(kept) = kept {
            @let (left, right) = (x.at(kept.low), x.at(kept.high));
            rect.interval x=(px(left)) y=(px(y - 1.0)) width=(px((right - left).max(2.0))) height="2" {}
        }
    }
}

/// A coordinate in text.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}
