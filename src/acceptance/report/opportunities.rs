//! Where time goes, and so where it pays to improve: the parts of a time, what grows with load, rare slow ones.

use super::words::{number, ratio, seconds, value};
use super::{CriterionResult, Distribution, Figure, FigureValue, Report, Verdict, figures};

/// From this factor between two medians of one criterion on, something grows.
const GROWS: f64 = 1.5;
/// A slowest hundredth so many times the median is something rare.
const RARE: f64 = 10.0;
/// Below this many seconds nobody feels it.
const FELT: f64 = 0.05;

/// What was found, each with the criterion that measured it, as a sentence.
pub(super) fn all(report: &Report) -> Vec<(&CriterionResult, String)> {
    let mut found = Vec::new();
    // What could not be judged may have been measured badly, too.
    for result in report.results.iter().filter(|result| result.verdict != Verdict::NotJudged) {
        let sentences = parts(result).into_iter().chain(growth(result)).chain(rare(result));
        found.extend(sentences.map(|sentence| (result, sentence)));
    }
    found
}

/// Of what a time consists.
fn parts(result: &CriterionResult) -> Option<String> {
    let (whole, parts) = figures::parts(&result.evidence)?;
    let mean = figures::distribution(whole)?.mean;
    let whole_percent = |share: f64| ratio((share * 100.0).round() / 100.0);
    let list: Vec<String> =
        parts.iter().map(|(part, share)| format!("{} {}", part.name, whole_percent(*share))).collect();
    let first = parts.first().map(|(part, _)| part.name.as_str())?;
    let readings = result.evidence.figures.iter().filter_map(|figure| match figure.value {
        FigureValue::Number(reading) if figure.unit == "seconds" && figure.promised.is_none() => {
            Some(format!("{} {}", figure.name, value(reading, &figure.unit)))
        }
        _ => None,
    });
    let readings: Vec<String> = readings.collect();
    let more = if readings.is_empty() { String::new() } else { format!(" Beside them: {}.", readings.join("; ")) };
    let (mean, list) = (seconds(mean), list.join(", "));
    Some(format!(
        "of {mean} that {} takes in the mean: {list}.{more} Whoever wants it faster begins with {first}.",
        whole.name
    ))
}

/// Times that were measured under several loads and judged by the same bound.
fn growth(result: &CriterionResult) -> Option<String> {
    let judged: Vec<(&Figure, &Distribution)> = result
        .evidence
        .figures
        .iter()
        .filter(|figure| figure.promised.is_some() && figure.unit == "seconds")
        .filter_map(|figure| Some((figure, figures::distribution(figure).filter(|all| all.count > 0)?)))
        .collect();
    let same = judged.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a.promised == b.promised));
    let median = |(_, all): &&(&Figure, &Distribution)| all.quantile(0.5);
    let least = judged.iter().min_by(|a, b| median(a).total_cmp(&median(b)))?;
    let most = judged.iter().max_by(|a, b| median(a).total_cmp(&median(b)))?;
    let (low, high) = (median(&least), median(&most));
    (same && judged.len() > 1 && low > 0.0 && high > FELT && high / low >= GROWS).then(|| {
        format!(
            "the median grows {} times, from {} ({}) to {} ({}).",
            number((high / low * 10.0).round() / 10.0),
            seconds(low),
            least.0.name,
            seconds(high),
            most.0.name
        )
    })
}

/// Times whose slowest hundredth is far from their middle.
fn rare(result: &CriterionResult) -> Vec<String> {
    let times = result.evidence.figures.iter().filter(|figure| figure.unit == "seconds");
    let many = times.filter_map(|figure| Some((figure, figures::distribution(figure).filter(|all| all.count >= 100)?)));
    many.filter_map(|(figure, all)| {
        let (median, p99) = (all.quantile(0.5), all.quantile(0.99));
        (p99 > RARE * median && p99 > FELT).then(|| {
            let (name, p99, median) = (&figure.name, seconds(p99), seconds(median));
            format!(
                "{name}: one in a hundred takes {p99} or more where the median is {median}; something rare holds it up."
            )
        })
    })
    .collect()
}
