//! JUnit XML, as build servers read it: a suite for each file, a case for each test.

use std::fmt::Write;
use std::time::Duration as StdDuration;

use crate::model::xml::escaped;

use super::Ran;

/// The whole document. A file that cannot be run is a suite with one case that ended in an error.
pub(super) fn document(ran: &[Ran]) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"memsentry test-rules\">\n");
    for ran in ran {
        suite(ran, &mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

// Writing to a String cannot fail.
fn suite(ran: &Ran, out: &mut String) {
    let file = escaped(&ran.file);
    let report = match &ran.result {
        Ok(report) => report,
        Err(problems) => {
            let text = problems.iter().map(|problem| format!("{problem}\n")).collect::<String>();
            let first = problems.first().map(|problem| problem.message.as_str()).unwrap_or_default();
            let _ = writeln!(
                out,
                "  <testsuite name=\"{file}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000\">\n    \
                 <testcase classname=\"{file}\" name=\"the file can be read\" time=\"0.000\">\n      \
                 <error message=\"{}\" type=\"input\">{}</error>\n    </testcase>\n  </testsuite>",
                escaped(first),
                escaped(&text)
            );
            return;
        }
    };
    let failed = report.tests.iter().filter(|test| !test.failures.is_empty()).count();
    let took = seconds(report.tests.iter().map(|test| test.elapsed).sum());
    let tests = report.tests.len();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{took}\">"
    );
    for test in &report.tests {
        let (name, took) = (escaped(&test.name), seconds(test.elapsed));
        let _ = write!(out, "    <testcase classname=\"{file}\" name=\"{name}\" time=\"{took}\"");
        if test.failures.is_empty() {
            out.push_str("/>\n");
            continue;
        }
        out.push_str(">\n");
        for failure in &test.failures {
            let (about, text) = (escaped(&failure.about), escaped(&failure.to_string()));
            let _ = writeln!(out, "      <failure message=\"{about}\" type=\"difference\">{text}</failure>");
        }
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n");
}

fn seconds(time: StdDuration) -> String {
    format!("{:.3}", time.as_secs_f64())
}
