//! JUnit XML, as build servers read it: a suite for each part of the requirements, a case for each criterion.
//!
//! Not judged is `skipped`, so that a build server counts it apart from what passed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration as StdDuration;

use crate::model::xml::escaped;

use super::words::{area, inert};
use super::{Area, CriterionResult, Report, Verdict, figures};

/// Cases and figures that one failure lists.
const MOST_LISTED: usize = 40;

/// The whole document.
#[must_use]
pub fn document(report: &Report) -> String {
    let mut suites: BTreeMap<Area, Vec<&CriterionResult>> = BTreeMap::new();
    for result in &report.results {
        suites.entry(result.area).or_default().push(result);
    }
    let name = text(&format!("memsentry validate {}", report.target.name));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&CriterionResult> = report.results.iter().collect();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<testsuites name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{}\">",
        all.len(),
        report.count(Verdict::Fail),
        time(&all)
    );
    suites.into_iter().for_each(|(part, results)| suite(report, part, &results, &mut out));
    out.push_str("</testsuites>\n");
    out
}

fn suite(report: &Report, part: Area, results: &[&CriterionResult], out: &mut String) {
    let count = |verdict| results.iter().filter(|result| result.verdict == verdict).count();
    let began = results.iter().map(|result| result.began).min().unwrap_or(report.began).rfc3339();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\">\n    \
         <properties>\n      <property name=\"run_id\" value=\"{}\"/>\n      <property name=\"target\" value=\"{}\"/>\n    \
         </properties>",
        text(area(part)),
        results.len(),
        count(Verdict::Fail),
        count(Verdict::NotJudged),
        time(results),
        text(began.get(..19).unwrap_or(&began)),
        text(&report.run_id),
        text(&report.target.url),
    );
    results.iter().for_each(|result| case(result, out));
    out.push_str("  </testsuite>\n");
}

fn case(result: &CriterionResult, out: &mut String) {
    let summary = text(&result.summary);
    let class = format!("memsentry.{}", text(area(result.area)).replace(' ', "_"));
    let _ =
        write!(out, "    <testcase classname=\"{class}\" name=\"{}\" time=\"{}\"", text(&result.id), time(&[result]));
    let _ = match result.verdict {
        Verdict::Pass => writeln!(out, ">\n      <system-out>{summary}</system-out>\n    </testcase>"),
        Verdict::NotJudged => writeln!(out, ">\n      <skipped message=\"{summary}\"/>\n    </testcase>"),
        Verdict::Fail => writeln!(
            out,
            ">\n      <failure message=\"{summary}\" type=\"broken promise\">{}</failure>\n    </testcase>",
            details(result)
        ),
    };
}

/// The promise, the figures, and the cases that went wrong, one a line.
fn details(result: &CriterionResult) -> String {
    let mut lines = vec![format!("promised: {}", result.promise), format!("found: {}", result.summary)];
    let judged = result.evidence.figures.iter().filter(|figure| figure.promised.is_some());
    lines.extend(judged.take(MOST_LISTED).map(figures::sentence));
    let wrong = result.evidence.cases.iter().filter(|case| case.ok == Some(false));
    let wrong = wrong.map(|case| format!("{}: expected {}, got {}", case.name, case.expected, case.got));
    lines.extend(wrong.take(MOST_LISTED));
    let failed = result.evidence.exchanges.iter().filter(|seen| seen.status.is_none_or(|status| status >= 400));
    let ids: Vec<&str> = failed.take(MOST_LISTED).map(|seen| seen.request_id.as_str()).collect();
    if !ids.is_empty() {
        lines.push(format!("request ids: {}", ids.join(", ")));
    }
    lines.iter().map(|line| text(line)).collect::<Vec<_>>().join("\n")
}

fn text(outside: &str) -> String {
    escaped(&inert(outside))
}

fn time(results: &[&CriterionResult]) -> String {
    let sum: StdDuration = results.iter().map(|result| result.took.std()).sum();
    format!("{:.3}", sum.as_secs_f64())
}
