//! JUnit XML, as build servers read it: a suite for each file, a case for each test.

use std::fmt::Write;
use std::time::Duration as StdDuration;

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

/// For text and attributes alike. What XML cannot hold, not even escaped, becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Written as references, so that attributes keep them.
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(escaped("<a b=\"c\">&'\u{1}\n"), "&lt;a b=&quot;c&quot;&gt;&amp;&apos;\u{fffd}&#10;");
    }
}
