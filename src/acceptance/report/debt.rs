//! The technical debt: limits, open assumptions, and where it pays to improve, each derived from what was measured.

use super::super::confidence::bounded;
use super::assumptions::{Standing, assumptions};
use super::markdown::{Line, Page};
use super::words::{counted, seconds, told, whole};
use super::{Area, CriterionResult, FigureValue, Report, Verdict, figures, opportunities};

/// Entries that one section lists.
const MOST: usize = 60;

/// One kind of debt, with what it means and the entries found.
struct Kind {
    title: &'static str,
    meaning: &'static str,
    entries: Vec<Line>,
}

pub(super) fn write(report: &Report) -> String {
    let mut page = Page::new("Technical debt", report);
    let kinds = [broken(report), schema(report), close(report), open(report), improve(report), limits(report)];
    let all: usize = kinds.iter().map(|kind| kind.entries.len()).sum();
    page.paragraph(format!(
        "{}, all from what this run measured, in the order in which they deserve attention.",
        counted(all, "entry", "entries")
    ));
    let row = |kind: &Kind| [Line::from(kind.title), Line::from(kind.entries.len().to_string())];
    page.table(["Kind", "Entries"], kinds.iter().map(row));
    let mut number = 0;
    for kind in kinds.into_iter().filter(|kind| !kind.entries.is_empty()) {
        page.heading(2, kind.title);
        page.paragraph(kind.meaning);
        let left = kind.entries.len().saturating_sub(MOST);
        page.list(kind.entries.into_iter().take(MOST).map(|entry| {
            number += 1;
            Line::new().strong(&format!("D{number}")).text(" ").joined(entry)
        }));
        if left > 0 {
            page.paragraph(format!("And {}; report.json has them.", counted(left, "more", "more")));
        }
    }
    page.finish()
}

/// The criterion's id, then words.
fn entry(result: &CriterionResult, text: &str) -> Line {
    Line::new().code(&result.id).text(&format!(": {text}"))
}

fn broken(report: &Report) -> Kind {
    let failed = report.ended(Verdict::Fail).filter(|result| result.area != Area::Schema);
    Kind {
        title: "Broken promises",
        meaning: "To be repaid before go-live.",
        entries: failed.map(|result| entry(result, &format!("{}.", result.summary))).collect(),
    }
}

/// What stands in the way of growth in the database: columns, indexes, plans, grants.
fn schema(report: &Report) -> Kind {
    let mut entries = Vec::new();
    for result in
        report.results.iter().filter(|result| result.area == Area::Schema && result.verdict != Verdict::NotJudged)
    {
        let wrong: Vec<_> = result.evidence.cases.iter().filter(|case| case.ok == Some(false)).collect();
        if result.verdict == Verdict::Fail && wrong.is_empty() {
            entries.push(entry(result, &format!("{}.", result.summary)));
        }
        entries.extend(
            wrong.iter().map(|case| {
                entry(result, &format!("{}: expected {}, found ", case.name, case.expected)).code(&case.got)
            }),
        );
        entries.extend(result.evidence.notes.iter().map(|note| entry(result, note)));
    }
    Kind {
        title: "Schema and growth",
        meaning: "What the database will make felt when there is more of it, or what it cannot tell when something is wrong.",
        entries,
    }
}

fn close(report: &Report) -> Kind {
    let mut entries = Vec::new();
    for result in report.ended(Verdict::Pass) {
        for figure in &result.evidence.figures {
            entries.extend(figures::little_room(figure).map(|why| entry(result, &format!("{}: {why}.", figure.name))));
        }
    }
    Kind {
        title: "Kept without much certainty",
        meaning: "Promises that are kept, but by a margin that the next slow day may use up, or in too few samples to be sure.",
        entries,
    }
}

fn open(report: &Report) -> Kind {
    let not_judged = report.ended(Verdict::NotJudged);
    let mut entries: Vec<Line> = not_judged
        .map(|result| entry(result, &format!("{} Not judged: {}.", result.promise, result.summary)))
        .collect();
    entries.extend(report.left_out.iter().map(|id| Line::new().code(id).text(": left out on request.")));
    let remaining = assumptions(report).into_iter().filter(|assumption| assumption.standing == Standing::Remaining);
    entries.extend(remaining.map(|assumption| Line::from(format!("That {}: {}.", assumption.what, assumption.why))));
    Kind { title: "Open assumptions", meaning: "Whoever goes live relies on these without having seen them.", entries }
}

fn improve(report: &Report) -> Kind {
    let found = opportunities::all(report);
    Kind {
        title: "Where time goes",
        meaning: "Opportunities to be faster, and where each begins.",
        entries: found.into_iter().map(|(result, sentence)| entry(result, &sentence)).collect(),
    }
}

fn limits(report: &Report) -> Kind {
    let refuted = assumptions(report).into_iter().filter(|assumption| assumption.standing == Standing::Refuted);
    let mut entries: Vec<Line> = refuted
        .map(|assumption| Line::from(format!("It does not hold that {}: {}.", assumption.what, assumption.why)))
        .collect();
    let judged = report.results.iter().flat_map(|result| {
        let figures = result.evidence.figures.iter().filter(|figure| figure.promised.is_some());
        figures.map(move |figure| (result, figure))
    });
    let (mut readings, mut few) = (Vec::new(), Vec::new());
    for (result, figure) in judged {
        match &figure.value {
            FigureValue::Number(_) if figure.unit == "seconds" => {
                readings.push(format!("{} ({}: {})", told(figure).value, result.id, figure.name));
            }
            FigureValue::Distribution(all) if all.count > 0 && !bounded(0.99, all.count) => {
                few.push(format!("{} of {} ({})", whole(all.count), figure.name, result.id));
            }
            _ => {}
        }
    }
    entries.extend(listed("Each is one reading, which may be another one next time", &readings));
    entries.extend(listed("Too few samples to bound a p99, which takes 381, were taken of these times", &few));
    let length = seconds(report.ended.since(report.began).as_secs_f64());
    entries.push(Line::from(format!(
        "All of it is one run of {length} against one deployment: what takes longer to appear was not seen."
    )));
    Kind { title: "Limits of this validation", meaning: "How far the figures carry.", entries }
}

/// A sentence and what it is about; nothing if it is about nothing.
fn listed(sentence: &str, items: &[String]) -> Option<Line> {
    (!items.is_empty()).then(|| Line::from(format!("{sentence}: {}.", items.join("; "))))
}
