//! The notes: what was run, in which order, and what was measured on the way.

use super::assumptions::assumptions;
use super::markdown::{Line, Page};
use super::words::{area, counted, moment, ratio, seconds, told, took, value, whole};
use super::{CriterionResult, Figure, Report, TimelinePoint};

pub(super) fn write(report: &Report) -> String {
    let mut page = Page::new("Notes", report);
    setting(report, &mut page);
    order(report, &mut page);
    measured(report, &mut page);
    queue(report, &mut page);
    disturbances(report, &mut page);
    page.finish()
}

/// Who sent what to whom, and by what it was measured.
fn setting(report: &Report, page: &mut Page) {
    let (target, promised) = (&report.target, &report.promised);
    page.heading(2, "Setting");
    page.list([
        format!("Requests were sent by {}.", counted(target.users, "user", "users")),
        if target.database {
            "The service's database was read, so queue rows and tables were seen as they are stored.".to_owned()
        } else {
            "The service's database was not read: everything here was seen through the HTTP API alone.".to_owned()
        },
        if report.chaos {
            "Things were allowed to be broken (--chaos), and were healed again.".to_owned()
        } else {
            "Nothing was broken on purpose (no --chaos).".to_owned()
        },
    ]);
    if report.resumed {
        page.paragraph("The run went on from an interrupted one; verdicts of both parts stand here.");
    }
    page.paragraph("It was measured by these promises:");
    let limit = promised.rate_limit;
    let limit = if limit.requests == 0 {
        "none".to_owned()
    } else {
        format!("{} in {}", counted(limit.requests as usize, "request", "requests"), took(limit.per))
    };
    let levels: Vec<String> = promised.concurrency.iter().map(|level| whole(u64::from(*level))).collect();
    let within = |limit: f64, share: f64| format!("within {} for {}", seconds(limit), ratio(share));
    let rows = [
        ("An update is visible", within(promised.update_visible_seconds, promised.update_visible_ratio)),
        ("A memory is read", within(promised.retrieval_seconds, promised.retrieval_ratio)),
        ("Operations succeed", format!("at least {}", ratio(promised.success_ratio))),
        ("Rate limit of one user", limit),
        ("Updates at once", levels.join(", ")),
        ("Stored memories", whole(u64::from(promised.stored_memories))),
        ("Facts are kept over updates", format!("at least {}", ratio(promised.retention_ratio))),
    ];
    page.table(["Promise", "Figure"], rows.map(|(what, figure)| [Line::from(what), Line::from(figure)]));
}

fn order(report: &Report, page: &mut Page) {
    page.heading(2, "What was run");
    page.paragraph("In this order; the start is counted from the beginning of the run.");
    let row = |result: &CriterionResult| {
        let start = seconds(result.began.since(report.began).as_secs_f64());
        let seen = &result.evidence;
        [
            Line::from(start),
            Line::new().code(&result.id),
            Line::from(result.verdict.as_str()),
            Line::from(took(result.took)),
            Line::from(whole(seen.exchanges_total)),
            Line::from(whole(seen.rows_total)),
            Line::from(seen.cases.len().to_string()),
        ]
    };
    let mut results: Vec<&CriterionResult> = report.results.iter().collect();
    results.sort_by_key(|result| result.began);
    page.table(
        ["Start", "Criterion", "Verdict", "Took", "Requests noted", "Rows noted", "Cases"],
        results.into_iter().map(row),
    );
    if !report.left_out.is_empty() {
        let line = Line::new().text("Left out on request: ");
        let ids = report.left_out.iter().enumerate();
        page.paragraph(ids.fold(line, |line, (at, id)| (if at > 0 { line.text(", ") } else { line }).code(id)));
    }
}

fn measured(report: &Report, page: &mut Page) {
    page.heading(2, "What was measured");
    let any = report.results.iter().any(|result| !result.evidence.figures.is_empty());
    page.paragraph(if any {
        "Every figure of the run. Intervals hold the true value with 95 % confidence, as far as this run can tell."
    } else {
        "No criterion of this run measured a figure."
    });
    let row = |figure: &Figure| {
        let told = told(figure);
        [figure.name.clone(), told.value, told.confidence, told.samples, told.promised].map(Line::from)
    };
    for result in report.results.iter().filter(|result| !result.evidence.figures.is_empty()) {
        page.heading(3, Line::new().text(area(result.area)).text(": ").code(&result.id));
        page.table(
            ["Figure", "Value", "95 % interval", "Samples", "Promised"],
            result.evidence.figures.iter().map(row),
        );
    }
    for result in report.results.iter().filter(|result| !result.evidence.notes.is_empty()) {
        page.paragraph(Line::new().text("Remarks on ").code(&result.id).text(":"));
        page.list(result.evidence.notes.iter().map(String::as_str));
    }
}

fn queue(report: &Report, page: &mut Page) {
    page.heading(2, "The queue meanwhile");
    let deepest = report.timeline.iter().max_by_key(|point| point.depth);
    let oldest = report.timeline.iter().max_by(|a, b| a.oldest_seconds.total_cmp(&b.oldest_seconds));
    let (Some(deepest), Some(oldest), Some(last)) = (deepest, oldest, report.timeline.last()) else {
        page.paragraph("It was not observed.");
        return;
    };
    let at = |point: &TimelinePoint| {
        let start = seconds(point.at.since(report.began).as_secs_f64());
        let during = report
            .results
            .iter()
            .find(|result| result.began <= point.at && point.at.since(result.began) <= result.took.std());
        during.map_or_else(
            || format!("{start} after the start"),
            |result| format!("{start} after the start, during {}", result.id),
        )
    };
    let rows = |depth: u64| counted(usize::try_from(depth).unwrap_or(usize::MAX), "open row", "open rows");
    page.list([
        format!("{} looks, from {} on.", whole(report.timeline.len() as u64), moment(report.began)),
        format!("Deepest: {}, {}.", rows(deepest.depth), at(deepest)),
        format!("Oldest open row: {} old, {}.", value(oldest.oldest_seconds, "seconds"), at(oldest)),
        format!("At the last look: {}.", rows(last.depth)),
    ]);
}

fn disturbances(report: &Report, page: &mut Page) {
    page.heading(2, "What may have disturbed it");
    page.list(assumptions(report).into_iter().map(|assumption| {
        let word = super::test_update::standing(assumption.standing);
        format!("{word}: that {}; {}.", assumption.what, assumption.why)
    }));
    if !report.interference.remarks.is_empty() {
        page.paragraph("Remarks of the run:");
        page.list(report.interference.remarks.iter().map(String::as_str));
    }
}
