//! `memsentry test-rules`: do rules fire when they should, and only then.
//!
//! Runs promtool's unit-test files over our own evaluator (`rule_tests`). A failing case is shown as the lines
//! in which what was expected and what came differ; `junit` writes the same for a build server.

use std::path::PathBuf;

use clap::Args;
use regex::Regex;

use crate::model::Problem;
use crate::rule_tests::{self, Report};

use super::{Exit, Subcommand, output, with};

mod coverage;
mod junit;

pub(super) const COMMAND: Subcommand = Subcommand {
    name: "test-rules",
    about: "Run unit tests of rules, in promtool's format",
    arguments: Arguments::augment_args,
    run: |matches| with(matches, run),
};

#[derive(Debug, Args)]
struct Arguments {
    /// Files of tests
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only tests whose name the regular expression finds; a test without a name is called `test N`
    #[arg(long, value_name = "REGEX")]
    run: Option<Regex>,
    /// Write the results to FILE as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also tell which rules no test saw at work
    #[arg(long)]
    coverage: bool,
    /// As a JSON object {ok, files: [{file, ok, tests: [{name, ok, seconds, failures}], problems}], coverage}
    #[arg(long)]
    json: bool,
}

/// A file of tests, and what became of it or why it cannot be run.
struct Ran {
    file: String,
    result: Result<Report, Vec<Problem>>,
}

fn run(arguments: Arguments) -> Exit {
    let selected = |name: &str| arguments.run.as_ref().is_none_or(|pattern| pattern.is_match(name));
    let run = |path: &PathBuf| Ran { file: path.display().to_string(), result: rule_tests::run(path, &selected) };
    let ran: Vec<Ran> = arguments.files.iter().map(run).collect();
    if arguments.json {
        output::data(&json(&ran, arguments.coverage).to_string());
    } else {
        ran.iter().for_each(tell);
        summary(&ran);
        if arguments.coverage {
            coverage::lines(&ran).iter().for_each(|line| output::data(line));
        }
    }
    if let Some(path) = &arguments.junit
        && let Err(error) = std::fs::write(path, junit::document(&ran))
    {
        output::talk(&format!("error: {}: cannot be written: {error}", path.display()));
        return Exit::Input;
    }
    if let Some(pattern) = arguments.run.as_ref().filter(|_| tests(&ran) == 0) {
        output::talk(&format!("error: no test has a name in which {:?} is found", pattern.as_str()));
        return Exit::Input;
    }
    verdict(&ran)
}

fn verdict(ran: &[Ran]) -> Exit {
    let mut exit = Exit::Fine;
    for ran in ran {
        match &ran.result {
            Err(_) => return Exit::Input,
            Ok(report) if !report.passed() => exit = Exit::No,
            Ok(_) => {}
        }
    }
    exit
}

fn tests(ran: &[Ran]) -> usize {
    ran.iter().filter_map(|ran| ran.result.as_ref().ok()).map(|report| report.tests.len()).sum()
}

/// One line for a file, and below it what failed.
fn tell(ran: &Ran) {
    let report = match &ran.result {
        Ok(report) => report,
        Err(problems) => {
            output::data(&format!("ERROR  {}", ran.file));
            output::problems(problems);
            return;
        }
    };
    let verdict = if report.passed() { "ok    " } else { "FAILED" };
    output::data(&format!("{verdict} {}: {}", ran.file, count(report.tests.len(), "test")));
    for doubt in &report.doubts {
        output::talk(&format!("warning: {}: {doubt}", ran.file));
    }
    for test in report.tests.iter().filter(|test| !test.failures.is_empty()) {
        output::data(&format!("  {}", test.name));
        for failure in &test.failures {
            failure.to_string().lines().for_each(|line| output::data(&format!("    {line}")));
        }
    }
}

fn summary(ran: &[Ran]) {
    let reports = || ran.iter().filter_map(|ran| ran.result.as_ref().ok());
    let failed = reports().flat_map(|report| &report.tests).filter(|test| !test.failures.is_empty()).count();
    let unreadable = ran.len() - reports().count();
    let mut told = format!("{} in {}, {failed} failed", count(tests(ran), "test"), count(ran.len(), "file"));
    if failed > 0 {
        told.push_str(" (- expected and missing, + came and was not expected)");
    }
    if unreadable > 0 {
        told.push_str(&format!(", {} with mistakes", count(unreadable, "file")));
    }
    output::data(&told);
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn json(ran: &[Ran], coverage: bool) -> serde_json::Value {
    let files: Vec<_> = ran.iter().map(file).collect();
    let mut whole = serde_json::json!({"ok": verdict(ran) == Exit::Fine, "files": files});
    if coverage {
        whole["coverage"] = coverage::json(ran);
    }
    whole
}

fn file(ran: &Ran) -> serde_json::Value {
    let (report, problems) = match &ran.result {
        Ok(report) => (Some(report), Vec::new()),
        Err(problems) => (None, problems.iter().map(output::json).collect()),
    };
    let tests: Vec<_> = report
        .iter()
        .flat_map(|report| &report.tests)
        .map(|test| {
            let failures: Vec<_> = test
                .failures
                .iter()
                .map(|failure| {
                    serde_json::json!({
                        "about": failure.about, "error": failure.error,
                        "expected": failure.expected, "got": failure.got,
                    })
                })
                .collect();
            let (ok, seconds) = (failures.is_empty(), test.elapsed.as_secs_f64());
            serde_json::json!({"name": test.name, "ok": ok, "seconds": seconds, "failures": failures})
        })
        .collect();
    serde_json::json!({
        "file": ran.file,
        "ok": report.is_some_and(Report::passed),
        "tests": tests,
        "doubts": report.map(|report| report.doubts.clone()).unwrap_or_default(),
        "problems": problems,
    })
}
