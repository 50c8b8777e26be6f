//! What figures say beyond their own value: how close to the bound they are, and of which parts a time consists.

use super::super::confidence::{bounded, wilson};
use super::words::{bound, ratio, share, told, value};
use super::{Distribution, Evidence, Figure, FigureValue};

/// From this share of its bound on, a time has little room.
const LITTLE_ROOM: f64 = 0.8;

/// `update visible: median 1.2 s, … (95 % interval: …; 300 samples); promised at most 2 s`.
pub(super) fn sentence(figure: &Figure) -> String {
    let told = told(figure);
    let rests_on = match figure.value {
        FigureValue::Number(_) => String::new(),
        _ => format!(" (95 % interval: {}; samples: {})", told.confidence, told.samples),
    };
    let promised = if told.promised.is_empty() { String::new() } else { format!("; promised {}", told.promised) };
    format!("{}: {}{rests_on}{promised}", figure.name, told.value)
}

/// Why a figure whose promise is kept may soon not be, or may already not be; nothing if there is room.
pub(super) fn little_room(figure: &Figure) -> Option<String> {
    let limit = figure.promised.filter(|limit| limit.is_finite() && *limit > 0.0)?;
    let say = |number: f64| value(number, &figure.unit);
    match &figure.value {
        FigureValue::Distribution(all) if figure.less_is_better && all.count > 0 => {
            let p99 = all.quantiles.iter().find(|kept| (kept.q - 0.99).abs() < 1e-9)?;
            let part = p99.value / limit;
            if part > LITTLE_ROOM {
                return Some(format!(
                    "its p99 of {} is at {} of the bound {}",
                    say(p99.value),
                    ratio(rounded(part)),
                    say(limit)
                ));
            }
            let unsure = bounded(0.99, all.count) && p99.high > limit;
            unsure.then(|| format!("its p99 may be as high as {}, and the bound is {}", say(p99.high), say(limit)))
        }
        // No number of samples proves that something always holds; the intervals say so, and it is no lack of room.
        FigureValue::Share { part, whole } if *whole > 0 && limit < 1.0 => {
            let (low, high) = wilson(*part, *whole);
            let unsure = if figure.less_is_better { high > limit } else { low < limit };
            unsure.then(|| {
                let (side, edge) = if figure.less_is_better { ("high", high) } else { ("low", low) };
                let (seen, bound) = (share(*part, *whole), bound(figure));
                format!(
                    "after {seen} the true share may still be as {side} as {}, and the promise is {bound}",
                    ratio(edge)
                )
            })
        }
        FigureValue::Number(number)
            if figure.unit == "seconds" && figure.less_is_better && number / limit > LITTLE_ROOM =>
        {
            Some(format!("{} is at {} of the bound {}", say(*number), ratio(rounded(number / limit)), say(limit)))
        }
        _ => None,
    }
}

/// To whole percents, which is as much as a remark needs.
fn rounded(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
}

/// The parts of a time that a criterion measured as a whole and in parts, the largest first, with their share of the
/// mean: its only time with a bound is the whole, and those without are its parts.
pub(super) fn parts(evidence: &Evidence) -> Option<(&Figure, Vec<(&Figure, f64)>)> {
    let times = |figure: &&Figure| {
        figure.unit == "seconds" && matches!(&figure.value, FigureValue::Distribution(all) if all.count > 0)
    };
    let (with, without): (Vec<&Figure>, Vec<&Figure>) =
        evidence.figures.iter().filter(times).partition(|figure| figure.promised.is_some());
    let ([whole], true) = (with.as_slice(), without.len() > 1) else { return None };
    let mean = |figure: &Figure| distribution(figure).map_or(0.0, |all| all.mean);
    let all = mean(whole);
    let sum: f64 = without.iter().map(|part| mean(part)).sum();
    // Parts that do not add up to the whole are other times, not its parts.
    if all <= 0.0 || !(0.7..=1.15).contains(&(sum / all)) {
        return None;
    }
    let mut parts: Vec<(&Figure, f64)> = without.into_iter().map(|part| (part, mean(part) / all)).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    Some((whole, parts))
}

/// The many values of a figure, if it has many.
pub(super) fn distribution(figure: &Figure) -> Option<&Distribution> {
    match &figure.value {
        FigureValue::Distribution(all) => Some(all),
        _ => None,
    }
}
