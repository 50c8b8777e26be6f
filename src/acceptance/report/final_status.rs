//! The final status: go or no-go first, then every criterion with its verdict and what stands behind it.

use super::markdown::{Line, Page};
use super::recommendation::Recommendation;
use super::words::{area, counted, told};
use super::{Area, Case, CriterionResult, Report, Verdict, figures};

/// Wrong cases that a broken promise lists here; the test update has them all.
const MOST_CASES: usize = 12;
/// Requests that a broken promise lists here.
const MOST_REQUESTS: usize = 5;

pub(super) fn write(report: &Report) -> String {
    let mut page = Page::new("Final status", report);
    let recommendation = Recommendation::of(report);
    page.heading(2, "Recommendation");
    page.paragraph(Line::new().strong(&recommendation.sentence));
    if !recommendation.conditions.is_empty() {
        page.paragraph("To be read with it:");
        page.list(recommendation.conditions);
    }
    by_area(report, &mut page);
    broken(report, &mut page);
    not_judged(report, &mut page);
    kept(report, &mut page);
    page.finish()
}

fn by_area(report: &Report, page: &mut Page) {
    let mut areas: Vec<Area> = report.results.iter().map(|result| result.area).collect();
    areas.sort_unstable();
    areas.dedup();
    let count = |of: Option<Area>, verdict: Option<Verdict>| {
        let fits = |result: &&CriterionResult| {
            of.is_none_or(|of| of == result.area) && verdict.is_none_or(|verdict| verdict == result.verdict)
        };
        report.results.iter().filter(fits).count().to_string()
    };
    let row = |name: &str, of: Option<Area>| {
        let counts = [Some(Verdict::Pass), Some(Verdict::Fail), Some(Verdict::NotJudged), None].map(|v| count(of, v));
        let [pass, fail, open, all] = counts.map(Line::from);
        [Line::from(name), pass, fail, open, all]
    };
    page.heading(2, "In numbers");
    let rows = areas.iter().map(|of| row(area(*of), Some(*of))).chain([row("All", None)]);
    page.table(["Part of the requirements", "Kept", "Broken", "Not judged", "Criteria"], rows);
}

fn broken(report: &Report, page: &mut Page) {
    let failed: Vec<&CriterionResult> = report.ended(Verdict::Fail).collect();
    page.heading(2, "Broken promises");
    if failed.is_empty() {
        page.paragraph("None of those that were judged.");
    }
    for result in failed {
        page.heading(3, Line::new().code(&result.id).text(": fail"));
        page.paragraph(Line::new().strong("Promised:").text(" ").text(&result.promise));
        page.paragraph(Line::new().strong("Found:").text(&format!(" {}.", result.summary)));
        let judged = result.evidence.figures.iter().filter(|figure| figure.promised.is_some());
        page.list(judged.map(figures::sentence));
        wrong_cases(result, page);
        requests(result, page);
    }
}

fn wrong_cases(result: &CriterionResult, page: &mut Page) {
    let wrong: Vec<&Case> = result.evidence.cases.iter().filter(|case| case.ok == Some(false)).collect();
    let row = |case: &&Case| {
        [Line::from(case.name.as_str()), Line::from(case.expected.as_str()), Line::new().code(&case.got)]
    };
    page.table(["Case", "Expected", "Got"], wrong.iter().take(MOST_CASES).map(row));
    if wrong.len() > MOST_CASES {
        let more = counted(wrong.len() - MOST_CASES, "more case", "more cases");
        page.paragraph(format!("{more} went wrong; the test update lists them."));
    }
}

/// What to look for in the service's own log.
fn requests(result: &CriterionResult, page: &mut Page) {
    let refused: Vec<_> =
        result.evidence.exchanges.iter().filter(|seen| seen.status.is_none_or(|status| status >= 400)).collect();
    let chosen = if refused.is_empty() { result.evidence.exchanges.iter().collect() } else { refused };
    if chosen.is_empty() {
        return;
    }
    let line = Line::new().text("In the service's log under: ");
    let ids = chosen.iter().take(MOST_REQUESTS).enumerate();
    page.paragraph(ids.fold(line, |line, (at, seen)| {
        let status = seen.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let line = if at > 0 { line.text(", ") } else { line };
        line.code(&seen.request_id).text(&format!(" ({} {}: {status})", seen.method, seen.path))
    }));
}

fn not_judged(report: &Report, page: &mut Page) {
    page.heading(2, "Not judged");
    let open: Vec<&CriterionResult> = report.ended(Verdict::NotJudged).collect();
    if open.is_empty() {
        page.paragraph("Nothing: every criterion that was asked for has been judged.");
        return;
    }
    page.paragraph("These promises may be kept or broken. Nobody has seen which.");
    let row = |result: &&CriterionResult| {
        [
            Line::new().code(&result.id),
            verdict(result),
            Line::from(result.promise.as_str()),
            Line::from(result.summary.as_str()),
        ]
    };
    page.table(["Criterion", "Verdict", "Promise", "Why it was not judged"], open.iter().map(row));
}

fn kept(report: &Report, page: &mut Page) {
    page.heading(2, "Kept promises");
    let passed: Vec<&CriterionResult> = report.ended(Verdict::Pass).collect();
    if passed.is_empty() {
        page.paragraph("None.");
        return;
    }
    let row = |result: &&CriterionResult| {
        let promise = Line::from(result.promise.as_str());
        [Line::new().code(&result.id), verdict(result), promise, Line::from(result.summary.as_str()), rests_on(result)]
    };
    page.table(["Criterion", "Verdict", "Promise", "What was seen", "Rests on"], passed.iter().map(row));
}

fn verdict(result: &CriterionResult) -> Line {
    Line::from(result.verdict.as_str())
}

/// How much evidence there is, and the interval of the figure that was judged.
fn rests_on(result: &CriterionResult) -> Line {
    let seen = &result.evidence;
    let count = |number: u64, one, many| counted(usize::try_from(number).unwrap_or(usize::MAX), one, many);
    let mut parts = Vec::new();
    if !seen.cases.is_empty() {
        parts.push(counted(seen.cases.len(), "case", "cases"));
    }
    if seen.exchanges_total > 0 {
        parts.push(count(seen.exchanges_total, "request", "requests"));
    }
    if seen.rows_total > 0 {
        parts.push(count(seen.rows_total, "queue row", "queue rows"));
    }
    let judged = seen
        .figures
        .iter()
        .filter(|figure| figure.promised.is_some() && !matches!(figure.value, super::FigureValue::Number(_)));
    for figure in judged.take(2) {
        let told = told(figure);
        parts.push(format!("{}: {} samples, {}", figure.name, told.samples, told.confidence));
    }
    Line::from(if parts.is_empty() { "the summary alone".to_owned() } else { parts.join("; ") })
}
