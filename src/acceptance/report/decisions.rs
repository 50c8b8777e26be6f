//! The decisions: how everything was measured, and why so.

use std::collections::BTreeMap;

use super::markdown::{Line, Page};
use super::words::{area, bound, counted, ratio, seconds, took, whole};
use super::{Area, CriterionResult, RateLimit, Report};

pub(super) fn write(report: &Report) -> String {
    let mut page = Page::new("Decisions", report);
    page.paragraph(
        "Why the figures of this run may be believed, and where that ends. Each decision could have been taken otherwise; \
         the reason stands beside it.",
    );
    verdicts(report, &mut page);
    statistics(&mut page);
    sizes(report, &mut page);
    methods(report, &mut page);
    page.finish()
}

fn verdicts(report: &Report, page: &mut Page) {
    page.heading(2, "What a verdict means");
    page.list([
        "Pass: the promise was measured and is kept. Nothing passes by default.",
        "Fail: something was observed that contradicts the promise itself. A step that fails on the way says nothing about a \
         promise that is not about that step.",
        "Not judged: something kept the criterion from measuring, and the reason is given. It counts neither for nor against \
         a go, and it is listed as a condition of one.",
    ]);
    page.paragraph(if report.chaos {
        "Faults were injected, because it was asked for and confirmed (--chaos): recovery can only be judged by breaking \
         something. Each fault is healed by the run itself, and by a second process should the run be killed."
    } else {
        "No fault was injected, because it was not asked for (--chaos): a validation that breaks things uninvited is worse \
         than an open question. Criteria about recovery are therefore not judged."
    });
    page.paragraph(if report.target.database {
        "The database was read beside the API, because an answer of 200 to a read does not prove that an update was \
         processed: the queue row does."
    } else {
        "Without the database, whatever only a queue row can prove is not judged rather than inferred from an answer."
    });
}

fn statistics(page: &mut Page) {
    page.heading(2, "How figures are read");
    page.list([
        "Times are kept in a histogram of microseconds that is exact to three digits; quantiles are its own, not averages of \
         averages.",
        "The interval of a quantile is that of the order statistics around it, with 95 % confidence. Where there are too \
         few samples to bound a quantile from both sides, that is said, and the quantile is not compared with other runs.",
        "The interval of a share is Wilson's, which is sound near 100 % and for few samples, where the usual one claims \
         certainty.",
        "A single number has no interval. It is one reading, and is called so.",
        "Accepting, waiting, processing and reading are timed apart where the service shows them apart: one sum would hide \
         which of them is slow.",
    ]);
}

fn sizes(report: &Report, page: &mut Page) {
    let promised = &report.promised;
    page.heading(2, "Sizes, and where they come from");
    let levels: Vec<String> = promised.concurrency.iter().map(|level| whole(u64::from(*level))).collect();
    let RateLimit { requests, per } = promised.rate_limit;
    page.list([
        format!(
            "Bounds are the service's own promises: updates visible within {} for {} of them, reads within {} for {}, {} of \
             operations successful.",
            seconds(promised.update_visible_seconds),
            ratio(promised.update_visible_ratio),
            seconds(promised.retrieval_seconds),
            ratio(promised.retrieval_ratio),
            ratio(promised.success_ratio),
        ),
        if requests == 0 {
            "The service promises no rate limit, so requests were not paced by one.".to_owned()
        } else {
            format!(
                "Requests were paced below {requests} in {} for each of {}: a run that trips the rate limit measures the \
                 rate limit. The criterion about the limit is the exception.",
                took(per),
                counted(report.target.users, "user", "users")
            )
        },
        format!("Concurrency was asked for at {} updates at once, and the store was to hold {} memories.", levels.join(", "), whole(u64::from(promised.stored_memories))),
        format!("Of the facts told over several updates, {} must be kept.", ratio(promised.retention_ratio)),
        "Everything the run makes carries its run id, so that it can be told from users' data and removed.".to_owned(),
    ]);
}

fn methods(report: &Report, page: &mut Page) {
    let mut areas: BTreeMap<Area, Vec<&CriterionResult>> = BTreeMap::new();
    for result in &report.results {
        areas.entry(result.area).or_default().push(result);
    }
    page.heading(2, "How each criterion was measured");
    for (part, results) in areas {
        page.heading(3, area(part));
        page.list(results.into_iter().map(|result| {
            let line = Line::new()
                .code(&result.id)
                .text(&format!(": {} ", ended(&result.promise)))
                .text(&ended(&result.method));
            let bounds: Vec<String> = result
                .evidence
                .figures
                .iter()
                .filter(|figure| figure.promised.is_some())
                .map(|figure| format!("{} {}", figure.name, bound(figure)))
                .collect();
            if bounds.is_empty() { line } else { line.text(&format!(" Judged by: {}.", bounds.join("; "))) }
        }));
    }
}

/// With a full stop.
fn ended(sentence: &str) -> String {
    let sentence = sentence.trim();
    if sentence.ends_with(['.', '!', '?']) { sentence.to_owned() } else { format!("{sentence}.") }
}
