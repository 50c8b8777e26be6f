//! The test update: every test with its figures, cases and requests; assumptions confirmed and remaining.

use super::assumptions::{Standing, assumptions};
use super::markdown::{Line, Page};
use super::words::{area, counted, moment, seconds, told, took};
use super::{Case, CriterionResult, ExchangeSeen, Figure, Report, RowSeen, Verdict};

/// Requests and rows that one test shows; the JSON has all that were kept.
const MOST_SHOWN: usize = 8;

pub(super) fn write(report: &Report) -> String {
    let mut page = Page::new("Test update", report);
    let count = |verdict| report.count(verdict);
    page.paragraph(format!(
        "{}: {} passed, {} failed, {} not judged.",
        counted(report.results.len(), "test", "tests"),
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::NotJudged)
    ));
    page.heading(2, "Assumptions");
    about_promises(report, &mut page);
    about_measurement(report, &mut page);
    page.heading(2, "Tests");
    report.results.iter().for_each(|result| test(result, &mut page));
    page.finish()
}

/// How an assumption stands, as a word.
pub(super) const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Confirmed => "Confirmed",
        Standing::Refuted => "Refuted",
        Standing::Remaining => "Remaining",
    }
}

/// Whoever builds on the service assumes that it keeps its promises.
fn about_promises(report: &Report, page: &mut Page) {
    page.paragraph("That the service keeps its promises is what everything built on it assumes.");
    for (title, verdict) in
        [("Refuted", Verdict::Fail), ("Remaining", Verdict::NotJudged), ("Confirmed", Verdict::Pass)]
    {
        let results: Vec<&CriterionResult> = report.ended(verdict).collect();
        if !results.is_empty() {
            page.heading(3, format!("{title} ({})", results.len()));
            page.list(results.iter().map(|result| Line::from(result.promise.as_str()).text(" ").code(&result.id)));
        }
    }
}

fn about_measurement(report: &Report, page: &mut Page) {
    page.heading(3, "About the measurement itself");
    let row = |assumption: super::assumptions::Assumption| {
        [
            Line::from(format!("That {}", assumption.what)),
            Line::from(standing(assumption.standing)),
            Line::from(assumption.why),
        ]
    };
    page.table(["Assumption", "Standing", "Why"], assumptions(report).into_iter().map(row));
}

fn test(result: &CriterionResult, page: &mut Page) {
    page.heading(3, Line::new().code(&result.id).text(&format!(": {}", result.verdict.as_str())));
    page.paragraph(Line::new().strong(area(result.area)).text(". ").text(&result.promise));
    page.paragraph(Line::new().text(&format!("{}.", result.summary)));
    let seen = &result.evidence;
    page.paragraph(format!(
        "It began {} and took {}. Evidence: {}, {}, {}.",
        moment(result.began),
        took(result.took),
        counted(usize::try_from(seen.exchanges_total).unwrap_or(usize::MAX), "request", "requests"),
        counted(usize::try_from(seen.rows_total).unwrap_or(usize::MAX), "queue row", "queue rows"),
        counted(seen.cases.len(), "case", "cases"),
    ));
    let figure = |figure: &Figure| {
        let told = told(figure);
        [figure.name.clone(), told.value, told.confidence, told.samples, told.promised].map(Line::from)
    };
    page.table(["Figure", "Value", "95 % interval", "Samples", "Promised"], seen.figures.iter().map(figure));
    page.table(["Case", "Expected", "Got", "As expected"], seen.cases.iter().map(case));
    page.table(
        ["Request", "Status", "Took", "Request id", "Answer"],
        seen.exchanges.iter().take(MOST_SHOWN).map(exchange),
    );
    more(seen.exchanges_total, seen.exchanges.len().min(MOST_SHOWN), "request", "requests", page);
    page.table(
        ["Queue row", "Status", "Queued", "Until processed", "Retries", "Error"],
        seen.rows.iter().take(MOST_SHOWN).map(row),
    );
    more(seen.rows_total, seen.rows.len().min(MOST_SHOWN), "queue row", "queue rows", page);
    page.list(seen.notes.iter().map(String::as_str));
}

fn case(case: &Case) -> [Line; 4] {
    let ok = match case.ok {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not tried",
    };
    [Line::from(case.name.as_str()), Line::from(case.expected.as_str()), Line::new().code(&case.got), Line::from(ok)]
}

fn exchange(seen: &ExchangeSeen) -> [Line; 5] {
    [
        Line::new().code(&format!("{} {}", seen.method, seen.path)),
        Line::from(seen.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())),
        Line::from(seconds(seen.seconds)),
        Line::new().code(&seen.request_id),
        if seen.excerpt.trim().is_empty() { Line::new() } else { Line::new().code(&seen.excerpt) },
    ]
}

fn row(seen: &RowSeen) -> [Line; 6] {
    let processed = seen.processed_at.map(|at| seconds(at.since(seen.created_at).as_secs_f64()));
    [
        Line::new().code(&seen.id),
        Line::new().code(&seen.status),
        Line::from(moment(seen.created_at)),
        Line::from(processed.unwrap_or_else(|| "not recorded".to_owned())),
        Line::from(seen.retry_count.to_string()),
        seen.error_message.as_deref().map_or_else(Line::new, |error| Line::new().code(error)),
    ]
}

/// How many there were beside those shown.
fn more(total: u64, shown: usize, one: &str, many: &str, page: &mut Page) {
    let left = usize::try_from(total).unwrap_or(usize::MAX).saturating_sub(shown);
    if shown > 0 && left > 0 {
        page.paragraph(format!("And {}.", counted(left, &format!("more {one}"), &format!("more {many}"))));
    }
}
