//! A plot as SVG, for pages.

use std::fmt::Write;

use super::Plot;
use super::canvas::INKS;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 180.0;

/// The picture. It holds numbers only, nothing from outside.
pub(super) fn render(plot: &Plot) -> String {
    let place = |(x, y): (f64, f64)| (2.0 + x * (WIDTH - 4.0), 2.0 + (1.0 - y) * (HEIGHT - 4.0));
    let colour = |ink: usize| {
        let (red, green, blue, opacity) = INKS.get(ink).copied().unwrap_or_default();
        format!("rgb({red} {green} {blue} / {:.2})", f64::from(opacity) / 255.0)
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"presentation\" class=\"chart\">"
    );
    if let Some((from, to)) = plot.firing {
        let (left, right) = (place((from, 0.0)).0, place((to, 0.0)).0);
        let width = (right - left).max(1.0);
        let _ = write!(
            out,
            "<rect x=\"{left:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"{}\"/>",
            colour(0)
        );
    }
    let _ = write!(out, "<path d=\"M0 {0}H{WIDTH}\" stroke=\"{1}\"/>", HEIGHT - 1.0, colour(2));
    if let Some(threshold) = plot.threshold {
        let y = place((0.0, threshold)).1;
        let _ = write!(
            out,
            "<path d=\"M0 {y:.1}H{WIDTH}\" stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"9 6\"/>",
            colour(3)
        );
    }
    for (number, runs) in plot.lines.iter().enumerate() {
        for run in runs {
            let points: Vec<String> =
                run.iter().map(|point| place(*point)).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            let _ = write!(
                out,
                "<path d=\"M{0}\" fill=\"none\" stroke=\"{1}\" stroke-width=\"2\" stroke-linejoin=\"round\" \
                 stroke-linecap=\"round\"/>",
                points.join("L"),
                colour(4 + number % 4)
            );
        }
    }
    out.push_str("</svg>");
    out
}
